//! JSON bodies: what is no JSON is 400 with line and column, what has other fields is 422 with a pointer.

use std::fmt::Write as _;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, OptionalFromRequest};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Request};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::body::{read_body, text_body};
use crate::problem::{Problem, codes};

/// A JSON body, read or to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "send the body as `content-type: application/json`";
            return Err(Problem::new(codes::CONTENT_TYPE_UNSUPPORTED, detail));
        }
        parse_json(&read_body(request).await?).map(Self)
    }
}

/// A request without a body and without a type of it has none.
impl<S: Sync, T: DeserializeOwned> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Option<Self>, Problem> {
        if request.body().size_hint().exact() == Some(0) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let (essence, parameters) = declared.split_once(';').unwrap_or((declared, ""));
    let essence = essence.trim().to_ascii_lowercase();
    let json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    let parameters = parameters.trim().to_ascii_lowercase();
    json && parameters.strip_prefix("charset=").is_none_or(|charset| charset.trim_matches('"') == "utf-8")
}

/// Reads a JSON text as a `T`.
///
/// # Errors
/// It is no UTF-8, no JSON, nested deeper than 127 levels, or not a `T`.
pub(crate) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(text_body(body)?);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        unreadable(error.inner(), pointer)
    })?;
    deserializer.end().map_err(|error| unreadable(&error, String::new()))?;
    Ok(value)
}

fn unreadable(error: &serde_json::Error, pointer: String) -> Problem {
    let (line, column) = (error.line(), error.column());
    let whole = error.to_string();
    let what = whole.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&whole);
    if error.is_data() {
        return Problem::new(codes::BODY_INVALID, "the body does not have the expected fields").at(
            pointer,
            codes::BODY_INVALID.word,
            what,
        );
    }
    let code = if what.starts_with("recursion limit") { codes::BODY_TOO_DEEP } else { codes::BODY_NOT_JSON };
    Problem::new(code, format!("{what} at line {line}, column {column} of the body"))
}

/// The JSON pointer of a place.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let written = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key } => write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { .. } | Segment::Unknown => Ok(()),
        };
        debug_assert!(written.is_ok(), "a string takes all text");
    }
    pointer
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_json_type_is_known_by_its_name_and_charset() {
        let check =
            |value: &'static str| is_json(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]));
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/merge-patch+json"] {
            assert!(check(good), "{good}");
        }
        for bad in ["text/plain", "application/json; charset=latin1", "text/json", "multipart/form-data", ""] {
            assert!(!check(bad), "{bad}");
        }
    }
}
