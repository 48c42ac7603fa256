//! An execution's recorded events and log lines.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_base::{ExecutionId, MAX_PAGE};
use weir_core::event::JournalEvent;
use weir_engine::Engine;
use weir_engine::executions::Log;
use weir_engine::node::LogLevel;

use crate::extract::{Caller, Json, Path, Query, page};
use crate::problem::{Problem, ReadProblems};
use crate::routes::Items;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct JournalParams {
    /// Only events with a greater `seq`.
    #[serde(default)]
    #[param(required = false)]
    after: u64,
    /// At most so many, 1 to 200.
    limit: Option<u32>,
}

/// Events in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Events {
    /// Each has `seq`, `at`, `kind`, and the fields of its kind. A value is `{"inline": ...}`, or, when it is large,
    /// `{"stored": {"key", "size"}}`.
    #[schema(value_type = Vec<Object>)]
    items: Vec<JournalEvent>,
    /// Continue with `?after=` this; `null` when there was no further event.
    next_after: Option<u64>,
}

/// Read an execution's journal
#[utoipa::path(
    get, path = "/api/v1/executions/{id}/journal", tag = "executions", operation_id = "get_execution_journal",
    params(("id" = Uuid, Path, description = "The execution"), JournalParams),
    security(("bearer" = ["execution:read"])),
    responses((status = 200, body = Events), ReadProblems),
)]
pub(super) async fn journal(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
    Query(params): Query<JournalParams>,
) -> Result<Json<Events>, Problem> {
    let limit = page(params.limit.or(Some(MAX_PAGE)), None)?.limit;
    let items = engine.executions().journal(who.workspace, id, params.after, limit).await?;
    let full = items.len() == limit as usize;
    let next_after = items.last().filter(|_| full).map(|event| event.seq);
    Ok(Json(Events { items, next_after }))
}

/// Which slice of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogParams {
    /// At most so many, 1 to 200; 50 without it.
    limit: Option<u32>,
    /// Continue after the page that gave this.
    cursor: Option<String>,
}

/// A log line.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogLine {
    /// Its place in the log.
    id: i64,
    /// Who wrote it.
    path: String,
    /// `debug`, `info`, `warning` or `error`.
    #[schema(value_type = String)]
    level: LogLevel,
    message: String,
    at: DateTime<Utc>,
}

impl From<Log> for LogLine {
    fn from(log: Log) -> Self {
        Self { id: log.id, path: log.path.to_string(), level: log.level, message: log.message, at: log.at }
    }
}

/// Read an execution's logs
#[utoipa::path(
    get, path = "/api/v1/executions/{id}/logs", tag = "executions", operation_id = "list_execution_logs",
    params(("id" = Uuid, Path, description = "The execution"), LogParams),
    security(("bearer" = ["execution:read"])),
    responses((status = 200, body = Items<LogLine>), ReadProblems),
)]
pub(super) async fn logs(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
    Query(params): Query<LogParams>,
) -> Result<Json<Items<LogLine>>, Problem> {
    let page = page(params.limit, params.cursor)?;
    Ok(Json(Items::of(engine.executions().logs(who.workspace, id, &page).await?)))
}
