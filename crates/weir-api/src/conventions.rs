//! What holds for every request, in one layer: a trace id, no panic beyond it, problems, security headers, compression.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{
    ACCEPT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;

use crate::compression::compressed;
use crate::problem::{self, Problem, codes};
use crate::trace::TraceId;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What no browser is to show as a page.
const DATA_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// For pages: nothing but what this server itself sends; no inline script.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// A year in which browsers never ask without TLS.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What an installation is reached by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Possibly in the clear.
    Plain,
    /// By TLS only, which ends at a proxy.
    Tls,
}

/// Runs the rest of the way and keeps the conventions around it.
pub(crate) async fn keep(State(transport): State<Transport>, request: Request, next: Next) -> Response {
    let trace = TraceId::of(request.headers());
    let accepted = request.headers().get(ACCEPT_ENCODING).cloned();
    let answered = if request.method().is_safe() {
        AssertUnwindSafe(next.run(request)).catch_unwind().await
    } else {
        finish(next.run(request)).await
    };
    let response = answered.unwrap_or_else(|panic| Problem::internal(words(panic.as_ref())).into_response());
    let mut response = problem::render(response, &trace);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, trace.to_header());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(if is_page { PAGE_POLICY } else { DATA_POLICY });
    if transport == Transport::Tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, ONLY_TLS);
    }
    match accepted {
        Some(accepted) => Box::pin(compressed(accepted, response)).await,
        None => response,
    }
}

/// What changes something goes on to its end, whether or not whoever asked still waits: what follows a commit, such as
/// forgetting what is no longer so, must not be left out.
async fn finish(answer: impl Future<Output = Response> + Send + 'static) -> Result<Response, Box<dyn Any + Send>> {
    match tokio::spawn(answer).await {
        Ok(response) => Ok(response),
        Err(error) if error.is_panic() => Err(error.into_panic()),
        Err(_) => Ok(Problem::new(codes::UNAVAILABLE, "the server is stopping").into_response()),
    }
}

/// What a panic said, for the log.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a handler panicked: {}", text.unwrap_or("without words"))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use axum::routing::any;
    use tokio::sync::oneshot;
    use tower::ServiceExt as _;

    use super::*;

    async fn explode() {
        panic!("the secret plans are in drawer 7");
    }

    #[tokio::test]
    async fn a_change_goes_on_when_nobody_waits_for_it() {
        let (begun, has_begun) = oneshot::channel();
        let (go, may_go) = oneshot::channel::<()>();
        let (ended, has_ended) = oneshot::channel();
        let change = async move {
            begun.send(()).unwrap();
            may_go.await.unwrap();
            ended.send(()).unwrap();
            StatusCode::OK.into_response()
        };
        let waiting = tokio::spawn(finish(change));
        has_begun.await.unwrap();
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        go.send(()).unwrap();
        has_ended.await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_without_its_words() {
        let conventions = axum::middleware::from_fn_with_state(Transport::Tls, keep);
        let router = Router::new().route("/", any(explode)).layer(conventions);
        for method in ["GET", "POST"] {
            let request = Request::builder().method(method).uri("/").body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{method}");
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
            assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
            let body = to_bytes(response.into_body(), 10_000).await.unwrap();
            let body = String::from_utf8(body.to_vec()).unwrap();
            assert!(body.contains(&id) && !body.contains("drawer"), "{method}: {body}");
        }
    }
}
