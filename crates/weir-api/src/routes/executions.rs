//! `/executions`: what they did and do, and telling them what to do.

pub(crate) mod commands;
mod events;
mod files;
mod journal;
mod read;
mod rerun;
mod start;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{ExecutionId, WorkflowId};
use weir_core::event::{Parent, Pin, Relation};
use weir_core::node_error::{ErrorClass, NodeError};
use weir_engine::Engine;
use weir_engine::executions::{Details, Summary};
use weir_workflows::Workflows;

use crate::live::Feed;
use crate::shown::ShownExecutions;
use crate::watching::Streams;

pub(crate) fn router(engine: Engine, workflows: Workflows, shown: ShownExecutions, streams: Streams) -> OpenApiRouter {
    let get = OpenApiRouter::new().routes(routes!(read::get)).with_state(shown);
    let starter = start::Starter { engine: engine.clone(), workflows: workflows.clone() };
    let start = OpenApiRouter::new().routes(routes!(start::start)).with_state(starter);
    let rerun = rerun::Rerunner { engine: engine.clone(), workflows };
    let rerun = OpenApiRouter::new().routes(routes!(rerun::rerun)).with_state(rerun);
    let feed = Feed::new(engine.clone(), streams);
    let events = OpenApiRouter::new().routes(routes!(events::events)).with_state(feed);
    OpenApiRouter::new()
        .routes(routes!(read::list))
        .routes(routes!(read::nodes))
        .routes(routes!(read::node))
        .routes(routes!(journal::journal))
        .routes(routes!(journal::logs))
        .routes(routes!(files::list))
        .routes(routes!(files::download))
        .routes(routes!(commands::cancel))
        .routes(routes!(commands::pause))
        .routes(routes!(commands::resume))
        .routes(routes!(commands::retry))
        .routes(routes!(commands::signal))
        .with_state(engine)
        .merge(get)
        .merge(start)
        .merge(events)
        .merge(rerun)
}

/// An execution in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExecutionSummary {
    #[schema(value_type = Uuid)]
    id: ExecutionId,
    /// Of which workflow, unless a bare file was run.
    #[schema(value_type = Option<Uuid>)]
    workflow_id: Option<WorkflowId>,
    /// Which version; `null` for the draft.
    workflow_version: Option<u32>,
    /// What started it.
    #[schema(examples("api"))]
    trigger: String,
    /// The execution it came from.
    parent: Option<ParentBody>,
    /// `pending`, `running`, `waiting`, `paused`, `completed`, `failed`, `cancelled` or `timeout`.
    status: &'static str,
    /// Percent.
    progress: u8,
    /// Node executions finished or skipped.
    nodes_done: u64,
    /// Node executions known of.
    nodes_known: u64,
    /// Number of its last event.
    seq: u64,
    /// Why it failed.
    error: Option<Failure>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

/// Where an execution came from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Parent)]
struct ParentBody {
    #[schema(value_type = Uuid)]
    execution_id: ExecutionId,
    /// The node it came from.
    path: String,
    /// `sub_workflow` or `rerun`.
    relation: &'static str,
}

/// Why something failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Failure {
    /// `invalid`, `transient`, `timeout`, `cancelled` or `refused`.
    #[schema(value_type = String)]
    class: ErrorClass,
    /// What went wrong.
    message: String,
    /// What said so.
    source: Option<String>,
    /// Whatever else helps to understand.
    details: Option<Value>,
    /// The other side asked not to be bothered sooner than this.
    retry_after_ms: Option<u64>,
}

/// An execution with what went in and came out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Execution)]
pub(crate) struct ExecutionBody {
    #[serde(flatten)]
    summary: ExecutionSummary,
    /// What it was started with.
    input: Value,
    /// The result, once completed.
    output: Option<Value>,
    /// Outputs that were given from outside, by node id.
    #[schema(value_type = Object)]
    pins: BTreeMap<String, Pin>,
}

impl From<Summary> for ExecutionSummary {
    fn from(summary: Summary) -> Self {
        Self {
            id: summary.id,
            workflow_id: summary.workflow_id,
            workflow_version: summary.workflow_version,
            trigger: summary.trigger,
            parent: summary.parent.map(ParentBody::from),
            status: summary.status.as_str(),
            progress: summary.progress,
            nodes_done: summary.nodes_done,
            nodes_known: summary.nodes_known,
            seq: summary.seq,
            error: summary.error.map(Failure::from),
            created_at: summary.created_at,
            updated_at: summary.updated_at,
            finished_at: summary.finished_at,
        }
    }
}

impl From<Details> for ExecutionBody {
    fn from(details: Details) -> Self {
        Self { summary: details.summary.into(), input: details.input, output: details.output, pins: details.pins }
    }
}

impl From<Parent> for ParentBody {
    fn from(parent: Parent) -> Self {
        let relation = match parent.relation {
            Relation::SubWorkflow => "sub_workflow",
            Relation::Rerun => "rerun",
        };
        Self { execution_id: parent.execution_id, path: parent.path.to_string(), relation }
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        let NodeError { class, message, source, details, retry_after_ms } = error;
        Self { class, message, source, details, retry_after_ms }
    }
}
