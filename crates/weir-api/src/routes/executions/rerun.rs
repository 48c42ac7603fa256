//! Runs an ended execution again from a node on.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use weir_base::{ExecutionId, WorkspaceId};
use weir_core::path::NodePath;
use weir_engine::{Engine, Rerun};
use weir_workflows::Workflows;

use crate::extract::{Caller, Json, Path};
use crate::problem::{Problem, WriteProblems, codes};
use crate::routes::workflows::{Accepted, accepted};

#[derive(Clone)]
pub(super) struct Rerunner {
    pub(super) engine: Engine,
    pub(super) workflows: Workflows,
}

/// From where to run again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RerunBody {
    /// The first node that runs anew, such as `fetch` or `each[12]/parse`; what came before keeps its outputs.
    from_node: String,
    /// Another input; the old one without it.
    input: Option<Value>,
    /// Another version of the workflow; the old document without it.
    version: Option<u32>,
}

/// Run an ended execution again from a node on
#[utoipa::path(
    post, path = "/api/v1/executions/{id}/rerun", tag = "executions", operation_id = "rerun_execution", request_body = RerunBody,
    params(("id" = Uuid, Path, description = "The execution")),
    security(("bearer" = ["execution:run"])),
    responses((status = 202, body = Accepted, headers(("Location" = String))), WriteProblems),
)]
pub(super) async fn rerun(
    State(rerunner): State<Rerunner>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
    Json(body): Json<RerunBody>,
) -> Result<Response, Problem> {
    let document = match body.version {
        Some(version) => Some((rerunner.document(who.workspace, id, version).await?, Some(version))),
        None => None,
    };
    let rerun = Rerun { from: NodePath::from(body.from_node.as_str()), input: body.input, document };
    Ok(accepted(rerunner.engine.rerun(&who, id, rerun).await?))
}

impl Rerunner {
    /// The document of a version of the execution's workflow.
    async fn document(&self, workspace: WorkspaceId, id: ExecutionId, version: u32) -> Result<String, Problem> {
        let summary = self.engine.executions().summary(workspace, id).await?;
        let workflow = summary.workflow_id.ok_or_else(|| {
            Problem::new(codes::RERUN_INVALID, "the execution belongs to no workflow, so that there are no versions")
        })?;
        Ok(self.workflows.versions().get(workspace, workflow, version).await?.summary.hash)
    }
}
