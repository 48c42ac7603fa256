//! The way everybody goes: create, publish, run, look; on both databases.

use serde_json::json;

use crate::documents;
use crate::server::{Answer, Server, redacted};

#[tokio::test]
async fn a_workflow_is_made_published_run_and_looked_at() {
    for (server, database) in Server::start_all().await {
        let created =
            server.post("/api/v1/workflows", &json!({"document": documents::greeting(), "tags": ["a"]})).await;
        assert_eq!(created.status, 201, "{}", created.text);
        assert_eq!(created.headers["etag"], "\"1\"");
        insta::allow_duplicates! { insta::assert_json_snapshot!("created", redacted(&created.json())); }
        let workflow = created.headers["location"].to_str().unwrap().to_owned();

        let published = server.tell(&format!("{workflow}/publish")).await;
        assert_eq!((published.status.as_u16(), &published.headers["etag"]), (200, &"\"2\"".parse().unwrap()));
        insta::allow_duplicates! { insta::assert_json_snapshot!("published", redacted(&published.json())); }

        let done = server.post(&format!("{workflow}/execute?wait=30"), &json!({"input": {"who": "Ada"}})).await;
        assert_eq!(done.status, 200, "{}: {}", database.name, done.text);
        insta::allow_duplicates! { insta::assert_json_snapshot!("executed", redacted(&done.json())); }
        let execution = format!("/api/v1/executions/{}", done.json()["id"].as_str().unwrap());

        let nodes = server.get(&format!("{execution}/nodes")).await.json();
        insta::allow_duplicates! { insta::assert_json_snapshot!("nodes", redacted(&nodes)); }
        assert_eq!(server.get(&format!("{execution}/nodes/greet")).await.json(), nodes["items"][1]);
        let journal = server.get(&format!("{execution}/journal")).await.json();
        insta::allow_duplicates! { insta::assert_json_snapshot!("journal", redacted(&journal)); }
        assert_eq!(server.get(&format!("{execution}/logs")).await.json(), json!({"items": [], "next_cursor": null}));
        let list = server.get("/api/v1/executions").await.json();
        assert_eq!(list["items"][0]["id"], done.json()["id"]);
        server.stop().await;
    }
}

#[tokio::test]
async fn an_idempotency_key_answers_the_same_execution() {
    for (server, _database) in Server::start_all().await {
        let workflow = server.published(&documents::greeting()).await;
        let run = |path: &str| {
            let request = server.request(reqwest::Method::POST, &format!("{workflow}{path}"));
            Answer::of(request.header("Idempotency-Key", "once").json(&json!({"input": {"who": "Ada"}})))
        };
        let first = run("/execute").await;
        assert_eq!((first.status.as_u16(), first.headers.get("idempotent-replayed")), (202, None));
        let again = run("/execute").await;
        assert_eq!((again.status.as_u16(), &again.headers["idempotent-replayed"]), (202, &"true".parse().unwrap()));
        assert_eq!(first.json(), again.json());
        let waited = run("/execute?wait=30").await;
        assert_eq!((waited.status.as_u16(), &waited.headers["idempotent-replayed"]), (200, &"true".parse().unwrap()));
        assert_eq!(waited.json()["id"], first.json()["execution_id"]);
        server.stop().await;
    }
}
