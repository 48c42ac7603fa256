//! A small HTTP server for the examples: bookings that can be cancelled, and answers that fail at times.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};

#[derive(Default)]
struct Shop {
    bookings: Mutex<BTreeMap<String, Value>>,
    /// How often each flaky path was asked.
    asked: Mutex<HashMap<u64, u32>>,
}

/// The server's routes over an empty shop.
pub fn router() -> Router {
    Router::new()
        .route("/bookings", get(list))
        .route("/bookings/{kind}", post(book))
        .route("/bookings/{kind}/{id}", delete(cancel))
        .route("/flaky/{number}", get(flaky))
        .with_state(Arc::<Shop>::default())
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

fn key_of(headers: &HeaderMap) -> &str {
    headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or("none")
}
