//! The outside world of the crash tests: a server that notes every effect with its idempotency key.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// How long nothing may happen while something is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Counts effects by idempotency key.
#[derive(Clone)]
pub(crate) struct Effects {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    by_key: Mutex<HashMap<String, usize>>,
    total: AtomicUsize,
    news: Notify,
}

impl Effects {
    /// Starts the server on a free port, for as long as the test's runtime lives.
    pub(crate) async fn start() -> Self {
        let seen = Arc::new(Seen::default());
        let router = Router::new().route("/effect", post(note)).with_state(Arc::clone(&seen));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, seen }
    }

    /// How often each key was seen.
    pub(crate) fn by_key(&self) -> HashMap<String, usize> {
        self.seen.by_key.lock().clone()
    }

    /// Waits until so many effects were seen in all.
    pub(crate) async fn reach(&self, total: usize) {
        loop {
            let news = self.seen.news.notified();
            if self.total() >= total {
                return;
            }
            let waited = tokio::time::timeout(PATIENCE, news).await;
            assert!(waited.is_ok(), "nothing happened any more after {} of {total} effects", self.total());
        }
    }

    /// How many effects were seen in all.
    pub(crate) fn total(&self) -> usize {
        self.seen.total.load(Ordering::SeqCst)
    }
}

async fn note(State(seen): State<Arc<Seen>>, headers: HeaderMap) -> Json<Value> {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    *seen.by_key.lock().entry(key).or_default() += 1;
    seen.total.fetch_add(1, Ordering::SeqCst);
    seen.news.notify_waiters();
    Json(json!({ "ok": true }))
}

/// A workflow of `steps` effects, one after the other.
pub(crate) fn workflow(effects: &Effects, steps: usize) -> Value {
    let mut nodes = vec![json!({ "id": "start", "type": "start" })];
    let mut edges = Vec::new();
    let mut before = "start".to_owned();
    for step in 0..steps {
        let id = format!("step_{step}");
        let url = format!("http://{}/effect", effects.address);
        let retry = json!({ "max_attempts": 20, "delays_seconds": [0.1] });
        nodes.push(json!({
            "id": id,
            "type": "http_request",
            "data": { "params": { "method": "POST", "url": url, "body": { "json": { "step": step } } }, "retry": retry },
        }));
        edges.push(json!({ "id": format!("e{step}"), "source": before, "target": id }));
        before = id;
    }
    json!({ "name": "Effects", "nodes": nodes, "edges": edges })
}
