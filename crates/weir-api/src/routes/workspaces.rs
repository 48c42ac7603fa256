//! `/workspaces`: where things belong, and what is possible there.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::WorkspaceId;
use weir_identity::{Identity, Membership, NewWorkspace, Quotas, Workspace, WorkspaceUpdate};

use crate::extract::{Caller, IfMatch, Json, Query, Within, etag, page};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::Items;

pub(crate) fn router(identity: Identity) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, update, delete)).with_state(identity)
}

/// A workspace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Workspace)]
pub(super) struct WorkspaceBody {
    #[schema(value_type = Uuid)]
    id: WorkspaceId,
    name: String,
    /// Its name in addresses.
    slug: String,
    /// How much it may use.
    quotas: QuotasBody,
    /// What one is there; left out where one is no member.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// Counts every change; the number in the `ETag`.
    version: u64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Workspace> for WorkspaceBody {
    fn from(workspace: Workspace) -> Self {
        let Quotas { executions_per_day, stored_bytes } = workspace.quotas;
        Self {
            id: workspace.id,
            name: workspace.name,
            slug: workspace.slug,
            quotas: QuotasBody { executions_per_day, stored_bytes },
            role: None,
            version: workspace.version,
            created_at: workspace.created_at,
            updated_at: workspace.updated_at,
        }
    }
}

impl From<Membership> for WorkspaceBody {
    fn from(membership: Membership) -> Self {
        Self { role: Some(membership.role.as_str()), ..membership.workspace.into() }
    }
}

/// How much a workspace may use.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Quotas)]
struct QuotasBody {
    /// Executions that may be started in a day (UTC); any number without it.
    executions_per_day: Option<u64>,
    /// Bytes of files and large values; any number without it.
    stored_bytes: Option<u64>,
}

/// A workspace to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WorkspaceToMake {
    name: String,
    /// Its name in addresses; made from the name without it.
    slug: Option<String>,
}

/// What to change of a workspace; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WorkspaceChange {
    name: Option<String>,
    slug: Option<String>,
    /// All of them, instead of the old ones: for who runs the installation.
    quotas: Option<QuotasBody>,
}

/// Which workspaces a list holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// Those of the whole installation instead of one's own: for who runs it.
    #[serde(default)]
    everywhere: bool,
    /// At most so many, 1 to 200; 50 without it. One's own come all at once.
    limit: Option<u32>,
    /// Continue after the page that gave this.
    cursor: Option<String>,
}

/// List the workspaces one is a member of
#[utoipa::path(
    get, path = "/api/v1/workspaces", tag = "workspaces", operation_id = "list_workspaces", params(ListParams),
    security(("bearer" = [])),
    responses((status = 200, body = Items<WorkspaceBody>), ReadProblems),
)]
async fn list(
    State(identity): State<Identity>,
    Caller(who): Caller,
    Query(params): Query<ListParams>,
) -> Result<Json<Items<WorkspaceBody>>, Problem> {
    let page = page(params.limit, params.cursor)?;
    // Who runs the process is no member anywhere.
    if params.everywhere || who.actor.user().is_none() {
        Problem::unless_allowed(&who, weir_base::Permission::InstallationAdmin)?;
        return Ok(Json(Items::of(identity.workspaces().list(&page).await?)));
    }
    Ok(Json(Items::all(identity.workspaces().mine(&who).await?)))
}

/// Make a workspace, with oneself as its admin
#[utoipa::path(
    post, path = "/api/v1/workspaces", tag = "workspaces", operation_id = "create_workspace",
    request_body = WorkspaceToMake,
    security(("bearer" = ["installation:admin"])),
    responses((status = 201, body = WorkspaceBody, headers(("Location" = String), ("ETag" = String))), WriteProblems),
)]
async fn create(
    State(identity): State<Identity>,
    Caller(who): Caller,
    Json(body): Json<WorkspaceToMake>,
) -> Result<Response, Problem> {
    let made = identity.workspaces().create(&who, NewWorkspace { name: body.name, slug: body.slug }).await?;
    let location = [(LOCATION, format!("/api/v1/workspaces/{}", made.id))];
    Ok((StatusCode::CREATED, location, tagged(made)).into_response())
}

/// Show a workspace
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}", tag = "workspaces", operation_id = "get_workspace",
    params(("id" = Uuid, Path, description = "The workspace")),
    security(("bearer" = ["workspace:read"])),
    responses((status = 200, body = WorkspaceBody, headers(("ETag" = String))), ReadProblems),
)]
async fn get(State(identity): State<Identity>, Within(who): Within) -> Result<Response, Problem> {
    Ok(tagged(identity.workspaces().get(who.workspace).await?))
}

/// Change a workspace
#[utoipa::path(
    patch, path = "/api/v1/workspaces/{id}", tag = "workspaces", operation_id = "update_workspace",
    request_body = WorkspaceChange,
    params(
        ("id" = Uuid, Path, description = "The workspace"),
        ("If-Match" = Option<String>, Header, description = "Only if the workspace is still at this version"),
    ),
    security(("bearer" = ["workspace:write"])),
    responses((status = 200, body = WorkspaceBody, headers(("ETag" = String))), WriteProblems),
)]
async fn update(
    State(identity): State<Identity>,
    Within(who): Within,
    if_match: Option<IfMatch>,
    Json(body): Json<WorkspaceChange>,
) -> Result<Response, Problem> {
    let quotas =
        body.quotas.map(|QuotasBody { executions_per_day, stored_bytes }| Quotas { executions_per_day, stored_bytes });
    if quotas.is_some() {
        // A workspace does not set its own bounds.
        Problem::unless_allowed(&who, weir_base::Permission::InstallationAdmin)?;
    }
    let change = WorkspaceUpdate { name: body.name, slug: body.slug, quotas };
    Ok(tagged(identity.workspaces().update(&who, if_match.and_then(IfMatch::revision), change).await?))
}

/// Delete a workspace
#[utoipa::path(
    delete, path = "/api/v1/workspaces/{id}", tag = "workspaces", operation_id = "delete_workspace",
    params(
        ("id" = Uuid, Path, description = "The workspace"),
        ("If-Match" = Option<String>, Header, description = "Only if the workspace is still at this version"),
    ),
    security(("bearer" = ["workspace:write"])),
    responses((status = 204), WriteProblems),
)]
async fn delete(
    State(identity): State<Identity>,
    Within(who): Within,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    identity.workspaces().delete(&who, if_match.and_then(IfMatch::revision)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tagged(workspace: Workspace) -> Response {
    ([(ETAG, etag(workspace.version))], Json(WorkspaceBody::from(workspace))).into_response()
}
