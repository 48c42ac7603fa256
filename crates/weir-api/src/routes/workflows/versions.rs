//! A workflow's published versions.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use weir_base::WorkflowId;
use weir_core::diff::Diff;
use weir_workflows::{Edition, VersionSummary, Workflows};

use super::SavedWorkflow;
use super::change::answer_saved;
use crate::extract::{Caller, IfMatch, Json, Path, Query};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::{Items, PageParams, word};
use crate::shown::ShownWorkflows;

/// A published version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowVersion)]
pub(super) struct VersionBody {
    /// Counts from 1.
    number: u32,
    /// The hash of its document.
    hash: String,
    published_at: DateTime<Utc>,
}

impl From<VersionSummary> for VersionBody {
    fn from(version: VersionSummary) -> Self {
        Self { number: version.number, hash: version.hash, published_at: version.published_at }
    }
}

/// A published version with its document.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionWithDocument {
    #[serde(flatten)]
    version: VersionBody,
    /// The document, as it was published.
    #[schema(value_type = Object)]
    document: Value,
}

/// List a workflow's versions, newest first
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/versions", tag = "workflows", operation_id = "list_workflow_versions",
    params(("id" = Uuid, Path, description = "The workflow"), PageParams),
    security(("bearer" = ["workflow:read"])),
    responses((status = 200, body = Items<VersionBody>), ReadProblems),
)]
pub(super) async fn list(
    State(workflows): State<Workflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    Query(params): Query<PageParams>,
) -> Result<Json<Items<VersionBody>>, Problem> {
    let page = params.read()?;
    Ok(Json(Items::of(workflows.versions().list(who.workspace, id, &page).await?)))
}

/// Show a version with its document
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/versions/{number}", tag = "workflows", operation_id = "get_workflow_version",
    params(("id" = Uuid, Path, description = "The workflow"), ("number" = u32, Path, description = "The version")),
    security(("bearer" = ["workflow:read"])),
    responses((status = 200, body = VersionWithDocument), ReadProblems),
)]
pub(super) async fn get(
    State(workflows): State<Workflows>,
    Caller(who): Caller,
    Path((id, number)): Path<(WorkflowId, u32)>,
) -> Result<Json<VersionWithDocument>, Problem> {
    let version = workflows.versions().get(who.workspace, id, number).await?;
    Ok(Json(VersionWithDocument { version: version.summary.into(), document: version.document }))
}

/// Compare two of a workflow's documents
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/versions/{older}/diff/{newer}", tag = "workflows", operation_id = "diff_workflow_versions",
    params(
        ("id" = Uuid, Path, description = "The workflow"),
        ("older" = String, Path, description = "The number of a version, or `draft`"),
        ("newer" = String, Path, description = "The number of a version, or `draft`"),
    ),
    security(("bearer" = ["workflow:read"])),
    responses(
        (status = 200, body = Object, description = "`document`: changes of its own fields; `nodes` and `edges`: `added`, `removed`, `changed`, `moved`"),
        ReadProblems,
    ),
)]
pub(super) async fn diff(
    State(workflows): State<Workflows>,
    Caller(who): Caller,
    Path((id, older, newer)): Path<(WorkflowId, String, String)>,
) -> Result<Json<Diff>, Problem> {
    let (older, newer) = (word::<Edition>(&older)?, word::<Edition>(&newer)?);
    Ok(Json(workflows.diff(who.workspace, id, older, newer).await?))
}

/// Make the document of a version the draft
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/versions/{number}/restore", tag = "workflows", operation_id = "restore_workflow_version",
    params(
        ("id" = Uuid, Path, description = "The workflow"),
        ("number" = u32, Path, description = "The version"),
        ("If-Match" = Option<String>, Header, description = "Only if the workflow is still at this revision"),
    ),
    security(("bearer" = ["workflow:write"])),
    responses((status = 200, body = SavedWorkflow, headers(("ETag" = String))), WriteProblems),
)]
pub(super) async fn restore(
    State(workflows): State<Workflows>,
    State(shown): State<ShownWorkflows>,
    Caller(who): Caller,
    Path((id, number)): Path<(WorkflowId, u32)>,
    if_match: Option<IfMatch>,
) -> Result<Response, Problem> {
    let saved = workflows.restore(&who, id, number, if_match.and_then(IfMatch::revision)).await?;
    shown.changed(who.workspace, id).await;
    Ok(answer_saved(StatusCode::OK, saved))
}
