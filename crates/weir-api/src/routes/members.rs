//! `/workspaces/{id}/members` and `/invitations`: who belongs to a workspace, and who shall.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use weir_base::{Permission, Permissions, UserId, WorkspaceId};
use weir_identity::{Invitation, Invited, Member, MemberUpdate, Members, Preview};

use crate::extract::{Caller, IfMatch, Json, Path, Query, Within, etag};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::{Items, PageParams, field};

pub(crate) fn router(members: Members) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, update, remove))
        .routes(routes!(list_invitations, invite))
        .routes(routes!(take_back))
        .routes(routes!(preview))
        .routes(routes!(accept))
        .with_state(members)
}

/// Somebody who belongs to a workspace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
struct MemberBody {
    #[schema(value_type = Uuid)]
    user_id: UserId,
    email: String,
    name: String,
    /// Whether they can sign in.
    is_active: bool,
    /// `admin`, `developer`, `analyst` or `viewer`.
    role: &'static str,
    /// What they may do beyond their role.
    permissions: Vec<&'static str>,
    /// Counts every change; the number in the `ETag`.
    version: u64,
    joined_at: DateTime<Utc>,
}

impl From<Member> for MemberBody {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user,
            email: member.email,
            name: member.name,
            is_active: member.is_active,
            role: member.role.as_str(),
            permissions: member.extra.iter().map(Permission::as_str).collect(),
            version: member.version,
            joined_at: member.joined_at,
        }
    }
}

/// What to change of a member; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MemberChange {
    /// `admin`, `developer`, `analyst` or `viewer`.
    role: Option<String>,
    /// What they may do beyond their role, all of it.
    permissions: Option<Vec<String>>,
}

/// Somebody who is to become a member.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
struct InvitationBody {
    id: Uuid,
    email: String,
    role: &'static str,
    #[schema(value_type = Option<Uuid>)]
    invited_by: Option<UserId>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// The link to pass on, where there is no mail server to send it; shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl From<Invitation> for InvitationBody {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id,
            email: invitation.email,
            role: invitation.role.as_str(),
            invited_by: invitation.invited_by,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
            url: None,
        }
    }
}

/// Who is to be invited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InvitationToMake {
    email: String,
    /// `admin`, `developer`, `analyst` or `viewer`.
    role: String,
}

/// The link's token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InvitationToken {
    token: String,
}

/// What a link invites to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvitationPreview)]
struct PreviewBody {
    /// The workspace's name.
    workspace: String,
    email: String,
    role: &'static str,
    expires_at: DateTime<Utc>,
    /// Whether there is an account to accept it with; otherwise one is made by registering.
    has_account: bool,
}

/// The workspace one has joined.
#[derive(Debug, Serialize, ToSchema)]
struct Joined {
    #[schema(value_type = Uuid)]
    workspace_id: WorkspaceId,
    name: String,
}

/// List a workspace's members
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/members", tag = "members", operation_id = "list_members",
    params(("id" = Uuid, Path, description = "The workspace"), PageParams),
    security(("bearer" = ["workspace:read"])),
    responses((status = 200, body = Items<MemberBody>), ReadProblems),
)]
async fn list(
    State(members): State<Members>,
    Within(who): Within,
    Query(params): Query<PageParams>,
) -> Result<Json<Items<MemberBody>>, Problem> {
    let page = params.read()?;
    Ok(Json(Items::of(members.list(who.workspace, &page).await?)))
}

/// Show a member
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/members/{user_id}", tag = "members", operation_id = "get_member",
    params(("id" = Uuid, Path, description = "The workspace"), ("user_id" = Uuid, Path, description = "The member")),
    security(("bearer" = ["workspace:read"])),
    responses((status = 200, body = MemberBody, headers(("ETag" = String))), ReadProblems),
)]
async fn get(
    State(members): State<Members>,
    Within(who): Within,
    Path((_workspace, user)): Path<(WorkspaceId, UserId)>,
) -> Result<Response, Problem> {
    Ok(tagged(members.get(who.workspace, user).await?))
}

/// Change what a member may do
#[utoipa::path(
    patch, path = "/api/v1/workspaces/{id}/members/{user_id}", tag = "members", operation_id = "update_member",
    request_body = MemberChange,
    params(
        ("id" = Uuid, Path, description = "The workspace"), ("user_id" = Uuid, Path, description = "The member"),
        ("If-Match" = Option<String>, Header, description = "Only if the member is still at this version"),
    ),
    security(("bearer" = ["member:write"])),
    responses((status = 200, body = MemberBody, headers(("ETag" = String))), WriteProblems),
)]
async fn update(
    State(members): State<Members>,
    Within(who): Within,
    Path((_workspace, user)): Path<(WorkspaceId, UserId)>,
    if_match: Option<IfMatch>,
    Json(body): Json<MemberChange>,
) -> Result<Response, Problem> {
    let role = body.role.as_deref().map(|role| field("/role", role)).transpose()?;
    let extra = body.permissions.map(|words| {
        let each = words.iter().enumerate().map(|(index, word)| field(&format!("/permissions/{index}"), word));
        each.collect::<Result<Permissions, Problem>>()
    });
    let change = MemberUpdate { role, extra: extra.transpose()? };
    Ok(tagged(members.update(&who, user, if_match.and_then(IfMatch::revision), change).await?))
}

/// Remove a member
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{id}/members/{user_id}", tag = "members", operation_id = "remove_member",
    params(("id" = Uuid, Path, description = "The workspace"), ("user_id" = Uuid, Path, description = "The member")),
    security(("bearer" = ["member:write"])),
    responses((status = 204), WriteProblems),
)]
async fn remove(
    State(members): State<Members>,
    Within(who): Within,
    Path((_workspace, user)): Path<(WorkspaceId, UserId)>,
) -> Result<StatusCode, Problem> {
    members.remove(&who, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List a workspace's open invitations
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/invitations", tag = "members", operation_id = "list_invitations",
    params(("id" = Uuid, Path, description = "The workspace")),
    security(("bearer" = ["member:write"])),
    responses((status = 200, body = Items<InvitationBody>), ReadProblems),
)]
async fn list_invitations(
    State(members): State<Members>,
    Within(who): Within,
) -> Result<Json<Items<InvitationBody>>, Problem> {
    Ok(Json(Items::all(members.invitations(who.workspace).await?)))
}

/// Invite somebody into a workspace
#[utoipa::path(
    post, path = "/api/v1/workspaces/{id}/invitations", tag = "members", operation_id = "invite",
    request_body = InvitationToMake, params(("id" = Uuid, Path, description = "The workspace")),
    security(("bearer" = ["member:write"])),
    responses((status = 201, body = InvitationBody), WriteProblems),
)]
async fn invite(
    State(members): State<Members>,
    Within(who): Within,
    Json(body): Json<InvitationToMake>,
) -> Result<Response, Problem> {
    let Invited { invitation, link } = members.invite(&who, &body.email, field("/role", &body.role)?).await?;
    let body = InvitationBody { url: link, ..invitation.into() };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// Take an invitation back
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{id}/invitations/{invitation_id}", tag = "members",
    operation_id = "take_back_invitation",
    params(
        ("id" = Uuid, Path, description = "The workspace"),
        ("invitation_id" = Uuid, Path, description = "The invitation"),
    ),
    security(("bearer" = ["member:write"])),
    responses((status = 204), WriteProblems),
)]
async fn take_back(
    State(members): State<Members>,
    Within(who): Within,
    Path((_workspace, invitation)): Path<(WorkspaceId, Uuid)>,
) -> Result<StatusCode, Problem> {
    members.take_back(&who, invitation).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show what a link invites to
#[utoipa::path(
    post, path = "/api/v1/invitations/preview", tag = "members", operation_id = "preview_invitation",
    request_body = InvitationToken, security(()), extensions(("x-weir-limit" = json!("login"))),
    responses((status = 200, body = PreviewBody), WriteProblems),
)]
async fn preview(
    State(members): State<Members>,
    Json(body): Json<InvitationToken>,
) -> Result<Json<PreviewBody>, Problem> {
    let Preview { workspace, email, role, expires_at, has_account } = members.preview(&body.token).await?;
    Ok(Json(PreviewBody { workspace, email, role: role.as_str(), expires_at, has_account }))
}

/// Join a workspace by the link of an invitation
#[utoipa::path(
    post, path = "/api/v1/invitations/accept", tag = "members", operation_id = "accept_invitation",
    request_body = InvitationToken, security(("bearer" = [])),
    responses((status = 200, body = Joined), WriteProblems),
)]
async fn accept(
    State(members): State<Members>,
    Caller(who): Caller,
    Json(body): Json<InvitationToken>,
) -> Result<Json<Joined>, Problem> {
    let joined = members.accept(&who, &body.token).await?;
    Ok(Json(Joined { workspace_id: joined.id, name: joined.name }))
}

fn tagged(member: Member) -> Response {
    ([(ETAG, etag(member.version))], Json(MemberBody::from(member))).into_response()
}
