//! What a draft was.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use weir_base::WorkflowId;
use weir_collab::{Author, Snapshot, SnapshotId};
use weir_workflows::Workflows;

use crate::extract::{Caller, Json, Path, Query};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::workflows::{SavedWorkflow, answer_saved};
use crate::routes::{Items, PageParams};
use crate::shown::ShownWorkflows;

/// A moment of a draft that can be gone back to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Snapshot)]
pub(super) struct SnapshotBody {
    #[schema(value_type = Uuid)]
    id: SnapshotId,
    /// By which it is kept for ever.
    name: Option<String>,
    /// Who edited since the one before it.
    authors: Vec<AuthorBody>,
    created_at: DateTime<Utc>,
}

/// Who edited a draft.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Author)]
struct AuthorBody {
    /// Their account, if they have one.
    user: Option<Uuid>,
    name: String,
}

/// A moment of a draft with the document it was then.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SnapshotWithDocument {
    #[schema(value_type = Uuid)]
    id: SnapshotId,
    #[schema(value_type = Object)]
    document: Value,
}

/// What a moment is called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotName {
    /// 1 to 200 characters.
    name: String,
}

/// What a moment is to be called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSnapshotName {
    /// 1 to 200 characters; `null` takes the name away.
    name: Option<String>,
}

impl From<Snapshot> for SnapshotBody {
    fn from(snapshot: Snapshot) -> Self {
        let author = |Author { user, name, .. }: Author| AuthorBody { user: user.map(|user| user.as_uuid()), name };
        Self {
            id: snapshot.id,
            name: snapshot.name,
            authors: snapshot.authors.into_iter().map(author).collect(),
            created_at: snapshot.created_at,
        }
    }
}

/// List what a draft was, the newest first
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/history", tag = "collaboration", operation_id = "list_workflow_history",
    params(("id" = Uuid, Path, description = "The workflow"), PageParams),
    security(("bearer" = ["workflow:read"])),
    responses((status = 200, body = Items<SnapshotBody>), ReadProblems),
)]
pub(super) async fn list(
    State(workflows): State<Workflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    Query(params): Query<PageParams>,
) -> Result<Json<Items<SnapshotBody>>, Problem> {
    Ok(Json(Items::of(workflows.history(who.workspace, id, params.read()?).await?)))
}

/// Keep the draft as it is now under a name
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/history", tag = "collaboration", operation_id = "keep_workflow_snapshot",
    params(("id" = Uuid, Path, description = "The workflow")), request_body = SnapshotName,
    security(("bearer" = ["workflow:write"])),
    responses((status = 201, body = SnapshotBody, headers(("Location" = String))), WriteProblems),
)]
pub(super) async fn keep(
    State(workflows): State<Workflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    Json(new): Json<SnapshotName>,
) -> Result<Response, Problem> {
    let kept = workflows.keep_snapshot(who.workspace, id, &new.name).await?;
    let location = format!("/api/v1/workflows/{id}/history/{}", kept.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(SnapshotBody::from(kept))).into_response())
}

/// Show the draft as it was
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/history/{snapshot}", tag = "collaboration",
    operation_id = "get_workflow_snapshot",
    params(("id" = Uuid, Path, description = "The workflow"), ("snapshot" = Uuid, Path, description = "The moment")),
    security(("bearer" = ["workflow:read"])),
    responses((status = 200, body = SnapshotWithDocument), ReadProblems),
)]
pub(super) async fn get(
    State(workflows): State<Workflows>,
    Caller(who): Caller,
    Path((id, snapshot)): Path<(WorkflowId, SnapshotId)>,
) -> Result<Json<SnapshotWithDocument>, Problem> {
    let document = workflows.snapshot(who.workspace, id, snapshot).await?;
    Ok(Json(SnapshotWithDocument { id: snapshot, document }))
}

/// Give a moment of a draft a name
#[utoipa::path(
    patch, path = "/api/v1/workflows/{id}/history/{snapshot}", tag = "collaboration",
    operation_id = "name_workflow_snapshot",
    params(("id" = Uuid, Path, description = "The workflow"), ("snapshot" = Uuid, Path, description = "The moment")),
    request_body = NewSnapshotName,
    security(("bearer" = ["workflow:write"])),
    responses((status = 204), WriteProblems),
)]
pub(super) async fn name(
    State(workflows): State<Workflows>,
    Caller(who): Caller,
    Path((id, snapshot)): Path<(WorkflowId, SnapshotId)>,
    Json(new): Json<NewSnapshotName>,
) -> Result<StatusCode, Problem> {
    workflows.name_snapshot(who.workspace, id, snapshot, new.name.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make the draft what it was
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/history/{snapshot}/restore", tag = "collaboration",
    operation_id = "restore_workflow_snapshot",
    params(("id" = Uuid, Path, description = "The workflow"), ("snapshot" = Uuid, Path, description = "The moment")),
    security(("bearer" = ["workflow:write"])),
    responses((status = 200, body = SavedWorkflow, headers(("ETag" = String))), WriteProblems),
)]
pub(super) async fn restore(
    State(workflows): State<Workflows>,
    State(shown): State<ShownWorkflows>,
    Caller(who): Caller,
    Path((id, snapshot)): Path<(WorkflowId, SnapshotId)>,
) -> Result<Response, Problem> {
    let saved = workflows.restore_snapshot(&who, id, snapshot).await?;
    shown.changed(who.workspace, id).await;
    Ok(answer_saved(StatusCode::OK, saved))
}
