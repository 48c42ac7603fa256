//! A small HTTP server for the examples: bookings that can be cancelled, answers that fail at times, and a counter that
//! writes every call to a file.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use clap::Parser;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// A server for Weir's examples. Listens on the loopback interface only.
#[derive(Parser)]
struct Args {
    /// The port to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 9010)]
    port: u16,
    /// Every `POST /effects/{name}` adds a line with its idempotency key to this file.
    #[arg(long)]
    effects: Option<PathBuf>,
}

#[derive(Default)]
struct Shop {
    bookings: Mutex<BTreeMap<String, Value>>,
    /// How often each flaky path was asked.
    asked: Mutex<HashMap<u64, u32>>,
    effects: Mutex<Option<File>>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let effects = match &args.effects {
        Some(path) => Some(OpenOptions::new().create(true).append(true).open(path)?),
        None => None,
    };
    let shop = Arc::new(Shop { effects: Mutex::new(effects), ..Shop::default() });
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, args.port))).await?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    axum::serve(listener, router(shop)).await?;
    Ok(())
}

fn router(shop: Arc<Shop>) -> Router {
    Router::new()
        .route("/bookings", get(list))
        .route("/bookings/{kind}", post(book))
        .route("/bookings/{kind}/{id}", delete(cancel))
        .route("/flaky/{number}", get(flaky))
        .route("/effects/{name}", post(effect))
        .with_state(shop)
}

async fn list(State(shop): State<Arc<Shop>>) -> Json<Value> {
    Json(json!({ "bookings": shop.bookings.lock().values().collect::<Vec<_>>() }))
}

/// There are flights and hotels, but never a car.
async fn book(
    State(shop): State<Arc<Shop>>,
    Path(kind): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if kind == "car" {
        return (StatusCode::CONFLICT, Json(json!({ "error": "no cars left" }))).into_response();
    }
    // The same key books once, however often the request comes.
    let id = key_of(&headers).replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let booking = json!({ "id": id, "kind": kind, "trip": body["trip"] });
    shop.bookings.lock().insert(id, booking.clone());
    (StatusCode::CREATED, Json(booking)).into_response()
}

async fn cancel(State(shop): State<Arc<Shop>>, Path((_, id)): Path<(String, String)>) -> StatusCode {
    shop.bookings.lock().remove(&id);
    StatusCode::NO_CONTENT
}

/// Every third number fails twice before it answers.
async fn flaky(State(shop): State<Arc<Shop>>, Path(number): Path<u64>) -> Response {
    let asked = {
        let mut asked = shop.asked.lock();
        let times = asked.entry(number).or_default();
        *times += 1;
        *times
    };
    if number % 3 == 0 && asked <= 2 {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "0")]).into_response();
    }
    Json(json!({ "number": number, "value": number * number })).into_response()
}

async fn effect(State(shop): State<Arc<Shop>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let line = format!("{name} {}\n", key_of(&headers));
    if let Some(file) = &mut *shop.effects.lock()
        && let Err(error) = file.write_all(line.as_bytes())
    {
        return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
    }
    Json(json!({ "name": name })).into_response()
}

fn key_of(headers: &HeaderMap) -> &str {
    headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or("none")
}
