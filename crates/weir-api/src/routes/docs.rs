//! `/api/openapi.json` and `/docs`: the API described for programs and for people.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use bytes::Bytes;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Where the document is.
const DOCUMENT: &str = "/api/openapi.json";

pub(crate) fn router(document: &OpenApi) -> Router {
    // The document is made of plain data and always has a JSON text.
    let text = Bytes::from(serde_json::to_vec(document).unwrap_or_default());
    let document = move || async move { ([(CONTENT_TYPE, "application/json")], text) };
    let browser = SwaggerUi::new("/docs").config(Config::from(DOCUMENT));
    Router::new().route(DOCUMENT, get(document)).merge(browser)
}
