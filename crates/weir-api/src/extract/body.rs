//! Reading a whole body into memory, within a size and a time.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Extensions, HeaderMap, Request};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::problem::{Problem, codes};

/// The longest body that is read into memory, in bytes, where the configuration says something else than 10 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyLimit(pub(crate) usize);

impl BodyLimit {
    pub(crate) const DEFAULT: Self = Self(10 * 1024 * 1024);

    /// The limit of a request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> usize {
        extensions.get::<Self>().unwrap_or(&Self::DEFAULT).0
    }
}

/// A body must have come within this time.
const BODY_TIME: Duration = Duration::from_secs(60);

/// The whole body.
///
/// # Errors
/// It is longer than its limit, breaks off, or takes longer than a minute.
pub(crate) async fn read_body(request: Request<Body>) -> Result<Bytes, Problem> {
    let limit = BodyLimit::of(request.extensions());
    if announced(request.headers()).is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    let collected = tokio::time::timeout(BODY_TIME, Limited::new(request.into_body(), limit).collect());
    match collected.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(error)) => {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            Err(Problem::new(codes::BODY_INCOMPLETE, format!("the body broke off: {error} {cause}").trim_end()))
        }
        Err(_) => {
            let detail = format!("the body did not come within {} seconds", BODY_TIME.as_secs());
            Err(Problem::new(codes::BODY_TOO_SLOW, detail))
        }
    }
}

/// The body as text.
///
/// # Errors
/// It is no UTF-8.
pub(crate) fn text_body(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body).map_err(|error| {
        Problem::new(codes::BODY_NOT_UTF8, format!("byte {} of the body is not UTF-8", error.valid_up_to()))
    })
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: usize) -> Problem {
    Problem::new(codes::BODY_TOO_LARGE, format!("the body is larger than {limit} bytes"))
}
