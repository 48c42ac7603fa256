//! `/variables`: values every execution of the workspace sees as `vars`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_identity::{Variable, Variables};

use crate::extract::{Caller, IfMatch, Json, Path, Query, etag};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::{Items, PageParams};

pub(crate) fn router(variables: Variables) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get, set, delete)).with_state(variables)
}

/// A value that executions see under its name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Variable)]
struct VariableBody {
    /// As expressions write it after `vars.`.
    name: String,
    /// Whatever JSON can hold; no secret, as everybody in the workspace may read it.
    value: Value,
    /// Counts every change; the number in the `ETag`.
    version: u64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Variable> for VariableBody {
    fn from(variable: Variable) -> Self {
        let Variable { name, value, version, created_at, updated_at } = variable;
        Self { name, value, version, created_at, updated_at }
    }
}

/// A value to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ValueToSet {
    /// Whatever JSON can hold, at most 64 KiB.
    value: Value,
}

/// List the workspace's variables, by name
#[utoipa::path(
    get, path = "/api/v1/variables", tag = "variables", operation_id = "list_variables", params(PageParams),
    security(("bearer" = ["variable:read"])),
    responses((status = 200, body = Items<VariableBody>), ReadProblems),
)]
async fn list(
    State(variables): State<Variables>,
    Caller(who): Caller,
    Query(params): Query<PageParams>,
) -> Result<Json<Items<VariableBody>>, Problem> {
    let page = params.read()?;
    Ok(Json(Items::of(variables.list(who.workspace, &page).await?)))
}

/// Show a variable
#[utoipa::path(
    get, path = "/api/v1/variables/{name}", tag = "variables", operation_id = "get_variable",
    params(("name" = String, Path, description = "The variable's name")),
    security(("bearer" = ["variable:read"])),
    responses((status = 200, body = VariableBody, headers(("ETag" = String))), ReadProblems),
)]
async fn get(
    State(variables): State<Variables>,
    Caller(who): Caller,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    Ok(tagged(variables.get(who.workspace, &name).await?))
}

/// Set a variable, new or not
#[utoipa::path(
    put, path = "/api/v1/variables/{name}", tag = "variables", operation_id = "set_variable", request_body = ValueToSet,
    params(
        ("name" = String, Path, description = "Letters, digits, `_` and `$`, as in JavaScript"),
        ("If-Match" = Option<String>, Header, description = "Only if the variable is still at this version"),
    ),
    security(("bearer" = ["variable:write"])),
    responses((status = 200, body = VariableBody, headers(("ETag" = String))), WriteProblems),
)]
async fn set(
    State(variables): State<Variables>,
    Caller(who): Caller,
    Path(name): Path<String>,
    if_match: Option<IfMatch>,
    Json(body): Json<ValueToSet>,
) -> Result<Response, Problem> {
    Ok(tagged(variables.set(&who, &name, body.value, if_match.and_then(IfMatch::revision)).await?))
}

/// Remove a variable
#[utoipa::path(
    delete, path = "/api/v1/variables/{name}", tag = "variables", operation_id = "delete_variable",
    params(
        ("name" = String, Path, description = "The variable's name"),
        ("If-Match" = Option<String>, Header, description = "Only if the variable is still at this version"),
    ),
    security(("bearer" = ["variable:write"])),
    responses((status = 204), WriteProblems),
)]
async fn delete(
    State(variables): State<Variables>,
    Caller(who): Caller,
    Path(name): Path<String>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    variables.delete(&who, &name, if_match.and_then(IfMatch::revision)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tagged(variable: Variable) -> Response {
    ([(ETAG, etag(variable.version))], Json(VariableBody::from(variable))).into_response()
}
