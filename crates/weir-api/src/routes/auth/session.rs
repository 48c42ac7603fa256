//! Signing in and out, and the sessions one has.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_base::SessionId;
use weir_identity::Session;

use super::{Auth, TokensBody, client};
use crate::extract::{Caller, ClientAddress, Json, Path};
use crate::problem::{Problem, ReadProblems, WriteProblems, codes};
use crate::routes::Items;

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginBody {
    email: String,
    password: String,
    /// Keep the refresh token in a cookie that scripts cannot read, instead of answering it: for browsers.
    #[serde(default)]
    cookie: bool,
}

/// What to refresh with.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshBody {
    /// The refresh token; without it, the one of the cookie.
    refresh_token: Option<String>,
}

/// A sign-in that lasts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionBody {
    #[schema(value_type = Uuid)]
    id: SessionId,
    /// What program it was begun with, in its own words.
    user_agent: Option<String>,
    /// From which address it was begun.
    address: Option<String>,
    created_at: DateTime<Utc>,
    /// When it was last refreshed.
    last_seen_at: DateTime<Utc>,
    /// When it ends at the latest.
    expires_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    current: bool,
}

impl From<Session> for SessionBody {
    fn from(session: Session) -> Self {
        let Session { id, user_agent, address, created_at, last_seen_at, expires_at, current } = session;
        Self { id, user_agent, address, created_at, last_seen_at, expires_at, current }
    }
}

/// Sign in with e-mail address and password
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "sign-in", operation_id = "login", request_body = LoginBody,
    security(()), extensions(("x-weir-limit" = json!("login"))),
    responses((status = 200, body = TokensBody), WriteProblems),
)]
pub(super) async fn login(
    State(auth): State<Auth>,
    address: ClientAddress,
    headers: HeaderMap,
    Json(body): Json<LoginBody>,
) -> Result<Response, Problem> {
    let tokens = auth.identity.login(&body.email, &body.password, &client(address, &headers)).await?;
    Ok(auth.answer(tokens, body.cookie))
}

/// Get a new access token
///
/// Each refresh token is good for one refresh, which answers the next one. A token that comes a second time was
/// stolen, or its answer was: the whole session ends.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh", tag = "sign-in", operation_id = "refresh", request_body = RefreshBody,
    security(()), extensions(("x-weir-limit" = json!("login"))),
    responses((status = 200, body = TokensBody), WriteProblems),
)]
pub(super) async fn refresh(
    State(auth): State<Auth>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Option<Json<RefreshBody>>,
) -> Result<Response, Problem> {
    let given = body.and_then(|Json(body)| body.refresh_token);
    let (token, in_cookie) = match &given {
        Some(token) => (token.as_str(), false),
        None => match auth.cookies.refresh_token(&headers)? {
            Some(token) => (token, true),
            None => return Err(Problem::new(codes::UNAUTHENTICATED, "there is no refresh token: sign in")),
        },
    };
    let tokens = auth.identity.refresh(token, &client(address, &headers)).await?;
    Ok(auth.answer(tokens, in_cookie))
}

/// Sign out: end the session that asks
#[utoipa::path(
    post, path = "/api/v1/auth/logout", tag = "sign-in", operation_id = "logout",
    security(("bearer" = [])),
    responses((status = 204), WriteProblems),
)]
pub(super) async fn logout(State(auth): State<Auth>, Caller(who): Caller) -> Result<Response, Problem> {
    auth.identity.logout(&who).await?;
    Ok((auth.cookies.no_refresh(), StatusCode::NO_CONTENT).into_response())
}

/// List one's sessions, newest first
#[utoipa::path(
    get, path = "/api/v1/auth/sessions", tag = "sign-in", operation_id = "list_sessions",
    security(("bearer" = [])),
    responses((status = 200, body = Items<SessionBody>), ReadProblems),
)]
pub(super) async fn list(State(auth): State<Auth>, Caller(who): Caller) -> Result<Json<Items<SessionBody>>, Problem> {
    Ok(Json(Items::all(auth.identity.sessions(&who).await?)))
}

/// End all of one's sessions
#[utoipa::path(
    delete, path = "/api/v1/auth/sessions", tag = "sign-in", operation_id = "end_sessions",
    security(("bearer" = [])),
    responses((status = 204), WriteProblems),
)]
pub(super) async fn end_all(State(auth): State<Auth>, Caller(who): Caller) -> Result<Response, Problem> {
    auth.identity.logout_everywhere(&who).await?;
    Ok((auth.cookies.no_refresh(), StatusCode::NO_CONTENT).into_response())
}

/// End one of one's sessions
#[utoipa::path(
    delete, path = "/api/v1/auth/sessions/{id}", tag = "sign-in", operation_id = "end_session",
    params(("id" = Uuid, Path, description = "The session")),
    security(("bearer" = [])),
    responses((status = 204), WriteProblems),
)]
pub(super) async fn end(
    State(auth): State<Auth>,
    Caller(who): Caller,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, Problem> {
    auth.identity.revoke_session(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
