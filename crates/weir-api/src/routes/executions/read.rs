//! Lists executions, shows one, and its nodes.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use weir_base::ExecutionId;
use weir_core::path::NodePath;
use weir_engine::Engine;
use weir_engine::executions::{Filter, NodeExecution, NodeStatus};

use super::{ExecutionBody, ExecutionSummary, Failure};
use crate::extract::{Caller, Json, Path, Query, page};
use crate::problem::{Problem, ReadProblems};
use crate::routes::{Items, words};
use crate::shown::{IfNoneMatch, ShownExecutions};

/// Which executions a list holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// At most so many, 1 to 200; 50 without it.
    limit: Option<u32>,
    /// Continue after the page that gave this.
    cursor: Option<String>,
    /// Only of this workflow.
    #[param(value_type = Option<Uuid>)]
    workflow_id: Option<weir_base::WorkflowId>,
    /// Only these statuses, separated by commas.
    status: Option<String>,
    /// Only those that came from this execution.
    #[param(value_type = Option<Uuid>)]
    parent: Option<ExecutionId>,
    /// Only those started by this.
    trigger: Option<String>,
    /// Only those accepted at or after this instant.
    created_from: Option<DateTime<Utc>>,
    /// Only those accepted before this instant.
    created_before: Option<DateTime<Utc>>,
}

/// List executions, newest first
#[utoipa::path(
    get, path = "/api/v1/executions", tag = "executions", operation_id = "list_executions", params(ListParams),
    security(("bearer" = ["execution:read"])),
    responses((status = 200, body = Items<ExecutionSummary>), ReadProblems),
)]
pub(super) async fn list(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Query(params): Query<ListParams>,
) -> Result<Json<Items<ExecutionSummary>>, Problem> {
    let page = page(params.limit, params.cursor)?;
    let filter = Filter {
        workflow_id: params.workflow_id,
        statuses: words(params.status.as_deref())?,
        parent: params.parent,
        trigger: params.trigger,
        created_from: params.created_from,
        created_before: params.created_before,
        dead_letters: false,
    };
    Ok(Json(Items::of(engine.executions().list(who.workspace, &filter, &page).await?)))
}

/// Show an execution
#[utoipa::path(
    get, path = "/api/v1/executions/{id}", tag = "executions", operation_id = "get_execution",
    params(
        ("id" = Uuid, Path, description = "The execution"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what is known already"),
    ),
    security(("bearer" = ["execution:read"])),
    responses(
        (status = 200, body = ExecutionBody, headers(("ETag" = String, description = "The number of its last event"))),
        (status = 304, description = "It is as it was"),
        ReadProblems,
    ),
)]
pub(super) async fn get(
    State(shown): State<ShownExecutions>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    Ok(shown.get(who.workspace, id).await?.answer(&known))
}

/// Which nodes a list holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct NodesParams {
    /// The body of a container, such as `each[12]`; the outermost level without it.
    within: Option<String>,
    /// At most so many, 1 to 200; 50 without it.
    limit: Option<u32>,
    /// Continue after the page that gave this.
    cursor: Option<String>,
}

/// One run of a node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NodeExecution)]
pub(super) struct NodeBody {
    /// Its address, such as `each[12]/parse`.
    #[schema(value_type = String)]
    path: NodePath,
    /// The node's id.
    node: String,
    /// Its type.
    node_type: String,
    /// `running`, `waiting`, `completed`, `failed`, `skipped` or `cancelled`.
    #[schema(value_type = String)]
    status: NodeStatus,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    attempts: Vec<AttemptBody>,
    /// The handle it left by.
    handle: Option<String>,
    /// What it put out.
    output: Option<Value>,
    /// The output was given from outside.
    pinned: bool,
    /// Bodies of a container.
    items: Option<ItemsBody>,
    /// What it waits for.
    waiting_for: Option<Value>,
    /// How undoing it went.
    compensation: Option<CompensationBody>,
}

/// One try of a node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
struct AttemptBody {
    /// Counts from 1.
    number: u32,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    error: Option<Failure>,
}

/// How far a container is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContainerItems)]
struct ItemsBody {
    /// Bodies in all; those begun, for a `loop`.
    count: u32,
    /// Bodies that ended.
    done: u32,
}

/// How undoing a node went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Compensation)]
struct CompensationBody {
    /// The node that undoes it.
    by: String,
    /// Whether it is over.
    finished: bool,
    /// Why it could not be undone.
    error: Option<Failure>,
}

impl From<NodeExecution> for NodeBody {
    fn from(node: NodeExecution) -> Self {
        let attempts = node.attempts.into_iter().map(|attempt| AttemptBody {
            number: attempt.number,
            started_at: attempt.started_at,
            finished_at: attempt.finished_at,
            error: attempt.error.map(Failure::from),
        });
        Self {
            path: node.path,
            node: node.node,
            node_type: node.node_type,
            status: node.status,
            started_at: node.started_at,
            finished_at: node.finished_at,
            attempts: attempts.collect(),
            handle: node.handle,
            output: node.output,
            pinned: node.pinned,
            items: node.items.map(|items| ItemsBody { count: items.count, done: items.done }),
            waiting_for: node.waiting_for,
            compensation: node.compensation.map(|undoing| CompensationBody {
                by: undoing.by,
                finished: undoing.finished,
                error: undoing.error.map(Failure::from),
            }),
        }
    }
}

/// List the runs of an execution's nodes
#[utoipa::path(
    get, path = "/api/v1/executions/{id}/nodes", tag = "executions", operation_id = "list_execution_nodes",
    params(("id" = Uuid, Path, description = "The execution"), NodesParams),
    security(("bearer" = ["execution:read"])),
    responses((status = 200, body = Items<NodeBody>), ReadProblems),
)]
pub(super) async fn nodes(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
    Query(params): Query<NodesParams>,
) -> Result<Json<Items<NodeBody>>, Problem> {
    let page = page(params.limit, params.cursor)?;
    Ok(Json(Items::of(engine.executions().nodes(who.workspace, id, params.within.as_deref(), &page).await?)))
}

/// Show one run of a node
#[utoipa::path(
    get, path = "/api/v1/executions/{id}/nodes/{*path}", tag = "executions", operation_id = "get_execution_node",
    params(
        ("id" = Uuid, Path, description = "The execution"),
        ("path" = String, Path, description = "The address, such as `each[12]/parse`"),
    ),
    security(("bearer" = ["execution:read"])),
    responses((status = 200, body = NodeBody), ReadProblems),
)]
pub(super) async fn node(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path((id, path)): Path<(ExecutionId, String)>,
) -> Result<Json<NodeBody>, Problem> {
    Ok(Json(engine.executions().node(who.workspace, id, &NodePath::from(path.as_str())).await?.into()))
}
