//! Tells executions what to do.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use weir_base::{ExecutionId, WorkspaceId};
use weir_engine::Engine;

use super::ExecutionSummary;
use crate::extract::{Caller, Json, Path};
use crate::problem::{Problem, WriteProblems, codes};

/// The longest name of a signal, in bytes.
const MAX_NAME: usize = 200;

/// Why an execution is cancelled.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelBody {
    /// For whoever reads the journal.
    reason: Option<String>,
}

/// Cancel an execution
#[utoipa::path(
    post, path = "/api/v1/executions/{id}/cancel", tag = "executions", operation_id = "cancel_execution", request_body = Option<CancelBody>,
    params(("id" = Uuid, Path, description = "The execution")),
    security(("bearer" = ["execution:run"])),
    responses((status = 202, body = ExecutionSummary), WriteProblems),
)]
pub(super) async fn cancel(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
    body: Option<Json<CancelBody>>,
) -> Result<(StatusCode, Json<ExecutionSummary>), Problem> {
    let reason = body.and_then(|Json(body)| body.reason);
    engine.cancel(&who, id, reason).await?;
    summary(&engine, who.workspace, id).await
}

/// Let an execution begin nothing new
#[utoipa::path(
    post, path = "/api/v1/executions/{id}/pause", tag = "executions", operation_id = "pause_execution",
    params(("id" = Uuid, Path, description = "The execution")),
    security(("bearer" = ["execution:run"])),
    responses((status = 202, body = ExecutionSummary), WriteProblems),
)]
pub(super) async fn pause(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
) -> Result<(StatusCode, Json<ExecutionSummary>), Problem> {
    engine.pause(&who, id).await?;
    summary(&engine, who.workspace, id).await
}

/// Let a paused execution go on
#[utoipa::path(
    post, path = "/api/v1/executions/{id}/resume", tag = "executions", operation_id = "resume_execution",
    params(("id" = Uuid, Path, description = "The execution")),
    security(("bearer" = ["execution:run"])),
    responses((status = 202, body = ExecutionSummary), WriteProblems),
)]
pub(super) async fn resume(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
) -> Result<(StatusCode, Json<ExecutionSummary>), Problem> {
    engine.resume(&who, id).await?;
    summary(&engine, who.workspace, id).await
}

/// Let a failed execution go on from its failed nodes
#[utoipa::path(
    post, path = "/api/v1/executions/{id}/retry", tag = "executions", operation_id = "retry_execution",
    params(("id" = Uuid, Path, description = "The execution")),
    security(("bearer" = ["execution:run"])),
    responses((status = 202, body = ExecutionSummary), WriteProblems),
)]
pub(super) async fn retry(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
) -> Result<(StatusCode, Json<ExecutionSummary>), Problem> {
    engine.retry(&who, id).await?;
    summary(&engine, who.workspace, id).await
}

/// Tell an execution what it may wait for
#[utoipa::path(
    post, path = "/api/v1/executions/{id}/signals/{name}", tag = "executions", operation_id = "signal_execution", request_body = Option<Object>,
    params(
        ("id" = Uuid, Path, description = "The execution"),
        ("name" = String, Path, description = "The signal's name, 1 to 200 bytes"),
    ),
    security(("bearer" = ["execution:run"])),
    responses((status = 202, body = ExecutionSummary), WriteProblems),
)]
pub(super) async fn signal(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path((id, name)): Path<(ExecutionId, String)>,
    data: Option<Json<Value>>,
) -> Result<(StatusCode, Json<ExecutionSummary>), Problem> {
    if name.len() > MAX_NAME {
        return Err(Problem::new(codes::PATH_INVALID, format!("a signal's name has at most {MAX_NAME} bytes")));
    }
    engine.signal(&who, id, name, data.map(|Json(data)| data).unwrap_or_default()).await?;
    summary(&engine, who.workspace, id).await
}

/// The execution after it was told.
pub(crate) async fn summary(
    engine: &Engine,
    workspace: WorkspaceId,
    id: ExecutionId,
) -> Result<(StatusCode, Json<ExecutionSummary>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(engine.executions().summary(workspace, id).await?.into())))
}
