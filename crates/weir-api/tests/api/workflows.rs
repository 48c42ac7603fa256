//! `/workflows`: drafts, versions, import and export, running.

use reqwest::Method;
use serde_json::{Value, json};

use crate::documents;
use crate::server::{Answer, Server, redacted};

#[tokio::test]
async fn an_update_says_what_it_is_based_on() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let put = |if_match: Option<&str>, document: &Value| {
        let request = server.request(Method::PUT, &workflow).json(&json!({"document": document, "tags": ["new"]}));
        Answer::of(if_match.into_iter().fold(request, |request, tag| request.header("if-match", tag)))
    };
    let missing = put(None, &documents::broken()).await;
    assert_eq!((missing.status.as_u16(), missing.problem()), (428, "if_match_missing".to_owned()));
    let kept = put(Some("\"1\""), &documents::broken()).await;
    assert_eq!((kept.status.as_u16(), &kept.headers["etag"]), (200, &"\"3\"".parse().unwrap()));
    assert!(!kept.json()["problems"].as_array().unwrap().is_empty());
    let stale = put(Some("\"1\""), &documents::greeting()).await;
    assert_eq!((stale.status.as_u16(), stale.problem()), (412, "revision_stale".to_owned()));
    assert_eq!(stale.json()["current"]["revision"], 3);
    assert_eq!(stale.json()["current"]["document"], documents::broken());
    assert_eq!(put(Some("*"), &documents::greeting()).await.status, 200);
    assert_eq!(server.get(&workflow).await.json()["tags"], json!(["new"]));
}

#[tokio::test]
async fn a_merge_patch_changes_parts() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let patch = json!({"document": {"name": "Renamed", "description": null}});
    let request = server.request(Method::PATCH, &workflow).header("if-match", "\"1\"");
    let request = request.header("content-type", "application/merge-patch+json").body(patch.to_string());
    let patched = Answer::of(request).await;
    assert_eq!(patched.status, 200, "{}", patched.text);
    let now = server.get(&workflow).await.json();
    assert_eq!((&now["name"], &now["description"], &now["revision"]), (&json!("Renamed"), &Value::Null, &json!(2)));
    assert_eq!(now["document"]["nodes"], documents::greeting()["nodes"]);
}

#[tokio::test]
async fn a_deleted_workflow_is_gone_until_it_is_restored() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    assert_eq!(Answer::of(server.request(Method::DELETE, &workflow)).await.status, 204);
    assert_eq!(server.get(&workflow).await.problem(), "workflow_not_found");
    assert_eq!(server.get("/api/v1/workflows").await.json()["items"], json!([]));
    let deleted = server.get("/api/v1/workflows?deleted=true").await.json();
    assert_eq!(deleted["items"].as_array().unwrap().len(), 1);
    assert_eq!(server.tell(&format!("{workflow}/restore")).await.status, 200);
    assert_eq!(server.get(&workflow).await.status, 200);
}

#[tokio::test]
async fn creating_with_a_key_creates_once() {
    let server = Server::start().await;
    for (path, body) in [
        ("/api/v1/workflows", json!({"document": documents::greeting()})),
        ("/api/v1/workflows/import", documents::greeting()),
    ] {
        let create = || Answer::of(server.request(Method::POST, path).header("idempotency-key", path).json(&body));
        let (first, again) = (create().await, create().await);
        assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200), "{}", again.text);
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(first.json()["id"], again.json()["id"]);
    }
    assert_eq!(server.get("/api/v1/workflows").await.json()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn lists_are_paged_filtered_and_sorted() {
    let server = Server::start().await;
    for name in ["Beta", "alpha", "Gamma"] {
        let mut document = documents::greeting();
        document["name"] = json!(name);
        server.workflow(&document).await;
    }
    let names = |list: &Value| -> Vec<String> {
        list["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = server.get("/api/v1/workflows?sort=name&limit=2").await.json();
    assert_eq!(names(&first), ["alpha", "Beta"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = server.get(&format!("/api/v1/workflows?sort=name&limit=2&cursor={cursor}")).await.json();
    assert_eq!((names(&second), &second["next_cursor"]), (vec!["Gamma".to_owned()], &Value::Null));
    assert_eq!(names(&server.get("/api/v1/workflows?q=amm").await.json()), ["Gamma"]);
    assert_eq!(names(&server.get("/api/v1/workflows?status=active&status=paused").await.json()), [""; 0]);
    assert_eq!(names(&server.get("/api/v1/workflows?status=draft,active&sort=-created_at").await.json()).len(), 3);
}

#[tokio::test]
async fn a_document_is_judged_in_json_and_in_yaml() {
    let server = Server::start().await;
    let judge = |kind: &str, text: String| {
        Answer::of(server.request(Method::POST, "/api/v1/workflows/validate").header("content-type", kind).body(text))
    };
    let good = judge("application/json", documents::greeting().to_string()).await.json();
    assert_eq!(good, json!({"valid": true, "problems": []}));
    let bad = judge("application/json", documents::broken().to_string()).await.json();
    insta::assert_json_snapshot!("broken", bad);
    let yaml = "name: Tiny\nnodes:\n  - {id: start, type: start}\n";
    assert_eq!(judge("application/yaml", yaml.to_owned()).await.json()["valid"], true);
    let unreadable = judge("application/yaml", "name: [".to_owned()).await;
    assert_eq!((unreadable.status.as_u16(), &unreadable.json()["valid"]), (200, &json!(false)));
    assert_eq!(judge("text/plain", "{}".to_owned()).await.problem(), "content_type_unsupported");
}

#[tokio::test]
async fn documents_come_in_and_go_out_as_files() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let yaml = server.get(&format!("{workflow}/export")).await;
    assert_eq!(yaml.headers["content-type"], "application/yaml");
    assert!(yaml.headers["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\"workflow-"));
    let import = |query: &str| {
        let request = server.request(Method::POST, &format!("/api/v1/workflows/import{query}"));
        Answer::of(request.header("content-type", "application/yaml").body(yaml.text.clone()))
    };
    let copy = import("").await;
    assert_eq!((copy.status.as_u16(), &copy.json()["document"]), (201, &documents::greeting()));
    assert_eq!(import("?on_conflict=skip").await.json()["outcome"], "skipped");
    let ambiguous = import("?on_conflict=replace").await;
    assert_eq!((ambiguous.status.as_u16(), ambiguous.problem()), (409, "conflict".to_owned()));
    let json = server.get(&format!("{workflow}/export?format=json&version=draft")).await;
    assert_eq!(json.json(), documents::greeting());
    assert_eq!(server.get(&format!("{workflow}/export?version=7")).await.problem(), "version_not_found");
    assert_eq!(import("?on_conflict=often").await.problem(), "query_invalid");
}

#[tokio::test]
async fn versions_are_listed_compared_and_restored() {
    let server = Server::start().await;
    let workflow = server.published(&documents::greeting()).await;
    let mut changed = documents::greeting();
    changed["nodes"][1]["data"]["params"]["values"]["text"] = json!("Bye, {{ input.who }}!");
    let put = server.request(Method::PUT, &workflow).header("if-match", "*").json(&json!({"document": changed}));
    assert_eq!(Answer::of(put).await.status, 200);
    let diff = server.get(&format!("{workflow}/versions/1/diff/draft")).await.json();
    insta::assert_json_snapshot!("diff", diff);
    assert_eq!(server.tell(&format!("{workflow}/publish")).await.json()["version"]["number"], 2);
    let list = server.get(&format!("{workflow}/versions")).await.json();
    insta::assert_json_snapshot!("versions", redacted(&list));
    assert_eq!(server.get(&format!("{workflow}/versions/1")).await.json()["document"], documents::greeting());
    let restored = server.tell(&format!("{workflow}/versions/1/restore")).await;
    assert_eq!((restored.status.as_u16(), &restored.json()["document"]), (200, &documents::greeting()));
    assert_eq!(server.get(&format!("{workflow}/versions/3")).await.problem(), "version_not_found");
    let old = server.post(&format!("{workflow}/execute?wait=30"), &json!({"version": 1, "input": {"who": "Bo"}})).await;
    assert_eq!(old.json()["output"], "Hello, Bo!");
    let new = server.post(&format!("{workflow}/execute?wait=30"), &json!({"input": {"who": "Bo"}})).await;
    assert_eq!(new.json()["output"], "Bye, Bo!");
}

#[tokio::test]
async fn a_status_changes_only_along_its_lines() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::greeting()).await;
    let step = |step: &'static str| {
        let path = format!("{workflow}/{step}");
        let server = &server;
        async move { server.tell(&path).await }
    };
    let refused = step("pause").await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (409, "workflow_transition_refused".to_owned()));
    insta::assert_json_snapshot!("refused", redacted(&refused.json()));
    let unpublished = server.post(&format!("{workflow}/execute"), &json!({"input": {"who": "x"}})).await;
    assert_eq!(unpublished.problem(), "workflow_transition_refused");
    assert_eq!(step("publish").await.json()["status"], "active");
    assert_eq!(step("pause").await.json()["status"], "paused");
    let paused = server.post(&format!("{workflow}/execute"), &json!({"input": {"who": "x"}})).await;
    assert_eq!((paused.status.as_u16(), paused.problem()), (409, "workflow_transition_refused".to_owned()));
    let draft =
        server.post(&format!("{workflow}/execute?wait=9"), &json!({"draft": true, "input": {"who": "x"}})).await;
    assert_eq!((draft.status.as_u16(), &draft.json()["workflow_version"]), (200, &Value::Null));
    assert_eq!(step("resume").await.json()["status"], "active");
    let stale =
        Answer::of(server.request(Method::POST, &format!("{workflow}/archive")).header("if-match", "\"1\"")).await;
    assert_eq!(stale.problem(), "revision_stale");
    assert_eq!(step("archive").await.json()["status"], "archived");
    assert_eq!(step("publish").await.status, 409);
}

#[tokio::test]
async fn a_document_with_errors_is_not_published() {
    let server = Server::start().await;
    let workflow = server.workflow(&documents::broken()).await;
    let refused = server.tell(&format!("{workflow}/publish")).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "document_invalid".to_owned()));
    insta::assert_json_snapshot!("not_published", redacted(&refused.json()));
}

#[tokio::test]
async fn a_waiting_caller_is_told_in_time_or_sent_away() {
    let server = Server::start().await;
    let workflow = server.published(&documents::waiting()).await;
    let early = server.tell(&format!("{workflow}/execute?wait=1")).await;
    assert_eq!(early.status, 202, "{}", early.text);
    insta::assert_json_snapshot!("accepted", redacted(&early.json()));
    assert_eq!(early.headers["location"], early.json()["status_url"].as_str().unwrap());
}

#[tokio::test]
async fn a_webhook_response_node_answers_the_waiting_caller() {
    let server = Server::start().await;
    let params =
        json!({"status": 418, "headers": {"X-Pot": "tea", "Set-Cookie": "a=b"}, "body": {"short": "{{ input.pot }}"}});
    let workflow = server.published(&documents::with_node("webhook_response", None, &params)).await;
    let answer = server.post(&format!("{workflow}/execute?wait=30"), &json!({"input": {"pot": "stout"}})).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (418, json!({"short": "stout"})));
    assert_eq!((&answer.headers["x-pot"], answer.headers.get("set-cookie")), (&"tea".parse().unwrap(), None));
    assert!(answer.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
}

#[tokio::test]
async fn pins_stand_in_for_nodes() {
    let server = Server::start().await;
    let workflow = server.published(&documents::greeting()).await;
    let pinned = json!({"input": {"who": "x"}, "pins": {"greet": {"output": {"text": "pinned"}}}});
    let done = server.post(&format!("{workflow}/execute?wait=30"), &pinned).await.json();
    assert_eq!((&done["output"], &done["pins"]), (&json!("pinned"), &pinned["pins"]));
}

#[tokio::test]
async fn an_input_that_does_not_fit_is_refused_with_its_places() {
    let server = Server::start().await;
    let workflow = server.published(&documents::greeting()).await;
    let refused = server.post(&format!("{workflow}/execute"), &json!({"input": {"who": 7}})).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "execution_input_invalid".to_owned()));
    assert_eq!(refused.json()["errors"][0]["pointer"], "/input/who");
}

#[tokio::test]
async fn files_come_with_a_form_and_belong_to_the_execution() {
    let server = Server::start().await;
    let read = json!({"path": "notes/today.txt", "format": "text"});
    let workflow = server.published(&documents::with_node("read_file", None, &read)).await;
    let part = reqwest::multipart::Part::text("it rained").file_name("notes/today.txt");
    let form = reqwest::multipart::Form::new().text("input", "{\"a\": 1}").part("file", part);
    let request = server.request(Method::POST, &format!("{workflow}/execute?wait=30")).multipart(form);
    let done = Answer::of(request).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let done = done.json();
    assert_eq!((&done["status"], &done["input"]), (&json!("completed"), &json!({"a": 1})), "{done}");
    assert!(done["output"].to_string().contains("it rained"), "{done}");
    let execution = format!("/api/v1/executions/{}", done["id"].as_str().unwrap());
    let files = server.get(&format!("{execution}/files")).await.json();
    assert_eq!((&files["items"][0]["path"], &files["items"][0]["size"]), (&json!("notes/today.txt"), &json!(9)));
    let file = server.get(&format!("{execution}/files/notes/today.txt")).await;
    assert_eq!((file.text.as_str(), &file.headers["content-length"]), ("it rained", &"9".parse().unwrap()));
    assert_eq!(file.headers["content-disposition"], "attachment; filename*=UTF-8''today.txt");
    assert_eq!(server.get(&format!("{execution}/files/nope")).await.problem(), "file_not_found");
    assert_eq!(server.get(&format!("{execution}/files/..%2Fx")).await.problem(), "file_invalid");
}
