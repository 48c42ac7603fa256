//! One of everything: what is made up about things that are nowhere comes no further than their absence.

use serde_json::{Value, json};

use crate::server::Server;

/// Values of parameters by the paths they stand in: the beginning of a path, the parameter, the value.
pub(crate) type Things = Vec<(&'static str, &'static str, String)>;

/// Makes one of everything in the first workspace.
pub(crate) async fn make(server: &Server) -> Things {
    let document = json!({
        "name": "Greeting",
        "inputs": {"type": "object", "properties": {"who": {"type": "string"}}},
        "nodes": [
            {"id": "start", "type": "start"},
            {"id": "greet", "type": "set", "data": {"params": {"values": {"text": "Hello {{ input.who }}"}}}},
            {"id": "ask", "type": "approval", "data": {"params": {"title": "Go on?"}}},
            {"id": "end", "type": "end"},
        ],
        "edges": [
            {"id": "e1", "source": "start", "target": "greet"},
            {"id": "e2", "source": "greet", "target": "ask"},
            {"id": "e3", "source": "ask", "sourceHandle": "approved", "target": "end"},
        ],
    });
    let workflow = made(server, "/api/v1/workflows", &json!({ "document": document })).await;
    let of_workflow = format!("/api/v1/workflows/{workflow}");
    server.post(&format!("{of_workflow}/publish"), &json!({})).await;
    let started = server.post(&format!("{of_workflow}/execute"), &json!({"input": {"who": "Ada"}})).await;
    let execution = started["execution_id"].as_str().unwrap().to_owned();
    let cron = json!({"name": "nightly", "config": {"kind": "cron", "schedule": "0 3 * * *", "time_zone": "UTC"}});
    let trigger = made(server, &format!("{of_workflow}/triggers"), &cron).await;
    let secret = json!({"name": "secret", "secret": {"type": "bearer", "token": "abcdefgh"}});
    let credential = made(server, "/api/v1/credentials", &secret).await;
    // Switched off: nobody out there is to be asked.
    let hook = json!({"url": "https://receiver.example.com/", "events": ["*"], "enabled": false});
    let hook = made(server, "/api/v1/webhooks", &hook).await;
    let channel = json!({"type": "email", "to": ["ops@example.com"]});
    let rule = json!({"name": "tell", "events": ["ExecutionFailed"], "enabled": false, "channel": channel});
    let rule = made(server, "/api/v1/notification-rules", &rule).await;
    vec![
        ("/api/v1/workflows/", "id", workflow),
        ("/api/v1/workflows/", "number", "1".to_owned()),
        ("/api/v1/workflows/", "older", "1".to_owned()),
        ("/api/v1/workflows/", "newer", "draft".to_owned()),
        ("/api/v1/executions/", "id", execution),
        ("/api/v1/triggers/", "id", trigger),
        ("/api/v1/credentials/", "id", credential),
        ("/api/v1/webhooks/", "id", hook),
        ("/api/v1/notification-rules/", "id", rule),
        ("/api/v1/workspaces/", "id", server.workspace.clone()),
    ]
}

async fn made(server: &Server, path: &str, body: &Value) -> String {
    let thing = server.post(path, body).await;
    thing["id"].as_str().expect("what is made has an id").to_owned()
}
