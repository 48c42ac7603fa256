//! How every failure is answered: RFC 9457 problem details with a stable machine word and the request's trace id.

pub(crate) mod codes;
mod documented;
mod domain;
mod events;
mod identity;
mod triggers;

use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use weir_base::{ErrorKind, Permission, Principal};

use self::codes::Code;
pub(crate) use self::documented::{ReadFileProblems, ReadProblems, WriteProblems};
use crate::trace::TraceId;

/// Seconds a client is asked to wait when a dependency is away.
const RETRY_AFTER_SECONDS: u64 = 1;

/// How to sign in (RFC 6750): without a token, and with one that does not hold.
const SIGN_IN: HeaderValue = HeaderValue::from_static("Bearer realm=\"weir\"");
const SIGN_IN_ANEW: HeaderValue = HeaderValue::from_static("Bearer realm=\"weir\", error=\"invalid_token\"");

/// A failure on its way to the client.
///
/// It becomes a body only in [`render`], where the trace id is known.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    current: Option<Value>,
    /// Seconds after which it may be tried again.
    retry_after: Option<u64>,
    /// What went wrong inside, for the log and never for the client.
    cause: Option<String>,
}

/// One thing that is wrong with the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// JSON pointer to the place in the body, or the name of a query parameter.
    #[schema(examples("/nodes/0/type"))]
    pub(crate) pointer: String,
    /// A stable machine word.
    pub(crate) code: String,
    /// What is wrong and what to do about it.
    pub(crate) message: String,
}

/// The body of every answer that is not a success (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'p> {
    /// A name of this sort of problem, as a URI.
    #[serde(rename = "type")]
    #[schema(examples("urn:weir:problem:workflow_not_found"))]
    kind: String,
    /// The sort of problem in a few words.
    title: &'p str,
    /// The HTTP status.
    status: u16,
    /// What happened this time.
    detail: &'p str,
    /// A stable machine word.
    code: &'p str,
    /// What is wrong with the input, all of it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'p [FieldError],
    /// The state a stale `If-Match` missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    current: Option<&'p Value>,
    /// Finds this request in the server's log.
    trace_id: &'p str,
}

impl Problem {
    /// A problem of this sort; `detail` says what happened this time.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(Parts { code, detail, errors: Vec::new(), current: None, retry_after: None, cause: None }))
    }

    /// The answer to a failure of a crate below: the kind decides on the status, and what is ours to mend is logged
    /// instead of told.
    pub(crate) fn of_kind(kind: ErrorKind, word: Option<Code>, error: &dyn std::error::Error) -> Self {
        let code = word.unwrap_or_else(|| codes::of_kind(kind));
        match kind {
            ErrorKind::Internal => Self::internal(with_causes(error)),
            // A dependency's own words may name hosts and files.
            ErrorKind::Unavailable if word.is_none() => {
                let detail = "something this request needs is away at the moment; try again";
                Self::new(code, detail).because(with_causes(error))
            }
            _ => Self::new(code, error.to_string()),
        }
    }

    /// A failure of ours; `cause` goes to the log only.
    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        let detail = "something went wrong on the server; its log tells more under this trace id";
        Self::new(codes::INTERNAL, detail).because(cause.into())
    }

    fn because(mut self, cause: String) -> Self {
        self.0.cause = Some(cause);
        self
    }

    /// The same problem, naming what is wrong with the input.
    pub(crate) fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// The same problem, naming one wrong place of the input.
    pub(crate) fn at(self, pointer: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        let error = FieldError { pointer: pointer.into(), code: code.to_owned(), message: message.into() };
        self.with_errors(vec![error])
    }

    /// The same problem, whose places lie below `base` instead of at the top of the body.
    pub(crate) fn below(mut self, base: &str) -> Self {
        for error in &mut self.0.errors {
            error.pointer.insert_str(0, base);
        }
        self
    }

    /// The same problem with the state that the client has missed.
    pub(crate) fn with_current(mut self, current: Value) -> Self {
        self.0.current = Some(current);
        self
    }

    /// Refuses whoever lacks a permission that just this way of asking needs.
    pub(crate) fn unless_allowed(who: &Principal, permission: Permission) -> Result<(), Self> {
        if who.may(permission) {
            return Ok(());
        }
        Err(Self::new(codes::FORBIDDEN, format!("this needs the permission {permission}")))
    }

    /// The same problem, over in so many seconds.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    fn body(&self, trace: &TraceId) -> Vec<u8> {
        let Parts { code, detail, errors, current, retry_after: _, cause: _ } = &*self.0;
        let body = ProblemBody {
            kind: format!("urn:weir:problem:{}", code.word),
            title: code.title,
            status: code.status.as_u16(),
            detail,
            code: code.word,
            errors,
            current: current.as_ref(),
            trace_id: trace.as_str(),
        };
        // Strings and JSON values always have a JSON text.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.code.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the body of a response that is a [`Problem`]; every other one passes through.
pub(crate) fn render(mut response: Response, trace: &TraceId) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let Code { word, status, .. } = problem.0.code;
    if let Some(cause) = &problem.0.cause {
        tracing::error!(trace_id = trace.as_str(), code = word, cause, "request failed");
    }
    *response.body_mut() = problem.body(trace).into();
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    let patience = match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Some(RETRY_AFTER_SECONDS),
        _ => None,
    };
    if let Some(seconds) = problem.0.retry_after.or(patience) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, if codes::is_token(word) { SIGN_IN_ANEW } else { SIGN_IN });
    }
    response
}

/// A path that leads nowhere.
pub(crate) fn nothing_at(path: &str) -> Problem {
    let path: String = path.chars().take(200).collect();
    Problem::new(codes::ROUTE_NOT_FOUND, format!("there is nothing at {path}; /api/openapi.json lists what there is"))
}

/// A method that a path does not know.
pub(crate) fn not_possible(method: &Method) -> Problem {
    Problem::new(codes::METHOD_NOT_ALLOWED, format!("{method} is not possible here; the `allow` header names what is"))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
