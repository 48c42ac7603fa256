//! `/dead-letters`: failed executions that nobody has dealt with.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::ExecutionId;
use weir_engine::Engine;

use crate::extract::{Caller, Json, Path, Query, page};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::Items;
use crate::routes::executions::{ExecutionSummary, commands};

pub(crate) fn router(engine: Engine) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(replay)).routes(routes!(dismiss)).with_state(engine)
}

/// Which slice of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageParams {
    /// At most so many, 1 to 200; 50 without it.
    limit: Option<u32>,
    /// Continue after the page that gave this.
    cursor: Option<String>,
}

/// List dead letters, newest first
#[utoipa::path(
    get, path = "/api/v1/dead-letters", tag = "dead letters", operation_id = "list_dead_letters", params(PageParams),
    security(("bearer" = ["execution:read"])),
    responses((status = 200, body = Items<ExecutionSummary>), ReadProblems),
)]
async fn list(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Query(params): Query<PageParams>,
) -> Result<Json<Items<ExecutionSummary>>, Problem> {
    let page = page(params.limit, params.cursor)?;
    Ok(Json(Items::of(engine.executions().dead_letters(who.workspace, &page).await?)))
}

/// Let the execution go on from its failed nodes
#[utoipa::path(
    post, path = "/api/v1/dead-letters/{id}/replay", tag = "dead letters", operation_id = "replay_dead_letter",
    params(("id" = Uuid, Path, description = "The execution")),
    security(("bearer" = ["execution:run"])),
    responses((status = 202, body = ExecutionSummary), WriteProblems),
)]
async fn replay(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
) -> Result<(StatusCode, Json<ExecutionSummary>), Problem> {
    engine.retry(&who, id).await?;
    commands::summary(&engine, who.workspace, id).await
}

/// Take the execution off the list
#[utoipa::path(
    post, path = "/api/v1/dead-letters/{id}/dismiss", tag = "dead letters", operation_id = "dismiss_dead_letter",
    params(("id" = Uuid, Path, description = "The execution")),
    security(("bearer" = ["execution:run"])),
    responses((status = 204), WriteProblems),
)]
async fn dismiss(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
) -> Result<StatusCode, Problem> {
    engine.executions().dismiss(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
