//! The variable parts of a path.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path as AxumPath};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{Problem, codes};

/// The variable parts of a path, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match AxumPath::<T>::from_request_parts(parts, state).await {
            Ok(AxumPath(values)) => Ok(Self(values)),
            Err(PathRejection::MissingPathParams(error)) => Err(Problem::internal(error.to_string())),
            Err(error) => {
                let text = error.body_text();
                let detail = text.strip_prefix("Invalid URL: ").unwrap_or(&text);
                Err(Problem::new(codes::PATH_INVALID, detail))
            }
        }
    }
}
