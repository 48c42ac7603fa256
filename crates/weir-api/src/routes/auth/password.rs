//! Passwords: changed, forgotten, set anew.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Auth, client};
use crate::extract::{Caller, ClientAddress, Json};
use crate::problem::{Problem, WriteProblems};

/// The old and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeBody {
    current_password: String,
    /// 12 to 128 characters.
    new_password: String,
}

/// Who has forgotten their password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgotBody {
    email: String,
}

/// The link's token and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResetBody {
    token: String,
    /// 12 to 128 characters.
    new_password: String,
}

/// Change one's password; all other sessions end
#[utoipa::path(
    post, path = "/api/v1/auth/password", tag = "sign-in", operation_id = "change_password", request_body = ChangeBody,
    security(("bearer" = [])),
    responses((status = 204), WriteProblems),
)]
pub(super) async fn change(
    State(auth): State<Auth>,
    Caller(who): Caller,
    Json(body): Json<ChangeBody>,
) -> Result<StatusCode, Problem> {
    auth.identity.change_password(&who, &body.current_password, &body.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for a link to set a new password, by mail
///
/// The answer does not tell whether there is an account with this address.
#[utoipa::path(
    post, path = "/api/v1/auth/password/forgot", tag = "sign-in", operation_id = "forgot_password",
    request_body = ForgotBody, security(()), extensions(("x-weir-limit" = json!("login"))),
    responses((status = 202, description = "If there is such an account, a mail is on its way"), WriteProblems),
)]
pub(super) async fn forgot(
    State(auth): State<Auth>,
    address: ClientAddress,
    headers: HeaderMap,
    Json(body): Json<ForgotBody>,
) -> Result<StatusCode, Problem> {
    auth.identity.request_reset(&body.email, &client(address, &headers)).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Set a new password by the link; all sessions end
#[utoipa::path(
    post, path = "/api/v1/auth/password/reset", tag = "sign-in", operation_id = "reset_password", request_body = ResetBody,
    security(()), extensions(("x-weir-limit" = json!("login"))),
    responses((status = 204), WriteProblems),
)]
pub(super) async fn reset(
    State(auth): State<Auth>,
    address: ClientAddress,
    headers: HeaderMap,
    Json(body): Json<ResetBody>,
) -> Result<StatusCode, Problem> {
    auth.identity.reset(&body.token, &body.new_password, &client(address, &headers)).await?;
    Ok(StatusCode::NO_CONTENT)
}
