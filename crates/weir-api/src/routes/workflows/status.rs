//! Publishes, pauses, resumes and archives workflows.

use axum::extract::State;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use weir_base::WorkflowId;
use weir_workflows::{Workflow, Workflows};

use super::versions::VersionBody;
use super::{Finding, WorkflowBody, findings};
use crate::extract::{Caller, IfMatch, Json, Path, etag};
use crate::problem::{Problem, WriteProblems};
use crate::shown::ShownWorkflows;

/// A workflow that was published.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublishedWorkflow {
    #[serde(flatten)]
    workflow: WorkflowBody,
    /// Its newest version; the one there was, if the draft had not changed since.
    version: VersionBody,
    /// What is doubtful in it.
    warnings: Vec<Finding>,
}

/// Make the draft the version that runs
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/publish", tag = "workflows", operation_id = "publish_workflow",
    params(("id" = Uuid, Path, description = "The workflow"), ("If-Match" = Option<String>, Header, description = "Only if it is still at this revision")),
    security(("bearer" = ["workflow:write"])),
    responses((status = 200, body = PublishedWorkflow, headers(("ETag" = String))), WriteProblems),
)]
pub(super) async fn publish(
    State(workflows): State<Workflows>,
    State(shown): State<ShownWorkflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    if_match: Option<IfMatch>,
) -> Result<Response, Problem> {
    let published = workflows.publish(&who, id, if_match.and_then(IfMatch::revision)).await?;
    shown.changed(who.workspace, id).await;
    let tag = etag(published.workflow.summary.revision);
    let body = PublishedWorkflow {
        workflow: published.workflow.into(),
        version: published.version.into(),
        warnings: findings(published.warnings),
    };
    Ok(([(ETAG, tag)], Json(body)).into_response())
}

/// Forbid to run a workflow for now
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/pause", tag = "workflows", operation_id = "pause_workflow",
    params(("id" = Uuid, Path, description = "The workflow"), ("If-Match" = Option<String>, Header, description = "Only if it is still at this revision")),
    security(("bearer" = ["workflow:write"])),
    responses((status = 200, body = WorkflowBody, headers(("ETag" = String))), WriteProblems),
)]
pub(super) async fn pause(
    State(workflows): State<Workflows>,
    State(shown): State<ShownWorkflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    if_match: Option<IfMatch>,
) -> Result<Response, Problem> {
    let workflow = workflows.pause(&who, id, if_match.and_then(IfMatch::revision)).await?;
    shown.changed(who.workspace, id).await;
    Ok(answer(workflow))
}

/// Allow to run a paused workflow again
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/resume", tag = "workflows", operation_id = "resume_workflow",
    params(("id" = Uuid, Path, description = "The workflow"), ("If-Match" = Option<String>, Header, description = "Only if it is still at this revision")),
    security(("bearer" = ["workflow:write"])),
    responses((status = 200, body = WorkflowBody, headers(("ETag" = String))), WriteProblems),
)]
pub(super) async fn resume(
    State(workflows): State<Workflows>,
    State(shown): State<ShownWorkflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    if_match: Option<IfMatch>,
) -> Result<Response, Problem> {
    let workflow = workflows.resume(&who, id, if_match.and_then(IfMatch::revision)).await?;
    shown.changed(who.workspace, id).await;
    Ok(answer(workflow))
}

/// Put a workflow away for good
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/archive", tag = "workflows", operation_id = "archive_workflow",
    params(("id" = Uuid, Path, description = "The workflow"), ("If-Match" = Option<String>, Header, description = "Only if it is still at this revision")),
    security(("bearer" = ["workflow:write"])),
    responses((status = 200, body = WorkflowBody, headers(("ETag" = String))), WriteProblems),
)]
pub(super) async fn archive(
    State(workflows): State<Workflows>,
    State(shown): State<ShownWorkflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    if_match: Option<IfMatch>,
) -> Result<Response, Problem> {
    let workflow = workflows.archive(&who, id, if_match.and_then(IfMatch::revision)).await?;
    shown.changed(who.workspace, id).await;
    Ok(answer(workflow))
}

fn answer(workflow: Workflow) -> Response {
    ([(ETAG, etag(workflow.summary.revision))], Json(WorkflowBody::from(workflow))).into_response()
}
