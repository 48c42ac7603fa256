//! Headers that make writes safe: `If-Match` against lost updates, `Idempotency-Key` against doing a thing twice.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use crate::problem::{Problem, codes};

/// The longest idempotency key, in bytes.
const KEY_LIMIT: usize = 255;

/// How the keys of triggers begin, which would start nothing if somebody had used them before.
const RESERVED: &str = "trigger:";

/// What an update is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Whatever is there.
    Any,
    /// This revision.
    Revision(u64),
}

impl IfMatch {
    /// The revision that must still be there, if any.
    pub(crate) const fn revision(self) -> Option<u64> {
        match self {
            Self::Any => None,
            Self::Revision(revision) => Some(revision),
        }
    }

    /// The same, as stores count: what is beyond every count is never there.
    pub(crate) fn version(self) -> Option<i64> {
        self.revision().map(|revision| i64::try_from(revision).unwrap_or(i64::MAX))
    }
}

/// Without the header the request is refused.
impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if_match(&parts.headers)?.ok_or_else(|| {
            let detail = "send `If-Match` with the `ETag` of what you changed, such as \"3\" with its quotes, or *";
            Problem::new(codes::IF_MATCH_MISSING, detail)
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        if_match(&parts.headers)
    }
}

fn if_match(headers: &HeaderMap) -> Result<Option<IfMatch>, Problem> {
    let Some(value) = only(headers, IF_MATCH.as_str())? else { return Ok(None) };
    let revision = || value.strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    match value {
        "*" => Ok(Some(IfMatch::Any)),
        _ => revision().map(|revision| Some(IfMatch::Revision(revision))).ok_or_else(|| {
            Problem::new(codes::HEADER_INVALID, "`If-Match` takes one ETag, such as \"3\" with its quotes, or *")
        }),
    }
}

/// The `ETag` of a revision.
pub(crate) fn etag(revision: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{revision}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// The client's own name for this request: the same name means the same request.
#[derive(Debug, Clone)]
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let key = only(&parts.headers, "idempotency-key")?;
        if key.is_some_and(|key| key.is_empty() || key.len() > KEY_LIMIT) {
            let detail = format!("`Idempotency-Key` takes 1 to {KEY_LIMIT} characters");
            return Err(Problem::new(codes::HEADER_INVALID, detail));
        }
        if key.is_some_and(|key| key.starts_with(RESERVED)) {
            let detail =
                format!("`Idempotency-Key` must not begin with {RESERVED:?}: triggers name what they start so");
            return Err(Problem::new(codes::HEADER_INVALID, detail));
        }
        Ok(Self(key.map(str::to_owned)))
    }
}

/// The value of a header that may stand once, in printable ASCII.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Ok(Some(value.trim())),
        _ => Err(Problem::new(codes::HEADER_INVALID, format!("`{name}` may stand once, in printable ASCII"))),
    }
}
