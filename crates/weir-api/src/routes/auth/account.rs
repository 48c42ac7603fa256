//! Making an account, and looking at one's own.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_base::{Permission, WorkspaceId};
use weir_identity::{Membership, NewAccount, Registered};

use super::{Auth, TokensBody, client};
use crate::extract::{Caller, ClientAddress, Json};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::users::UserBody;

/// Who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterBody {
    email: String,
    name: String,
    /// 12 to 128 characters.
    password: String,
    /// The token of the invitation's link.
    invitation: Option<String>,
    /// Keep the refresh token in a cookie, as with the sign-in.
    #[serde(default)]
    cookie: bool,
}

/// Whoever asks, and where they are.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// Such as `user:ID`, `key:ID` or `operator`.
    actor: String,
    /// The account; none for who runs the process.
    user: Option<UserBody>,
    /// The workspace this request is in.
    #[schema(value_type = Uuid)]
    workspace_id: WorkspaceId,
    /// What is allowed there.
    permissions: Vec<&'static str>,
    /// The workspaces one is a member of; the first is where one is without naming another.
    workspaces: Vec<MembershipBody>,
}

/// A workspace one is a member of.
#[derive(Serialize, ToSchema)]
#[schema(as = Membership)]
pub(super) struct MembershipBody {
    #[schema(value_type = Uuid)]
    id: WorkspaceId,
    name: String,
    slug: String,
    /// `admin`, `developer`, `analyst` or `viewer`.
    role: &'static str,
}

impl From<Membership> for MembershipBody {
    fn from(membership: Membership) -> Self {
        let Membership { workspace, role, .. } = membership;
        Self { id: workspace.id, name: workspace.name, slug: workspace.slug, role: role.as_str() }
    }
}

/// The link's token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkBody {
    token: String,
}

/// Make an account
///
/// The first account administers the installation. Afterwards an invitation is needed, unless registration is open.
#[utoipa::path(
    post, path = "/api/v1/auth/register", tag = "sign-in", operation_id = "register", request_body = RegisterBody,
    security(()), extensions(("x-weir-limit" = json!("login"))),
    responses(
        (status = 201, body = TokensBody),
        (status = 202, description = "Taken note of; what follows comes by mail"),
        WriteProblems,
    ),
)]
pub(super) async fn register(
    State(auth): State<Auth>,
    address: ClientAddress,
    headers: HeaderMap,
    Json(body): Json<RegisterBody>,
) -> Result<Response, Problem> {
    let RegisterBody { email, name, password, invitation, cookie } = body;
    let new = NewAccount { email, name, password, invitation };
    Ok(match auth.identity.register(new, &client(address, &headers)).await? {
        Registered::SignedIn(tokens) => (StatusCode::CREATED, auth.answer(tokens, cookie)).into_response(),
        Registered::Accepted => StatusCode::ACCEPTED.into_response(),
    })
}

/// Show who one is, and what one may do
#[utoipa::path(
    get, path = "/api/v1/auth/me", tag = "sign-in", operation_id = "me",
    security(("bearer" = [])),
    responses((status = 200, body = Me), ReadProblems),
)]
pub(super) async fn me(State(auth): State<Auth>, Caller(who): Caller) -> Result<Json<Me>, Problem> {
    let (user, workspaces) = match who.actor.user() {
        Some(_) => (Some(auth.identity.me(&who).await?.into()), auth.identity.workspaces().mine(&who).await?),
        None => (None, Vec::new()),
    };
    Ok(Json(Me {
        actor: who.actor.to_string(),
        user,
        workspace_id: who.workspace,
        permissions: who.permissions.iter().map(Permission::as_str).collect(),
        workspaces: workspaces.into_iter().map(MembershipBody::from).collect(),
    }))
}

/// Prove that an e-mail address is one's own, by the link that was sent to it
#[utoipa::path(
    post, path = "/api/v1/auth/email/verify", tag = "sign-in", operation_id = "verify_email", request_body = LinkBody,
    security(()), extensions(("x-weir-limit" = json!("login"))),
    responses((status = 204), WriteProblems),
)]
pub(super) async fn verify(
    State(auth): State<Auth>,
    address: ClientAddress,
    headers: HeaderMap,
    Json(body): Json<LinkBody>,
) -> Result<StatusCode, Problem> {
    auth.identity.verify_email(&body.token, &client(address, &headers)).await?;
    Ok(StatusCode::NO_CONTENT)
}
