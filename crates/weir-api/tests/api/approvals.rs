//! `/approvals`.

use serde_json::{Value, json};

use crate::documents;
use crate::server::{Server, redacted};

#[tokio::test]
async fn a_person_answers_a_question_once_and_with_fitting_data() {
    let server = Server::start().await;
    let form = json!({"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}});
    let ask = json!({"title": "Pay?", "form": form, "assignee": "ada@example.org"});
    let workflow = server.published(&documents::with_node("approval", Some("approved"), &ask)).await;
    let execution = server.execute(&workflow, Value::Null).await;
    server.until(&execution, "waiting").await;
    let open = server.get("/api/v1/approvals?status=open").await.json();
    let mut shown = redacted(&open);
    shown["items"][0]["id"] = json!("[approval]");
    insta::assert_json_snapshot!("open", shown);
    let approval = format!("/api/v1/approvals/{}", open["items"][0]["id"].as_str().unwrap());
    assert_eq!(server.get(&approval).await.json(), open["items"][0]);

    let unfit =
        server.post(&format!("{approval}/decide"), &json!({"approved": true, "data": {"amount": "lots"}})).await;
    assert_eq!((unfit.status.as_u16(), unfit.problem()), (422, "approval_data_invalid".to_owned()));
    assert_eq!(unfit.json()["errors"][0]["pointer"], "/data/amount");
    let decision = json!({"approved": true, "data": {"amount": 7}, "by": "ada", "comment": "fine"});
    assert_eq!(server.post(&format!("{approval}/decide"), &decision).await.status, 204);
    let done = server.until(&execution, "completed").await;
    assert_eq!((&done["output"]["data"], &done["output"]["by"]), (&json!({"amount": 7}), &json!("ada")));
    let twice = server.post(&format!("{approval}/decide"), &decision).await;
    assert_eq!(twice.status, 409, "{}", twice.text);
    assert_eq!(server.get("/api/v1/approvals?status=open").await.json()["items"], json!([]));
    assert_eq!(server.get("/api/v1/approvals/nonsense").await.problem(), "path_invalid");
    assert_eq!(server.get("/api/v1/approvals?status=perhaps").await.problem(), "query_invalid");
}
