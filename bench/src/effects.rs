//! The outside world of W4: a server that notes every request with its idempotency key.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Counts effects by idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct Effects {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    by_key: Mutex<HashMap<String, usize>>,
    /// Keys seen since this was last emptied.
    recent: Mutex<HashSet<String>>,
    news: Notify,
}

impl Effects {
    /// Starts the server on a free port, for as long as the runtime lives.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let seen = Arc::new(Seen::default());
        let router = Router::new().route("/effect", post(note)).with_state(Arc::clone(&seen));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, seen })
    }

    /// How often each key was seen.
    pub(crate) fn by_key(&self) -> HashMap<String, usize> {
        self.seen.by_key.lock().clone()
    }

    /// Forgets which keys were seen recently.
    pub(crate) fn forget_recent(&self) {
        self.seen.recent.lock().clear();
    }

    /// Waits until so many different effects were seen.
    pub(crate) async fn reach(&self, count: usize) {
        self.wait_until(|seen| seen.by_key.lock().len() >= count).await;
    }

    /// Waits until each of these executions was heard of recently.
    pub(crate) async fn hear_of(&self, executions: &HashSet<String>) {
        self.wait_until(|seen| {
            let recent = seen.recent.lock();
            let heard: HashSet<&str> = recent.iter().filter_map(|key| key.split('/').next()).collect();
            executions.iter().all(|id| heard.contains(id.as_str()))
        })
        .await;
    }

    async fn wait_until(&self, holds: impl Fn(&Seen) -> bool) {
        loop {
            let news = self.seen.news.notified();
            if holds(&self.seen) {
                return;
            }
            news.await;
        }
    }
}

async fn note(State(seen): State<Arc<Seen>>, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).ok_or(StatusCode::BAD_REQUEST)?;
    *seen.by_key.lock().entry(key.to_owned()).or_default() += 1;
    seen.recent.lock().insert(key.to_owned());
    seen.news.notify_waiters();
    Ok(Json(json!({ "ok": true })))
}
