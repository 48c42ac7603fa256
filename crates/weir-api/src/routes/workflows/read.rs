//! Lists workflows and shows one.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use weir_base::WorkflowId;
use weir_workflows::{Filter, Sort, Workflows};

use super::{WorkflowBody, WorkflowSummary};
use crate::extract::{Caller, Json, Path, Query, page};
use crate::problem::{Problem, ReadProblems};
use crate::routes::{Items, word, words};
use crate::shown::{IfNoneMatch, ShownWorkflows};

/// Which workflows a list holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// At most so many, 1 to 200; 50 without it.
    limit: Option<u32>,
    /// Continue after the page that gave this.
    cursor: Option<String>,
    /// `name`, `created_at` or `updated_at`, with a leading `-` for descending; `-updated_at` without it.
    sort: Option<String>,
    /// Only those with this text in their name or description.
    q: Option<String>,
    /// Only these statuses, separated by commas: `draft`, `active`, `paused`, `archived`.
    status: Option<String>,
    /// Only those with this tag.
    tag: Option<String>,
    /// `true` lists the deleted ones instead.
    #[serde(default)]
    #[param(required = false)]
    deleted: bool,
}

/// List workflows
#[utoipa::path(
    get, path = "/api/v1/workflows", tag = "workflows", operation_id = "list_workflows", params(ListParams),
    security(("bearer" = ["workflow:read"])),
    responses((status = 200, body = Items<WorkflowSummary>), ReadProblems),
)]
pub(super) async fn list(
    State(workflows): State<Workflows>,
    Caller(who): Caller,
    Query(params): Query<ListParams>,
) -> Result<Json<Items<WorkflowSummary>>, Problem> {
    let page = page(params.limit, params.cursor)?;
    let filter = Filter {
        statuses: words(params.status.as_deref())?,
        tag: params.tag,
        q: params.q,
        deleted: params.deleted,
        sort: params.sort.as_deref().map(word::<Sort>).transpose()?.unwrap_or_default(),
    };
    Ok(Json(Items::of(workflows.list(who.workspace, &filter, &page).await?)))
}

/// Show a workflow with its draft
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}", tag = "workflows", operation_id = "get_workflow",
    params(
        ("id" = Uuid, Path, description = "The workflow"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what is known already"),
    ),
    security(("bearer" = ["workflow:read"])),
    responses(
        (status = 200, body = WorkflowBody, headers(("ETag" = String, description = "The revision, for `If-Match`"))),
        (status = 304, description = "It is as it was"),
        ReadProblems,
    ),
)]
pub(super) async fn get(
    State(shown): State<ShownWorkflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    Ok(shown.get(who.workspace, id).await?.answer(&known))
}
