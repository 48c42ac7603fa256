//! Who asks, of the workspace that the path names.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use weir_base::{Principal, WorkspaceId};

use super::{Caller, Path};
use crate::problem::Problem;

/// Whoever is signed in, within the workspace of the path's first parameter.
#[derive(Debug, Clone)]
pub(crate) struct Within(pub(crate) Principal);

impl<S: Send + Sync> FromRequestParts<S> for Within {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Caller(who) = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        let Path(ids) = Path::<Vec<String>>::from_request_parts(parts, state).await?;
        let id = ids.first().map(String::as_str).unwrap_or_default();
        let id: WorkspaceId = id.parse().map_err(|error: weir_base::InvalidId| {
            Problem::new(crate::problem::codes::PATH_INVALID, error.to_string())
        })?;
        // The gate chose the path's workspace, unless a header named another one.
        if who.workspace == id { Ok(Self(who)) } else { Err(weir_identity::Error::NoWorkspace(id).into()) }
    }
}
