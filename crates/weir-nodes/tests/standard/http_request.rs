//! `http_request` against a real server.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Multipart, Query};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use weir_core::node_error::ErrorClass;
use weir_core::outcome::Outcome;
use weir_outbound::{HttpAccess, Outbound};

use crate::support::{Bench, handle_and_output, now};

/// A server on a port of its own, for as long as the test's runtime lives.
pub(crate) async fn serve() -> SocketAddr {
    serve_at([127, 0, 0, 1]).await
}

#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
pub(crate) async fn serve_at(address: [u8; 4]) -> SocketAddr {
    let app = Router::new()
        .route("/echo", any(echo))
        .route("/plain", get(|| async { "plain" }))
        .route("/redirect", any(redirect))
        .route("/round", any(|| async { Redirect::temporary("/round") }))
        .route("/answer", any(answer))
        .route("/bytes", get(bytes))
        .route("/upload", post(upload))
        .route("/broken", get(broken))
        .route(
            "/latin",
            get(|| async { ([(header::CONTENT_TYPE, "text/plain; charset=iso-8859-1")], b"gr\xfc\xdfe".to_vec()) }),
        );
    let listener = TcpListener::bind((Ipv4Addr::from(address), 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> axum::Json<Value> {
    let headers: serde_json::Map<_, _> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let body = String::from_utf8_lossy(&body);
    axum::Json(json!({"method": method.as_str(), "uri": uri.to_string(), "headers": headers, "body": body}))
}

#[derive(Deserialize)]
struct To {
    to: String,
    status: Option<u16>,
}

async fn redirect(Query(query): Query<To>) -> Response {
    let status = StatusCode::from_u16(query.status.unwrap_or(302)).unwrap_or(StatusCode::FOUND);
    (status, [(header::LOCATION, query.to)]).into_response()
}

#[derive(Deserialize)]
struct Wanted {
    status: u16,
    retry_after: Option<String>,
    date: Option<String>,
}

async fn answer(Query(query): Query<Wanted>) -> Response {
    let status = StatusCode::from_u16(query.status).unwrap_or(StatusCode::OK);
    let mut response = (status, "x".repeat(5000)).into_response();
    for (name, value) in [(header::RETRY_AFTER, query.retry_after), (header::DATE, query.date)] {
        if let Some(value) = value.and_then(|value| value.parse().ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

#[derive(Deserialize)]
struct Amount {
    n: usize,
}

/// So many bytes, in pieces.
async fn bytes(Query(query): Query<Amount>) -> Response {
    let piece = Bytes::from(vec![b'z'; 10_000]);
    let pieces = (0..query.n / 10_000).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    Body::from_stream(futures::stream::iter(pieces)).into_response()
}

async fn broken() -> Response {
    let pieces = futures::stream::iter([Ok(Bytes::from(vec![b'z'; 300_000])), Err(std::io::Error::other("gone"))]);
    Body::from_stream(pieces).into_response()
}

async fn upload(mut form: Multipart) -> axum::Json<Value> {
    let mut parts = Vec::new();
    while let Ok(Some(field)) = form.next_field().await {
        let (name, file) = (field.name().map(str::to_owned), field.file_name().map(str::to_owned));
        let content_type = field.content_type().map(str::to_owned);
        let text = field.text().await.unwrap_or_default();
        parts.push(json!({"name": name, "file": file, "type": content_type, "text": text}));
    }
    axum::Json(parts.into())
}

#[tokio::test]
async fn a_request_carries_its_query_headers_and_body() {
    let (bench, server) = (Bench::new().await, serve().await);
    let output = bench
        .output(
            "http_request",
            json!({
                "method": "PUT",
                "url": format!("http://{server}/echo?a=1"),
                "query": {"b": ["x y", 2], "c": null, "d": true},
                "headers": {"X-N": 5, "Accept": "application/json"},
                "body": {"json": {"k": [1]}},
            }),
        )
        .await;
    let echo = &output["body"];
    assert_eq!(output["status"], 200);
    assert_eq!(output["headers"]["content-type"], "application/json");
    assert_eq!(output["file"], Value::Null);
    assert_eq!(echo["method"], "PUT");
    assert_eq!(echo["uri"], "/echo?a=1&b=x+y&b=2&d=true");
    assert_eq!(echo["body"], "{\"k\":[1]}");
    assert_eq!(echo["headers"]["content-type"], "application/json");
    assert_eq!(echo["headers"]["x-n"], "5");
    assert!(echo["headers"]["user-agent"].as_str().is_some_and(|agent| agent.starts_with("weir/")));
    let plain = bench.output("http_request", json!({"url": format!("http://{server}/plain")})).await;
    assert_eq!(plain["body"], "plain");
    let latin = bench.output("http_request", json!({"url": format!("http://{server}/latin")})).await;
    assert_eq!(latin["body"], "grüße");
}

#[tokio::test]
async fn bodies_come_in_every_shape() {
    let (bench, server) = (Bench::new().await, serve().await);
    let sent = async |body: Value| {
        let params = json!({"method": "POST", "url": format!("http://{server}/echo"), "body": body});
        let echo = bench.output("http_request", params).await["body"].clone();
        (echo["headers"]["content-type"].as_str().unwrap_or_default().to_owned(), echo["body"].clone())
    };
    let form = sent(json!({"form": {"a b": "c&d", "n": 1}})).await;
    assert_eq!(form, ("application/x-www-form-urlencoded".to_owned(), json!("a+b=c%26d&n=1")));
    assert_eq!(sent(json!({"text": "hi"})).await, ("text/plain; charset=utf-8".to_owned(), json!("hi")));
    assert_eq!(sent(json!({"base64": "aGk="})).await, ("application/octet-stream".to_owned(), json!("hi")));
    assert_eq!(sent(json!({"json": null})).await, ("application/json".to_owned(), json!("null")));
    for body in [json!({"json": 1, "text": "x"}), json!({"base64": "?"}), json!({"multipart": [{"name": "x"}]})] {
        let params = json!({"method": "POST", "url": format!("http://{server}/echo"), "body": body});
        assert_eq!(bench.fails("http_request", params).await.class, ErrorClass::Invalid);
    }
}

#[tokio::test]
async fn files_of_the_execution_are_sent_as_bodies_and_parts() {
    let (bench, server) = (Bench::new().await, serve().await);
    let ctx = bench.ctx();
    bench.files.put(ctx.execution_id, "in/a.csv", "x,y".into()).await.unwrap();
    let node = bench.node("http_request");
    let file = json!({"method": "PUT", "url": format!("http://{server}/echo"), "body": {"file": "in/a.csv"}});
    let (_, output) = handle_and_output(node.run(&ctx, file).await.unwrap());
    assert_eq!(output["body"]["body"], "x,y");
    assert_eq!(output["body"]["headers"]["content-length"], "3");
    let parts = json!([
        {"name": "note", "value": 7},
        {"name": "data", "file": "in/a.csv", "content_type": "text/csv"},
        {"name": "again", "file": "in/a.csv", "filename": "b.csv"},
    ]);
    let params = json!({"method": "POST", "url": format!("http://{server}/upload"), "body": {"multipart": parts}});
    let (_, output) = handle_and_output(node.run(&ctx, params).await.unwrap());
    assert_eq!(
        output["body"],
        json!([
            {"name": "note", "file": null, "type": null, "text": "7"},
            {"name": "data", "file": "a.csv", "type": "text/csv", "text": "x,y"},
            {"name": "again", "file": "b.csv", "type": null, "text": "x,y"},
        ])
    );
}

#[tokio::test]
async fn unsafe_methods_carry_the_same_idempotency_key_in_every_attempt() {
    let (bench, server) = (Bench::new().await, serve().await);
    let ctx = bench.ctx();
    let sent = async |method: &str, headers: Value| {
        let params = json!({"method": method, "url": format!("http://{server}/echo"), "headers": headers});
        let (_, output) = handle_and_output(bench.node("http_request").run(&ctx, params).await.unwrap());
        output["body"]["headers"]["idempotency-key"].clone()
    };
    let key = json!(format!("{}/each[12]/node/request", ctx.execution_id));
    for method in ["POST", "PUT", "PATCH", "DELETE", "POST"] {
        assert_eq!(sent(method, json!({})).await, key);
    }
    assert_eq!(sent("GET", json!({})).await, Value::Null);
    assert_eq!(sent("POST", json!({"Idempotency-Key": "mine"})).await, "mine");
}

#[tokio::test]
async fn credentials_become_headers_and_stay_with_their_host() {
    let (bench, server) = (Bench::new().await, serve().await);
    let seen = async |url: String, credential: &str| {
        let params = json!({"url": url, "credential": credential, "headers": {"Cookie": "c=1", "X-Kept": "y"}});
        bench.output("http_request", params).await["body"]["headers"].clone()
    };
    let here = format!("http://{server}/echo");
    assert_eq!(seen(here.clone(), "token").await["authorization"], "Bearer t0ken");
    assert_eq!(seen(here.clone(), "login").await["authorization"], "Basic YW5uOnBhc3M=");
    assert_eq!(seen(here.clone(), "key").await["x-api-key"], "k3y");
    let same = seen(format!("http://{server}/redirect?to=/echo"), "key").await;
    assert_eq!((&same["x-api-key"], &same["cookie"]), (&json!("k3y"), &json!("c=1")));
    let other = serve().await;
    let away = seen(format!("http://{server}/redirect?to=http://{other}/echo"), "key").await;
    assert_eq!((&away["x-api-key"], &away["cookie"], &away["x-kept"]), (&Value::Null, &Value::Null, &json!("y")));
    let unknown = bench.fails("http_request", json!({"url": here, "credential": "nope"})).await;
    assert_eq!(unknown.class, ErrorClass::Invalid);
    let broken = bench.fails("http_request", json!({"url": here, "credential": "broken"})).await;
    assert!(!format!("{broken:?}").contains("s3cret"));
    let in_url = bench.fails("http_request", json!({"url": format!("http://ann:pass@{server}/echo")})).await;
    assert!(in_url.message.contains("credential") && !in_url.message.contains("pass@"), "{}", in_url.message);
}

#[tokio::test]
async fn redirects_keep_or_drop_the_body_as_http_says() {
    let (bench, server) = (Bench::new().await, serve().await);
    let end = async |status: u16| {
        let url = format!("http://{server}/redirect?to=/echo&status={status}");
        let echo = bench.output("http_request", json!({"method": "POST", "url": url, "body": {"text": "b"}})).await;
        (echo["body"]["method"].clone(), echo["body"]["body"].clone())
    };
    for status in [301, 302, 303] {
        assert_eq!(end(status).await, (json!("GET"), json!("")));
    }
    for status in [307, 308] {
        assert_eq!(end(status).await, (json!("POST"), json!("b")));
    }
    let url = format!("http://{server}/redirect?to=/echo");
    let stopped = bench.output("http_request", json!({"url": url, "follow_redirects": false})).await;
    assert_eq!((&stopped["status"], &stopped["headers"]["location"]), (&json!(302), &json!("/echo")));
    let error = bench.fails("http_request", json!({"url": format!("http://{server}/round")})).await;
    assert!(error.message.contains("more than 10 times"), "{}", error.message);
}

#[tokio::test]
async fn a_status_says_whether_trying_again_may_help() {
    let (bench, server) = (Bench::new().await, serve().await);
    for (status, class) in [
        (400, ErrorClass::Invalid),
        (404, ErrorClass::Invalid),
        (422, ErrorClass::Invalid),
        (401, ErrorClass::Refused),
        (403, ErrorClass::Refused),
        (408, ErrorClass::Transient),
        (425, ErrorClass::Transient),
        (429, ErrorClass::Transient),
        (500, ErrorClass::Transient),
        (503, ErrorClass::Transient),
    ] {
        let url = format!("http://{server}/answer?status={status}&token=s3cret");
        let error = bench.fails("http_request", json!({"url": url})).await;
        assert_eq!(error.class, class, "{status}");
        let details = error.details.clone().unwrap();
        assert_eq!((&details["status"], details["body"].as_str().unwrap().len()), (&json!(status), 2048));
        assert!(!format!("{error:?}").contains("s3cret"));
    }
    let url = format!("http://{server}/answer?status=404");
    let fine = bench.output("http_request", json!({"url": url, "accept_status": [200, "400-404"]})).await;
    assert_eq!(fine["status"], 404);
    let error =
        bench.fails("http_request", json!({"url": format!("http://{server}/plain"), "accept_status": [204]})).await;
    assert_eq!(error.class, ErrorClass::Invalid);
    let error = bench.fails("http_request", json!({"url": url, "accept_status": ["4xx"]})).await;
    assert_eq!(error.source.as_deref(), Some("accept_status"));
}

#[tokio::test]
async fn retry_after_is_honoured_in_seconds_and_as_a_date() {
    let (bench, server) = (Bench::new().await, serve().await);
    let asked = async |status: u16, retry_after: &str, date: &str| {
        let params = json!({
            "url": format!("http://{server}/answer"),
            "query": {"status": status, "retry_after": retry_after, "date": date},
        });
        bench.fails("http_request", params).await.retry_after_ms
    };
    let date = |seconds| (now() + chrono::Duration::seconds(seconds)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let today = date(0);
    assert_eq!(asked(429, "7", &today).await, Some(7000));
    assert_eq!(asked(503, "99999999999", &today).await, Some(86_400_000));
    assert_eq!(asked(503, &date(90), &date(30)).await, Some(60_000));
    assert_eq!(asked(503, &date(-5), &today).await, Some(0));
    assert_eq!(asked(503, "soon", &today).await, None);
    assert_eq!(asked(404, "7", &today).await, None);
}

#[tokio::test]
async fn a_large_answer_becomes_a_file() {
    let (bench, server) = (Bench::new().await, serve().await);
    let ctx = bench.ctx();
    let get = async |n: usize, response: &str| {
        let params = json!({"url": format!("http://{server}/bytes?n={n}"), "response": response});
        bench.node("http_request").run(&ctx, params).await.map(|outcome| handle_and_output(outcome).1)
    };
    let large = get(40_000_000, "auto").await.unwrap();
    assert_eq!(large["body"], Value::Null);
    assert_eq!(large["file"]["path"], "http/each.12/node.bin");
    assert_eq!(large["file"]["size"], 40_000_000);
    assert_eq!(large["file"]["sha256"].as_str().map(str::len), Some(64));
    let mut stored = bench.files.open(ctx.execution_id, "http/each.12/node.bin").await.unwrap();
    let mut length = 0;
    while let Some(chunk) = stored.content.next().await {
        let chunk = chunk.unwrap();
        assert!(chunk.iter().all(|byte| *byte == b'z'));
        length += chunk.len();
    }
    assert_eq!(length, 40_000_000);
    assert_eq!(get(10_000, "auto").await.unwrap()["body"].as_str().map(str::len), Some(10_000));
    assert_eq!(get(10_000, "file").await.unwrap()["file"]["size"], 10_000);
    assert_eq!(get(1_000_000, "text").await.unwrap()["body"].as_str().map(str::len), Some(1_000_000));
    let error = get(20_000_000, "text").await.unwrap_err();
    assert!(error.message.contains("`file`"), "{}", error.message);
    assert_eq!(get(10_000, "json").await.unwrap_err().class, ErrorClass::Invalid);
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_never_ends_leaves_no_file() {
    let server = serve().await;
    let allow = vec!["127.0.0.1".parse().unwrap()];
    let access = HttpAccess { allow, max_response_bytes: 1_000_000 };
    let bench = Bench::with(Outbound::new(access).unwrap()).await;
    let ctx = bench.ctx();
    for (path, class) in [("broken", ErrorClass::Transient), ("bytes?n=2000000", ErrorClass::Refused)] {
        let params = json!({"url": format!("http://{server}/{path}")});
        let error = bench.node("http_request").run(&ctx, params).await.unwrap_err();
        assert_eq!(error.class, class, "{}", error.message);
        assert!(bench.files.open(ctx.execution_id, "http/each.12/node.bin").await.is_err());
    }
}

#[tokio::test]
async fn a_request_stops_when_its_node_is_cancelled() {
    let bench = Bench::new().await;
    let ctx = bench.ctx();
    let node = bench.node("http_request");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let run = node.run(&ctx, json!({"url": format!("http://{}/", silent.local_addr().unwrap())}));
    let cancel = async {
        let connection = silent.accept().await.unwrap();
        ctx.cancelled.cancel();
        connection
    };
    let (outcome, _connection) = tokio::join!(run, cancel);
    assert_eq!(outcome.unwrap_err().class, ErrorClass::Cancelled);
}

#[tokio::test]
async fn a_host_that_is_not_there_may_be_there_later() {
    let bench = Bench::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let error = bench.fails("http_request", json!({"url": format!("http://{closed}/?token=s3cret")})).await;
    assert_eq!((error.class, error.source.as_deref()), (ErrorClass::Transient, Some("127.0.0.1")));
    assert!(!format!("{error:?}").contains("s3cret"));
}

#[tokio::test]
async fn what_cannot_be_sent_is_invalid() {
    let bench = Bench::new().await;
    for params in [
        json!({"url": "no url"}),
        json!({"url": "http://127.0.0.1/", "method": "get"}),
        json!({"url": "http://127.0.0.1/", "headers": {"Host": "x"}}),
        json!({"url": "http://127.0.0.1/", "headers": {"a": "b\nc"}}),
        json!({"url": format!("http://127.0.0.1/{}", "a".repeat(20_000))}),
        json!({"url": "http://127.0.0.1/", "timeout": 5}),
    ] {
        let outcome: Result<Outcome, _> = bench.run("http_request", params.clone()).await;
        assert_eq!(outcome.unwrap_err().class, ErrorClass::Invalid, "{params}");
    }
}
