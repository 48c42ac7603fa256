//! `/executions`: lists, commands, repair.

use serde_json::{Value, json};

use crate::documents;
use crate::server::{Answer, Server};

#[tokio::test]
async fn executions_are_filtered_and_paged() {
    let server = Server::start().await;
    let (greeting, waiting) =
        (server.published(&documents::greeting()).await, server.published(&documents::waiting()).await);
    for _ in 0..3 {
        let execution = server.execute(&greeting, json!({"who": "x"})).await;
        server.until(&execution, "completed").await;
    }
    let execution = server.execute(&waiting, Value::Null).await;
    server.until(&execution, "waiting").await;
    let count = async |query: &str| {
        let list = server.get(&format!("/api/v1/executions?{query}")).await;
        list.json()["items"].as_array().unwrap_or_else(|| panic!("{query}: {}", list.text)).len()
    };
    let workflow_id = greeting.rsplit('/').next().unwrap();
    assert_eq!(count("").await, 4);
    assert_eq!(count(&format!("workflow_id={workflow_id}")).await, 3);
    assert_eq!(count("status=waiting").await, 1);
    assert_eq!(count("status=waiting,completed").await, 4);
    assert_eq!(count("status=waiting&status=failed").await, 1);
    assert_eq!(count("trigger=api").await, 4);
    assert_eq!(count("trigger=cli").await, 0);
    assert_eq!(count("created_before=2020-01-01T00:00:00Z").await, 0);
    assert_eq!(count("created_from=2020-01-01T00:00:00Z").await, 4);
    let mut seen = Vec::new();
    let mut path = "/api/v1/executions?limit=3".to_owned();
    loop {
        let page = server.get(&path).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/executions?limit=3&cursor={cursor}");
    }
    assert_eq!(seen.len(), 4);
    assert!(seen.is_sorted_by(|newer, older| newer > older), "newest first");
}

#[tokio::test]
async fn a_signal_reaches_the_node_that_waits() {
    let server = Server::start().await;
    let workflow = server.published(&documents::waiting()).await;
    let execution = server.execute(&workflow, Value::Null).await;
    server.until(&execution, "waiting").await;
    let nodes = server.get(&format!("{execution}/nodes")).await.json();
    assert_eq!(nodes["items"][1]["status"], "waiting");
    assert_eq!(server.post(&format!("{execution}/signals/other"), &json!(1)).await.status, 202);
    assert_eq!(server.post(&format!("{execution}/signals/go"), &json!({"speed": 7})).await.status, 202);
    let done = server.until(&execution, "completed").await;
    assert_eq!(done["output"]["data"], json!({"speed": 7}));
    let late = server.post(&format!("{execution}/signals/go"), &json!(1)).await;
    assert_eq!((late.status.as_u16(), late.problem()), (409, "execution_transition_refused".to_owned()));
}

#[tokio::test]
async fn an_execution_is_paused_resumed_and_cancelled() {
    let server = Server::start().await;
    let workflow = server.published(&documents::waiting()).await;
    let execution = server.execute(&workflow, Value::Null).await;
    server.until(&execution, "waiting").await;
    assert_eq!(server.tell(&format!("{execution}/resume")).await.problem(), "execution_transition_refused");
    assert_eq!(server.tell(&format!("{execution}/pause")).await.json()["status"], "paused");
    assert_eq!(server.tell(&format!("{execution}/pause")).await.status, 409);
    assert_eq!(server.tell(&format!("{execution}/resume")).await.status, 202);
    let cancelled = server.post(&format!("{execution}/cancel"), &json!({"reason": "enough"})).await;
    assert_eq!(cancelled.status, 202, "{}", cancelled.text);
    server.until(&execution, "cancelled").await;
    let journal = server.get(&format!("{execution}/journal")).await.text;
    assert!(journal.contains("\"reason\":\"enough\""), "{journal}");
    assert_eq!(server.tell(&format!("{execution}/cancel")).await.status, 409);
    assert_eq!(server.tell(&format!("{execution}/retry")).await.status, 409);
}

#[tokio::test]
async fn an_ended_execution_runs_again_from_a_node_and_on_another_version() {
    let server = Server::start().await;
    let workflow = server.published(&documents::greeting()).await;
    let execution = server.execute(&workflow, json!({"who": "Ada"})).await;
    server.until(&execution, "completed").await;
    let again =
        server.post(&format!("{execution}/rerun"), &json!({"from_node": "greet", "input": {"who": "Bo"}})).await;
    assert_eq!(again.status, 202, "{}", again.text);
    let again = again.json()["status_url"].as_str().unwrap().to_owned();
    let done = server.until(&again, "completed").await;
    assert_eq!((&done["output"], &done["parent"]["relation"]), (&json!("Hello, Bo!"), &json!("rerun")));
    let children = server.get(&format!("/api/v1/executions?parent={}", execution.rsplit('/').next().unwrap())).await;
    assert_eq!(children.json()["items"].as_array().unwrap().len(), 1);
    let on_version = server.post(&format!("{execution}/rerun"), &json!({"from_node": "end", "version": 1})).await;
    assert_eq!(on_version.status, 202);
    let nowhere = server.post(&format!("{execution}/rerun"), &json!({"from_node": "nope"})).await;
    assert_eq!((nowhere.status.as_u16(), nowhere.problem()), (422, "rerun_invalid".to_owned()));
    let no_version = server.post(&format!("{execution}/rerun"), &json!({"from_node": "end", "version": 9})).await;
    assert_eq!(no_version.problem(), "version_not_found");
    let running = server.published(&documents::waiting()).await;
    let running = server.execute(&running, Value::Null).await;
    let too_early = server.post(&format!("{running}/rerun"), &json!({"from_node": "work"})).await;
    assert_eq!((too_early.status.as_u16(), too_early.problem()), (409, "execution_running".to_owned()));
}

#[tokio::test]
async fn nodes_within_a_container_are_paged_and_addressed() {
    let server = Server::start().await;
    let document = json!({
        "name": "Each",
        "nodes": [
            {"id": "start", "type": "start"},
            {"id": "each", "type": "map", "data": {"params": {"items": "{{ input }}"}}},
            {"id": "begin", "type": "start", "parentNode": "each"},
            {"id": "double", "type": "set", "parentNode": "each", "data": {"params": {"values": {"n": "{{ item * 2 }}"}}}},
            {"id": "again", "type": "set", "parentNode": "each", "data": {"params": {"values": {"n": "{{ steps.double.n + 1 }}"}}}},
        ],
        "edges": [
            {"id": "e1", "source": "start", "target": "each"},
            {"id": "e2", "source": "begin", "target": "double"},
            {"id": "e3", "source": "double", "target": "again"},
        ],
    });
    let workflow = server.published(&document).await;
    let execution = server.execute(&workflow, json!([1, 2, 3])).await;
    server.until(&execution, "completed").await;
    let inside = server.get(&format!("{execution}/nodes?within=each%5B2%5D&limit=1")).await.json();
    assert_eq!(inside["items"].as_array().unwrap().len(), 1, "{inside}");
    assert!(inside["next_cursor"].is_string(), "{inside}");
    let node = server.get(&format!("{execution}/nodes/each%5B2%5D/double")).await;
    assert_eq!(node.json()["output"], json!({"n": 6}), "{}", node.text);
    assert_eq!(server.get(&format!("{execution}/nodes/each%5B9%5D/double")).await.problem(), "node_not_found");
}

#[tokio::test]
async fn the_journal_is_read_in_slices() {
    let server = Server::start().await;
    let workflow = server.published(&documents::greeting()).await;
    let execution = server.execute(&workflow, json!({"who": "x"})).await;
    let total = server.until(&execution, "completed").await["seq"].as_u64().unwrap();
    let mut after = 0;
    let mut seen = Vec::new();
    loop {
        let slice = server.get(&format!("{execution}/journal?after={after}&limit=2")).await.json();
        seen.extend(slice["items"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()));
        match slice["next_after"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(seen, (1..=total).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_bare_document_is_run_once_per_key_and_refused_with_its_places() {
    let server = Server::start().await;
    let start = |body: Value| {
        let request = server.request(reqwest::Method::POST, "/api/v1/executions").header("idempotency-key", "one");
        Answer::of(request.json(&body))
    };
    let refused = start(json!({"document": documents::broken()})).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "document_invalid".to_owned()));
    assert!(refused.json()["errors"][0]["pointer"].as_str().unwrap().starts_with("/document/"), "{}", refused.text);
    let body = json!({"document": documents::greeting(), "input": {"who": "Ada"}});
    let (first, again) = (start(body.clone()).await, start(body).await);
    assert_eq!((first.status.as_u16(), first.json()), (202, again.json()), "{}", first.text);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let done = server.until(first.json()["status_url"].as_str().unwrap(), "completed").await;
    assert_eq!((&done["output"], &done["workflow_id"]), (&json!("Hello, Ada!"), &Value::Null));
}
