//! Runs a workflow: answers at once, or with the result when the caller waits for it.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use weir_base::{ExecutionId, WorkflowId, WorkspaceId};
use weir_core::event::Pin;
use weir_engine::{Engine, Waited};
use weir_workflows::{Execute, Workflows};

use super::change::REPLAYED;
use super::upload::{self, FormBody};
use crate::extract::{Caller, IdempotencyKey, Json, Path, Query, parse_json};
use crate::problem::{Problem, WriteProblems, codes};
use crate::routes::executions::ExecutionBody;
use crate::webhook_answer;

/// The longest a caller may wait for a result, in seconds.
const MAX_WAIT: u64 = 60;

/// What running a workflow takes.
#[derive(Clone)]
pub(super) struct Runner {
    pub(super) workflows: Workflows,
    pub(super) engine: Engine,
    pub(super) shutdown: CancellationToken,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExecuteParams {
    /// Wait so many seconds for the result, up to 60.
    wait: Option<u64>,
}

/// What a workflow is run with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExecuteBody {
    /// The input; it must fit the workflow's `inputs`.
    #[serde(default)]
    pub(super) input: Value,
    /// Which version; the newest without it.
    pub(super) version: Option<u32>,
    /// Run the draft instead of a version.
    #[serde(default)]
    pub(super) draft: bool,
    /// Outputs that are given instead of computed, by node id: `{"output": ..., "handle": ...}`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(super) pins: BTreeMap<String, Pin>,
}

impl FormBody for ExecuteBody {
    const PARTS: &'static str = "input, version, draft, pins";

    fn take(&mut self, part: &str, json: &[u8]) -> Result<bool, Problem> {
        match part {
            "input" => self.input = parse_json(json)?,
            "version" => self.version = parse_json(json)?,
            "draft" => self.draft = parse_json(json)?,
            "pins" => self.pins = parse_json(json)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// An accepted execution.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    #[schema(value_type = Uuid)]
    execution_id: ExecutionId,
    /// Where its state is.
    status_url: String,
    /// Where its events are.
    events_url: String,
}

/// Run a workflow
///
/// The execution is durable before this answers. With `multipart/form-data` the part `input` is JSON, `version` and
/// `draft` may follow it, and every part with a file name becomes a file of the execution.
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/execute", tag = "workflows", operation_id = "execute_workflow",
    params(
        ("id" = Uuid, Path, description = "The workflow"), ExecuteParams,
        ("Idempotency-Key" = Option<String>, Header, description = "The same key answers the same execution"),
    ),
    request_body(content((ExecuteBody = "application/json"), (Object = "multipart/form-data"))),
    security(("bearer" = ["execution:run"])),
    responses(
        (status = 202, body = Accepted, headers(("Location" = String))),
        (status = 200, body = ExecutionBody, description = "It ended in time; or whatever a `webhook_response` node answers"),
        WriteProblems,
    ),
)]
pub(super) async fn execute(
    State(runner): State<Runner>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    Query(params): Query<ExecuteParams>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    request: Request,
) -> Result<Response, Problem> {
    let wait = checked_wait(params.wait)?;
    let (body, execution_id) = upload::read_request::<ExecuteBody>(request, runner.engine.files()).await?;
    let ExecuteBody { input, version, draft, pins } = body;
    let trigger = "api".to_owned();
    let execute = Execute { input, version, draft, pins, idempotency_key, execution_id, trigger };
    let started = runner.workflows.execute(&who, id, execute).await;
    let begun = started.as_ref().ok().map(|started| started.id);
    upload::remove_unless_started(runner.engine.files(), execution_id, begun).await;
    let started = started?;
    let mut answer = runner.answer(who.workspace, started.id, wait).await?;
    if started.existing {
        answer.headers_mut().insert(REPLAYED, axum::http::HeaderValue::from_static("true"));
    }
    Ok(answer)
}

fn checked_wait(seconds: Option<u64>) -> Result<Option<Duration>, Problem> {
    match seconds {
        None | Some(0) => Ok(None),
        Some(seconds @ 1..=MAX_WAIT) => Ok(Some(Duration::from_secs(seconds))),
        Some(other) => {
            Err(Problem::new(codes::QUERY_INVALID, format!("`wait` is {other}, expected 0 to {MAX_WAIT} seconds")))
        }
    }
}

impl Runner {
    /// The result, if it is there in time.
    async fn answer(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        wait: Option<Duration>,
    ) -> Result<Response, Problem> {
        let Some(wait) = wait else { return Ok(accepted(id)) };
        let waited = tokio::select! {
            waited = self.engine.wait(workspace, id, wait) => waited?,
            () = self.shutdown.cancelled() => return Ok(accepted(id)),
        };
        match waited {
            Waited::Ended(details) => Ok(Json(ExecutionBody::from(*details)).into_response()),
            Waited::Responded(answer) => webhook_answer::response(answer),
            Waited::StillRunning(_) => Ok(accepted(id)),
        }
    }
}

/// The answer to a started execution.
pub(crate) fn accepted(id: ExecutionId) -> Response {
    let status_url = format!("/api/v1/executions/{id}");
    let events_url = format!("{status_url}/events");
    let location = [(LOCATION, status_url.clone())];
    (StatusCode::ACCEPTED, location, Json(Accepted { execution_id: id, status_url, events_url })).into_response()
}
