//! `slack` against a server that speaks as Slack does.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use weir_base::Credential;
use weir_core::node_error::ErrorClass;
use weir_outbound::{HttpAccess, Outbound};

use crate::support::Bench;

type Seen = Arc<Mutex<Vec<Value>>>;

/// Takes messages as Slack's API and its incoming webhooks do; what the text says decides on the answer.
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
async fn serve() -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let app = Router::new()
        .route("/api/chat.postMessage", post(post_message))
        .route("/services/{*path}", post(webhook))
        .with_state(Arc::clone(&seen));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (address, seen)
}

async fn post_message(State(seen): State<Seen>, headers: HeaderMap, body: axum::Json<Value>) -> Response {
    if headers.get("authorization").is_none_or(|token| token != "Bearer xoxb-s3cret") {
        return axum::Json(json!({"ok": false, "error": "invalid_auth"})).into_response();
    }
    match body["text"].as_str() {
        Some("limit") => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")], "{}").into_response(),
        Some("soft limit") => {
            ([("retry-after", "3")], axum::Json(json!({"ok": false, "error": "ratelimited"}))).into_response()
        }
        Some("nowhere") => axum::Json(json!({"ok": false, "error": "channel_not_found"})).into_response(),
        Some("down") => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => {
            seen.lock().push(body.0);
            axum::Json(json!({"ok": true, "channel": "C024BE91L", "ts": "1503435956.000247"})).into_response()
        }
    }
}

async fn webhook(State(seen): State<Seen>, body: axum::Json<Value>) -> Response {
    if body["text"] == "limit" {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "30")], "rate_limited").into_response();
    }
    if body["text"] == "nowhere" {
        return (StatusCode::NOT_FOUND, "no_service").into_response();
    }
    seen.lock().push(body.0);
    "ok".into_response()
}

#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
async fn bench(server: SocketAddr) -> Bench {
    let allow = vec![server.to_string().parse().unwrap()];
    let outbound = Outbound::new(HttpAccess { allow, ..HttpAccess::default() }).unwrap();
    let api = format!("http://{server}/api/").parse().unwrap();
    let mut bench = Bench::built(outbound, |services| services.slack_api = api).await;
    for (name, secret) in [
        ("bot", "xoxb-s3cret"),
        ("stranger", "xoxb-wr0ng"),
        ("hook", &format!("http://{server}/services/T0/B0/s3cret")),
        ("inside", "http://127.0.0.1:1/services/s3cret"),
    ] {
        bench.credentials.insert(name.to_owned(), Credential::Slack { secret: secret.to_owned() });
    }
    bench
}

#[tokio::test]
async fn a_message_goes_by_token_or_by_webhook() {
    let (server, seen) = serve().await;
    let bench = bench(server).await;
    let blocks = json!([{"type": "section", "text": {"type": "mrkdwn", "text": "*hi*"}}]);
    let params = json!({"credential": "bot", "channel": "#alerts", "text": "hi", "blocks": blocks, "thread_ts": "1.2"});
    let output = bench.output("slack", params).await;
    assert_eq!(output, json!({"channel": "C024BE91L", "ts": "1503435956.000247"}));
    let output = bench.output("slack", json!({"credential": "hook", "text": "hello"})).await;
    assert_eq!(output, json!({"channel": null, "ts": null}));
    let whole = json!({"text": "hi", "blocks": blocks, "channel": "#alerts", "thread_ts": "1.2"});
    assert_eq!(*seen.lock(), [whole, json!({"text": "hello"})]);
}

#[tokio::test]
async fn a_refusal_says_whether_and_when_to_try_again() {
    let (server, _) = serve().await;
    let bench = bench(server).await;
    for (credential, text, class, retry_after_ms) in [
        ("bot", "limit", ErrorClass::Transient, Some(7000)),
        ("bot", "soft limit", ErrorClass::Transient, Some(3000)),
        ("bot", "down", ErrorClass::Transient, None),
        ("bot", "nowhere", ErrorClass::Invalid, None),
        ("stranger", "hi", ErrorClass::Refused, None),
        ("hook", "limit", ErrorClass::Transient, Some(30_000)),
        ("hook", "nowhere", ErrorClass::Invalid, None),
        ("inside", "hi", ErrorClass::Refused, None),
        ("token", "hi", ErrorClass::Invalid, None),
        ("bot", "", ErrorClass::Invalid, None),
    ] {
        let error = bench.fails("slack", json!({"credential": credential, "channel": "C1", "text": text})).await;
        assert_eq!((error.class, error.retry_after_ms), (class, retry_after_ms), "{credential} {text}: {error:?}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    let error = bench.fails("slack", json!({"credential": "bot", "text": "hi"})).await;
    assert_eq!(error.source.as_deref(), Some("channel"));
}
