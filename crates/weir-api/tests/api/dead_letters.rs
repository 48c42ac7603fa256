//! `/dead-letters`.

use serde_json::Value;

use crate::documents;
use crate::server::{Server, redacted};

#[tokio::test]
async fn a_failed_execution_is_a_dead_letter_until_somebody_deals_with_it() {
    let server = Server::start().await;
    let workflow = server.published(&documents::failing()).await;
    let execution = server.execute(&workflow, Value::Null).await;
    let failed = server.until(&execution, "failed").await;
    insta::assert_json_snapshot!("failed", redacted(&failed["error"]));
    let id = execution.rsplit('/').next().unwrap();
    let letters = async || server.get("/api/v1/dead-letters").await.json()["items"].as_array().unwrap().len();
    assert_eq!(letters().await, 1);
    assert_eq!(server.tell(&format!("/api/v1/dead-letters/{id}/replay")).await.status, 202);
    server.until(&execution, "failed").await;
    assert_eq!(letters().await, 1);
    assert_eq!(server.tell(&format!("/api/v1/dead-letters/{id}/dismiss")).await.status, 204);
    assert_eq!(letters().await, 0);
    let gone = server.tell(&format!("/api/v1/dead-letters/{id}/dismiss")).await;
    assert_eq!((gone.status.as_u16(), gone.problem()), (404, "dead_letter_not_found".to_owned()));
}
