//! What a `webhook_response` node answers, as a response that cannot harm the pages of this server.

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::problem::Problem;

/// Headers that belong to the connection, to this server's own protection, or to its pages.
const WITHHELD: [&str; 16] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-security-policy",
    "cross-origin-opener-policy",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "service-worker-allowed",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "clear-site-data",
];

/// Nothing of an answer that a browser shows may act as one of this server's pages.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");

#[derive(Deserialize)]
struct Answer {
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    body: Value,
}

/// The response for `{status, headers, body}`: text is sent as it is, anything else as JSON.
///
/// # Errors
/// The output is not of that shape.
pub(crate) fn response(output: Value) -> Result<Response<Body>, Problem> {
    let answer: Answer = serde_json::from_value(output)
        .map_err(|error| Problem::internal(format!("the output of a webhook_response node is no answer: {error}")))?;
    let status = StatusCode::from_u16(answer.status).ok().filter(|status| status.as_u16() >= 200);
    let (kind, body) = match answer.body {
        Value::Null => (None, Body::empty()),
        Value::String(text) => (Some("text/plain; charset=utf-8"), Body::from(text)),
        other => (Some("application/json"), Body::from(other.to_string())),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    if let Some(kind) = kind {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in answer.headers {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(text))
            && !WITHHELD.contains(&name.as_str())
        {
            headers.insert(name, value);
        }
    }
    headers.insert(CONTENT_SECURITY_POLICY, SANDBOX);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headers_of_the_connection_are_withheld_and_others_kept() {
        let headers = json!({
            "X-Shop": "7", "content-type": "text/html", "Set-Cookie": "a=b", "Transfer-Encoding": "chunked",
            "content-length": "9999", "content-security-policy": "default-src *", "bad name": "x", "x-nl": "a\nb",
        });
        let response = response(json!({"status": 418, "headers": headers, "body": "<b>"})).unwrap();
        assert_eq!(response.status(), 418);
        let mut names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-security-policy", "content-type", "x-shop"]);
        assert_eq!(response.headers()["content-type"], "text/html");
        assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("sandbox"));
    }
}
