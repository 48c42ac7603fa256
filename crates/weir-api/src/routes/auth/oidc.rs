//! Signing in by an OpenID Connect provider.

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Auth, client, cookie};
use crate::extract::{ClientAddress, Query};
use crate::problem::{Problem, ReadProblems, codes};

/// What the provider sent back with whoever signed in there; whatever else it sends does not matter.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Returned {
    /// The authorisation code.
    code: Option<String>,
    /// The state the way began with.
    state: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// Go to the identity provider to sign in
///
/// Redirects there. The provider sends people back to `/api/v1/auth/oidc/callback`.
#[utoipa::path(
    get, path = "/api/v1/auth/oidc", tag = "sign-in", operation_id = "begin_oidc",
    security(()), extensions(("x-weir-limit" = json!("login"))),
    responses((status = 303, headers(("Location" = String))), ReadProblems),
)]
pub(super) async fn begin(State(auth): State<Auth>) -> Result<Response, Problem> {
    let beginning = auth.identity.oidc_begin().await?;
    let cookie = auth.cookies.provider(&beginning.cookie);
    Ok((StatusCode::SEE_OTHER, cookie, [(LOCATION, beginning.url.to_string())]).into_response())
}

/// Come back from the identity provider, signed in
///
/// Keeps the refresh token in a cookie and goes on to the start page.
#[utoipa::path(
    get, path = "/api/v1/auth/oidc/callback", tag = "sign-in", operation_id = "finish_oidc", params(Returned),
    security(()), extensions(("x-weir-limit" = json!("login"))),
    responses((status = 303, headers(("Location" = String))), ReadProblems),
)]
pub(super) async fn finish(
    State(auth): State<Auth>,
    address: ClientAddress,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> Result<Response, Problem> {
    let refused = |detail: String| Problem::new(codes::UNAUTHENTICATED, detail);
    let (code, state) = match returned {
        Returned { error: Some(error), .. } => {
            let error: String = error.chars().take(100).collect();
            return Err(refused(format!("the identity provider did not sign you in: {error}")));
        }
        Returned { code: Some(code), state: Some(state), .. } => (code, state),
        _ => return Err(refused("the identity provider sent neither a code nor an error".to_owned())),
    };
    let kept = cookie::provider(&headers);
    let kept = kept.ok_or_else(|| refused("this sign-in was not begun in this browser: begin again".to_owned()))?;
    let tokens = auth.identity.oidc_finish(&code, &state, kept, &client(address, &headers)).await?;
    let cookie = auth.cookies.refresh(&tokens.refresh_token);
    Ok((StatusCode::SEE_OTHER, cookie, [(LOCATION, "/")]).into_response())
}
