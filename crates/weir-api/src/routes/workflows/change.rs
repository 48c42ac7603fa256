//! Creates, changes, deletes and restores workflows.

use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use weir_base::{Principal, WorkflowId};
use weir_core::document::{Format, parse};
use weir_workflows::{Created, DraftChange, Error, Saved, Update, Workflows};

use super::{SavedWorkflow, WorkflowBody};
use crate::extract::{Caller, IdempotencyKey, IfMatch, Json, Path, etag};
use crate::problem::{Problem, WriteProblems};
use crate::shown::ShownWorkflows;

/// Marks an answer to a request that had been answered before.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A document with the words to find it by.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWorkflow {
    /// The document; it may break rules that only running it needs.
    #[schema(value_type = Object)]
    document: Box<RawValue>,
    /// Words to find it by.
    #[serde(default)]
    tags: Vec<String>,
}

/// What replaces a workflow's draft.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplaceWorkflow {
    /// The new document.
    #[schema(value_type = Object)]
    document: Box<RawValue>,
    /// The new tags, instead of all the old ones; they stay without it.
    tags: Option<Vec<String>>,
}

/// What to change of a workflow.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PatchWorkflow {
    /// A JSON Merge Patch (RFC 7396) of the document: `null` takes a field away, arrays are replaced.
    #[schema(value_type = Option<Object>)]
    document: Option<Box<RawValue>>,
    /// The new tags, instead of all the old ones.
    tags: Option<Vec<String>>,
}

/// Create a workflow
#[utoipa::path(
    post, path = "/api/v1/workflows", tag = "workflows", operation_id = "create_workflow", request_body = NewWorkflow,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key within a day answers the same workflow")),
    security(("bearer" = ["workflow:write"])),
    responses(
        (status = 201, body = SavedWorkflow, headers(("ETag" = String), ("Location" = String))),
        (status = 200, body = SavedWorkflow, description = "The key was used before"),
        WriteProblems,
    ),
)]
pub(super) async fn create(
    State(workflows): State<Workflows>,
    Caller(who): Caller,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewWorkflow>,
) -> Result<Response, Problem> {
    let created = create_with(&workflows, &who, tree(&new.document)?, new.tags, key).await;
    created.map_err(below_document)
}

/// Replace a workflow's draft
#[utoipa::path(
    put, path = "/api/v1/workflows/{id}", tag = "workflows", operation_id = "replace_workflow", request_body = ReplaceWorkflow,
    params(("id" = Uuid, Path, description = "The workflow"), ("If-Match" = String, Header, description = "The `ETag` of what was changed")),
    security(("bearer" = ["workflow:write"])),
    responses((status = 200, body = SavedWorkflow, headers(("ETag" = String))), WriteProblems),
)]
pub(super) async fn replace(
    State(workflows): State<Workflows>,
    State(shown): State<ShownWorkflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    if_match: IfMatch,
    Json(new): Json<ReplaceWorkflow>,
) -> Result<Response, Problem> {
    let update = Update { draft: Some(DraftChange::Replace(tree(&new.document)?)), tags: new.tags };
    let saved = workflows.update(&who, id, if_match.revision(), update).await.map_err(below_document)?;
    shown.changed(who.workspace, id).await;
    Ok(answer_saved(StatusCode::OK, saved))
}

/// Change parts of a workflow's draft
#[utoipa::path(
    patch, path = "/api/v1/workflows/{id}", tag = "workflows", operation_id = "patch_workflow",
    request_body(content((PatchWorkflow = "application/merge-patch+json"), (PatchWorkflow = "application/json"))),
    params(("id" = Uuid, Path, description = "The workflow"), ("If-Match" = String, Header, description = "The `ETag` of what was changed")),
    security(("bearer" = ["workflow:write"])),
    responses((status = 200, body = SavedWorkflow, headers(("ETag" = String))), WriteProblems),
)]
pub(super) async fn patch(
    State(workflows): State<Workflows>,
    State(shown): State<ShownWorkflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    if_match: IfMatch,
    Json(patch): Json<PatchWorkflow>,
) -> Result<Response, Problem> {
    let draft = match patch.document {
        Some(patch) => Some(DraftChange::Merge(tree(&patch)?)),
        None => None,
    };
    let update = Update { draft, tags: patch.tags };
    let saved = workflows.update(&who, id, if_match.revision(), update).await.map_err(below_document)?;
    shown.changed(who.workspace, id).await;
    Ok(answer_saved(StatusCode::OK, saved))
}

/// Delete a workflow; it can be restored for 30 days
#[utoipa::path(
    delete, path = "/api/v1/workflows/{id}", tag = "workflows", operation_id = "delete_workflow",
    params(("id" = Uuid, Path, description = "The workflow"), ("If-Match" = Option<String>, Header, description = "Only if it is still at this revision")),
    security(("bearer" = ["workflow:write"])),
    responses((status = 204), WriteProblems),
)]
pub(super) async fn delete(
    State(workflows): State<Workflows>,
    State(shown): State<ShownWorkflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    workflows.delete(&who, id, if_match.and_then(IfMatch::revision)).await?;
    shown.changed(who.workspace, id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring a deleted workflow back
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/restore", tag = "workflows", operation_id = "restore_workflow",
    params(("id" = Uuid, Path, description = "The workflow")),
    security(("bearer" = ["workflow:write"])),
    responses((status = 200, body = WorkflowBody, headers(("ETag" = String))), WriteProblems),
)]
pub(super) async fn restore(
    State(workflows): State<Workflows>,
    State(shown): State<ShownWorkflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
) -> Result<impl IntoResponse, Problem> {
    let workflow = workflows.undelete(&who, id).await?;
    shown.changed(who.workspace, id).await;
    Ok(([(ETAG, etag(workflow.summary.revision))], Json(WorkflowBody::from(workflow))))
}

/// A kept workflow with its `ETag`.
pub(crate) fn answer_saved(status: StatusCode, saved: Saved) -> Response {
    let tag = etag(saved.workflow.summary.revision);
    (status, [(ETAG, tag)], Json(SavedWorkflow::from(saved))).into_response()
}

/// Makes a workflow, or answers the one that the same key made before.
pub(super) async fn create_with(
    workflows: &Workflows,
    who: &Principal,
    document: Value,
    tags: Vec<String>,
    key: Option<String>,
) -> Result<Response, Error> {
    let created = match key {
        Some(key) => workflows.create_once(who, document, tags, &key).await?,
        None => Created { saved: workflows.create(who, document, tags).await?, existing: false },
    };
    if created.existing {
        return Ok(([(REPLAYED, "true")], answer_saved(StatusCode::OK, created.saved)).into_response());
    }
    Ok(answer_new(created.saved))
}

/// A new workflow with its place.
pub(super) fn answer_new(saved: Saved) -> Response {
    let location = format!("/api/v1/workflows/{}", saved.workflow.summary.id);
    ([(LOCATION, location)], answer_saved(StatusCode::CREATED, saved)).into_response()
}

/// A document within a body, read by the rules of documents: no key twice, not too deep, not too large.
fn tree(document: &RawValue) -> Result<Value, Problem> {
    parse(document.get().as_bytes(), Format::Json).map_err(|problems| below_document(Error::NotValid { problems }))
}

/// A failure whose places are in the body's `document`.
fn below_document(error: Error) -> Problem {
    Problem::from(error).below("/document")
}
