//! What is kept of answers: never out of date, never asked for twice.

use reqwest::Method;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};

use crate::documents;
use crate::server::{Answer, Server};

async fn again(server: &Server, path: &str, known: &Answer) -> Answer {
    let tag = known.headers[ETAG].to_str().unwrap().to_owned();
    Answer::of(server.request(Method::GET, path).header(IF_NONE_MATCH, tag)).await
}

#[tokio::test]
async fn an_ended_execution_is_read_once_and_sent_once() {
    let server = Server::start().await;
    let workflow = server.published(&documents::greeting()).await;
    let execution = server.execute(&workflow, json!({"who": "Ada"})).await;
    server.until(&execution, "completed").await;
    let first = server.get(&execution).await;
    let loads = server.cache.stats().loads;
    for _ in 0..10 {
        let next = server.get(&execution).await;
        assert_eq!((next.status, &next.text), (first.status, &first.text));
        assert_eq!(next.headers["content-type"], "application/json");
        assert_eq!(next.headers["cache-control"], "private, no-cache");
    }
    assert_eq!(server.cache.stats().loads, loads);
    let known = again(&server, &execution, &first).await;
    assert_eq!((known.status.as_u16(), known.text.as_str()), (304, ""));
    assert_eq!(known.headers[ETAG], first.headers[ETAG]);
}

#[tokio::test]
async fn an_execution_that_goes_on_is_shown_as_it_is() {
    let server = Server::start().await;
    let workflow = server.published(&documents::waiting()).await;
    let execution = server.execute(&workflow, Value::Null).await;
    server.until(&execution, "waiting").await;
    let before = server.get(&execution).await;
    assert_eq!(again(&server, &execution, &before).await.status, 304);
    server.post(&format!("{execution}/signals/go"), &json!("now")).await;
    server.until(&execution, "completed").await;
    let after = again(&server, &execution, &before).await;
    assert_eq!((after.status.as_u16(), &after.json()["status"]), (200, &json!("completed")));
    // A failed one can be told to go on, and is not kept.
    let failing = server.published(&documents::failing()).await;
    let failed = server.execute(&failing, Value::Null).await;
    let seq = server.until(&failed, "failed").await["seq"].as_u64().unwrap();
    assert_eq!(server.tell(&format!("{failed}/retry")).await.status, 202);
    let more = async {
        while server.get(&failed).await.json()["seq"].as_u64().unwrap() <= seq {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::server::PATIENCE, more).await.expect("the execution goes on");
}

#[tokio::test]
async fn a_workflow_is_shown_as_the_last_change_left_it() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let mut before = server.get(&workflow).await;
    assert_eq!(again(&server, &workflow, &before).await.status, 304);
    let named = |name: &str| json!({"document": {"name": name}});
    let patch = |name: &str| server.request(Method::PATCH, &workflow).header("if-match", "*").json(&named(name));
    for step in 0..6 {
        let changed = match step {
            0 => Answer::of(patch("Another")).await,
            1 => server.tell(&format!("{workflow}/publish")).await,
            2 => server.tell(&format!("{workflow}/pause")).await,
            3 => server.tell(&format!("{workflow}/resume")).await,
            4 => Answer::of(patch("A third")).await,
            _ => server.tell(&format!("{workflow}/versions/1/restore")).await,
        };
        assert_eq!(changed.status, 200, "{step}: {}", changed.text);
        let after = again(&server, &workflow, &before).await;
        assert_eq!(after.status, 200, "{step}");
        assert_eq!(after.json()["revision"], changed.json()["revision"], "{step}");
        before = after;
    }
    assert_eq!(Answer::of(server.request(Method::DELETE, &workflow)).await.status, 204);
    assert_eq!(server.get(&workflow).await.status, 404);
    assert_eq!(server.tell(&format!("{workflow}/restore")).await.status, 200);
    assert_eq!(server.get(&workflow).await.status, 200);
}
