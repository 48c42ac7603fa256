//! `/healthz`, `/readyz`, `/version`.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn a_server_with_its_database_is_alive_and_ready() {
    let server = Server::start().await;
    assert_eq!(server.get("/healthz").await.json(), json!({"status": "ok"}));
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json(), json!({"status": "ok", "database": "ok", "objects": "ok", "cache": "ok"}));
    assert_eq!(server.get("/version").await.json()["version"], "0.0.0-test");
}

#[tokio::test]
async fn a_server_without_its_database_is_alive_and_not_ready() {
    let server = Server::start().await;
    server.db.close().await;
    assert_eq!(server.get("/healthz").await.status, 200);
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.json(),
        json!({"status": "unavailable", "database": "unavailable", "objects": "ok", "cache": "ok"})
    );
    let list = server.get("/api/v1/workflows").await;
    assert_eq!((list.status.as_u16(), list.problem()), (503, "unavailable".to_owned()));
    assert_eq!(list.headers["retry-after"], "1");
    assert!(!list.text.contains("clos"), "the database's words are not for clients: {}", list.text);
}
