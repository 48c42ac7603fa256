//! Requests that are wrong: each has its own clear problem, and none is a 500.

use reqwest::Method;
use serde_json::json;

use crate::documents;
use crate::server::{Answer, Server};

/// A wrong request, and what it must be answered with.
struct Bad {
    what: &'static str,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
}

fn bad(what: &'static str, method: Method, path: impl Into<String>, status: u16, code: &'static str) -> Bad {
    Bad { what, method, path: path.into(), headers: Vec::new(), body: Vec::new(), status, code }
}

impl Bad {
    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn json(self, body: impl Into<Vec<u8>>) -> Self {
        let mut with_type = self.header("content-type", "application/json");
        with_type.body = body.into();
        with_type
    }
}

const NOBODY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[tokio::test]
async fn every_wrong_request_has_its_own_clear_problem() {
    let server = Server::start().await;
    let workflow = server.published(&documents::greeting()).await;
    let execution = server.execute(&workflow, json!({"who": "x"})).await;
    server.until(&execution, "completed").await;
    let (get, post, put) = (|| Method::GET, || Method::POST, || Method::PUT);
    let create = || "/api/v1/workflows".to_owned();
    let deep = |open: &str, close: &str, levels: usize| open.repeat(levels) + &close.repeat(levels);
    let document = documents::greeting();
    let twice = r#"{"document": {"name": "a", "name": "b", "nodes": []}}"#;
    let table = vec![
        bad("unknown route", get(), "/api/v1/nothing", 404, "route_not_found"),
        bad("unknown route above", get(), "/nothing", 404, "route_not_found"),
        bad("unknown method", Method::DELETE, create(), 405, "method_not_allowed"),
        bad("unknown method on a command", get(), format!("{workflow}/publish"), 405, "method_not_allowed"),
        bad("unknown version of the API", get(), "/api/v2/workflows", 404, "route_not_found"),
        bad("id that is none", get(), "/api/v1/workflows/seven", 400, "path_invalid"),
        bad("id of nothing", get(), format!("/api/v1/workflows/{NOBODY}"), 404, "workflow_not_found"),
        bad("execution id that is none", get(), "/api/v1/executions/x", 400, "path_invalid"),
        bad("execution of nothing", get(), format!("/api/v1/executions/{NOBODY}"), 404, "execution_not_found"),
        bad("events of nothing", get(), format!("/api/v1/executions/{NOBODY}/events"), 404, "execution_not_found"),
        bad("nodes of nothing", get(), format!("/api/v1/executions/{NOBODY}/nodes"), 404, "execution_not_found"),
        bad("journal of nothing", get(), format!("/api/v1/executions/{NOBODY}/journal"), 404, "execution_not_found"),
        bad("logs of nothing", get(), format!("/api/v1/executions/{NOBODY}/logs"), 404, "execution_not_found"),
        bad("files of nothing", get(), format!("/api/v1/executions/{NOBODY}/files"), 404, "execution_not_found"),
        bad("cancelling nothing", post(), format!("/api/v1/executions/{NOBODY}/cancel"), 404, "execution_not_found"),
        bad("node that is not there", get(), format!("{execution}/nodes/nope"), 404, "node_not_found"),
        bad("path that is not UTF-8", get(), format!("{execution}/nodes/%FF"), 400, "path_invalid"),
        bad("version that is no number", get(), format!("{workflow}/versions/one"), 400, "path_invalid"),
        bad("version too large", get(), format!("{workflow}/versions/99999999999"), 400, "path_invalid"),
        bad("edition that is none", get(), format!("{workflow}/versions/1/diff/new"), 400, "query_invalid"),
        bad("limit 0", get(), "/api/v1/workflows?limit=0", 400, "query_invalid"),
        bad("limit 201", get(), "/api/v1/executions?limit=201", 400, "query_invalid"),
        bad("limit that is no number", get(), "/api/v1/workflows?limit=many", 400, "query_invalid"),
        bad("two limits", get(), "/api/v1/workflows?limit=1&limit=2", 400, "query_invalid"),
        bad("unknown parameter", get(), "/api/v1/workflows?colour=red", 400, "query_invalid"),
        bad("unknown status", get(), "/api/v1/executions?status=lost", 400, "query_invalid"),
        bad("unknown sort", get(), "/api/v1/workflows?sort=colour", 400, "query_invalid"),
        bad("time that is none", get(), "/api/v1/executions?created_from=yesterday", 400, "query_invalid"),
        bad("parent that is none", get(), "/api/v1/executions?parent=me", 400, "query_invalid"),
        bad("NUL in a search", get(), "/api/v1/workflows?q=%00", 422, "invalid"),
        bad("forged cursor", get(), "/api/v1/workflows?cursor=%25%25", 400, "cursor_invalid"),
        bad("forged cursor of executions", get(), "/api/v1/executions?cursor=AAAA", 400, "cursor_invalid"),
        bad("forged cursor of nodes", get(), format!("{execution}/nodes?cursor=AAAA"), 400, "cursor_invalid"),
        bad("forged cursor of approvals", get(), "/api/v1/approvals?cursor=AAAA", 400, "cursor_invalid"),
        bad("no content type", post(), create(), 415, "content_type_unsupported"),
        bad("wrong content type", post(), create(), 415, "content_type_unsupported")
            .header("content-type", "text/plain"),
        bad("wrong charset", post(), create(), 415, "content_type_unsupported")
            .header("content-type", "application/json; charset=latin1"),
        bad("empty body", post(), create(), 400, "body_not_json").json(""),
        bad("no JSON", post(), create(), 400, "body_not_json").json("{"),
        bad("trailing text", post(), create(), 400, "body_not_json").json("{\"document\": {}} x"),
        bad("no UTF-8", post(), create(), 400, "body_not_utf8").json(b"{\"document\": \"\xFF\"}".as_slice()),
        bad("wrong type", post(), create(), 422, "body_invalid").json("{\"document\": {}, \"tags\": [7]}"),
        bad("body that is no object", post(), create(), 422, "body_invalid").json("7"),
        bad("unknown field", post(), create(), 422, "body_invalid").json("{\"document\": {}, \"colour\": 1}"),
        bad("missing field", post(), create(), 422, "body_invalid").json("{}"),
        bad("same field twice", post(), create(), 422, "body_invalid").json("{\"tags\": [], \"tags\": []}"),
        bad("same key twice in a document", post(), create(), 422, "document_invalid").json(twice),
        bad("document without fields", post(), create(), 422, "document_invalid").json("{\"document\": {}}"),
        bad("deep document", post(), create(), 422, "document_invalid")
            .json(format!("{{\"document\": {{\"x\": {}}}}}", deep("[", "]", 100))),
        bad("deep input", post(), format!("{workflow}/execute"), 400, "body_too_deep")
            .json(format!("{{\"input\": {}}}", deep("[", "]", 100_000))),
        bad("tag that is none", post(), create(), 422, "tags_invalid")
            .json(json!({"document": document, "tags": [""]}).to_string()),
        bad("update without If-Match", put(), workflow.clone(), 428, "if_match_missing")
            .json(json!({"document": document}).to_string()),
        bad("update with an odd If-Match", put(), workflow.clone(), 400, "header_invalid")
            .header("if-match", "7")
            .json(json!({"document": document}).to_string()),
        bad("update with a stale If-Match", put(), workflow.clone(), 412, "revision_stale")
            .header("if-match", "\"1\"")
            .json(json!({"document": document}).to_string()),
        bad("deletion with a stale If-Match", Method::DELETE, workflow.clone(), 412, "revision_stale")
            .header("if-match", "\"1\""),
        bad("illegal transition", post(), format!("{workflow}/resume"), 409, "workflow_transition_refused"),
        bad("retrying what did not fail", post(), format!("{execution}/retry"), 409, "execution_transition_refused"),
        bad("two idempotency keys", post(), format!("{workflow}/execute"), 400, "header_invalid")
            .header("idempotency-key", "a")
            .header("idempotency-key", "b"),
        bad("endless idempotency key", post(), format!("{workflow}/execute"), 400, "header_invalid")
            .header("idempotency-key", "x".repeat(256)),
        bad("waiting too long", post(), format!("{workflow}/execute?wait=61"), 400, "query_invalid"),
        bad("version that was never published", post(), format!("{workflow}/execute"), 404, "version_not_found")
            .json("{\"version\": 9, \"input\": {\"who\": \"x\"}}"),
        bad("input that does not fit", post(), format!("{workflow}/execute"), 422, "execution_input_invalid"),
        bad("form without a boundary", post(), format!("{workflow}/execute"), 400, "multipart_malformed")
            .header("content-type", "multipart/form-data"),
        bad("odd Last-Event-ID", get(), format!("{execution}/events"), 400, "header_invalid")
            .header("last-event-id", "seven"),
        bad("Last-Event-ID of the future", get(), format!("{execution}/events"), 400, "header_invalid")
            .header("last-event-id", "999"),
        bad("import of nonsense", post(), "/api/v1/workflows/import", 422, "document_invalid").json("[]"),
        bad("export in an odd notation", get(), format!("{workflow}/export?format=xml"), 400, "query_invalid"),
        bad("re-run without a node", post(), format!("{execution}/rerun"), 422, "body_invalid").json("{}"),
        bad("endless signal", post(), format!("{execution}/signals/{}", "x".repeat(201)), 400, "path_invalid"),
        bad("approval of nothing", get(), "/api/v1/approvals/AAAA", 400, "path_invalid"),
        bad(
            "letter of nothing",
            post(),
            format!("/api/v1/dead-letters/{NOBODY}/dismiss"),
            404,
            "dead_letter_not_found",
        ),
    ];
    let mut wrong = Vec::new();
    for Bad { what, method, path, headers, body, status, code } in table {
        let request = headers
            .into_iter()
            .fold(server.request(method, &path).body(body), |request, (name, value)| request.header(name, value));
        let answer = Answer::of(request).await;
        if answer.status.as_u16() != status || answer.json()["code"] != code {
            wrong.push(format!("{what}: expected {status} {code}, found {} {}", answer.status.as_u16(), answer.text));
        } else {
            answer.problem();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_problem_says_where() {
    let server = Server::start().await;
    let post = |body: &'static str| {
        let request = server.request(Method::POST, "/api/v1/workflows").header("content-type", "application/json");
        Answer::of(request.body(body))
    };
    let syntax = post("{\n  \"document\": oops\n}").await.json();
    assert!(syntax["detail"].as_str().unwrap().contains("line 2, column"), "{syntax}");
    let field = post("{\"document\": {}, \"tags\": [\"a\", 7]}").await.json();
    assert_eq!(field["errors"][0]["pointer"], "/tags/1");
    let document = post("{\"document\": {\"name\": 7, \"nodes\": []}}").await.json();
    assert!(
        document["errors"].as_array().unwrap().iter().any(|error| error["pointer"] == "/document/name"),
        "{document}"
    );
    let method = Answer::of(server.request(Method::DELETE, "/healthz")).await;
    assert_eq!(method.headers["allow"], "GET,HEAD");
}
