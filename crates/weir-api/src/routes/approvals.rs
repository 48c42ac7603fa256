//! `/approvals`: questions to people, and their answers.

use std::fmt;
use std::str::FromStr;

use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::ExecutionId;
use weir_core::event::Decision;
use weir_core::path::NodePath;
use weir_core::user_schema::UserSchema;
use weir_engine::Engine;
use weir_engine::executions::{Approval, ApprovalStatus};

use crate::extract::{Caller, Json, Path, Query, page};
use crate::problem::{FieldError, Problem, ReadProblems, WriteProblems, codes};
use crate::routes::{Items, word};

pub(crate) fn router(engine: Engine) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get)).routes(routes!(decide)).with_state(engine)
}

/// A question's address in a URL: the execution's id and the node's path, in base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ApprovalId {
    execution: ExecutionId,
    path: NodePath,
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}:{}", self.execution, self.path)))
    }
}

impl FromStr for ApprovalId {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let read = || {
            let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (execution, path) = plain.split_once(':')?;
            Some(Self { execution: execution.parse().ok()?, path: NodePath::from(path) })
        };
        read().ok_or_else(|| Problem::new(codes::PATH_INVALID, "this is not the id of an approval"))
    }
}

/// Which questions a list holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// `open`, `approved`, `rejected`, `expired` or `closed`.
    status: Option<String>,
    /// Only those of this execution.
    #[param(value_type = Option<Uuid>)]
    execution_id: Option<ExecutionId>,
    /// At most so many, 1 to 200; 50 without it.
    limit: Option<u32>,
    /// Continue after the page that gave this.
    cursor: Option<String>,
}

/// A question to a person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Approval)]
struct ApprovalBody {
    /// For `/approvals/{id}`.
    id: String,
    #[schema(value_type = Uuid)]
    execution_id: ExecutionId,
    /// The node that asks.
    path: String,
    /// The question, in a line.
    title: String,
    /// What the decision rests on.
    description: Option<String>,
    /// JSON Schema of the data that comes with the decision.
    #[schema(value_type = Option<Object>)]
    form: Option<Value>,
    /// Who should decide.
    assignee: Option<String>,
    /// Until when.
    deadline: Option<DateTime<Utc>>,
    /// `open`, `approved`, `rejected`, `expired` or `closed`.
    status: &'static str,
    created_at: DateTime<Utc>,
}

impl From<Approval> for ApprovalBody {
    fn from(approval: Approval) -> Self {
        let id = ApprovalId { execution: approval.execution_id, path: approval.path.clone() };
        Self {
            id: id.to_string(),
            execution_id: approval.execution_id,
            path: approval.path.to_string(),
            title: approval.title,
            description: approval.description,
            form: approval.form,
            assignee: approval.assignee,
            deadline: approval.deadline,
            status: approval.status.as_str(),
            created_at: approval.created_at,
        }
    }
}

/// A person's decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DecisionBody {
    /// Yes or no.
    approved: bool,
    /// What was filled into the form.
    #[serde(default)]
    data: Value,
    /// Why.
    comment: Option<String>,
    /// Who decided.
    by: Option<String>,
}

/// List approvals, newest first
#[utoipa::path(
    get, path = "/api/v1/approvals", tag = "approvals", operation_id = "list_approvals", params(ListParams),
    security(("bearer" = ["execution:read"])),
    responses((status = 200, body = Items<ApprovalBody>), ReadProblems),
)]
async fn list(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Query(params): Query<ListParams>,
) -> Result<Json<Items<ApprovalBody>>, Problem> {
    let page = page(params.limit, params.cursor)?;
    let status = params.status.as_deref().map(word::<ApprovalStatus>).transpose()?;
    Ok(Json(Items::of(engine.executions().approvals(who.workspace, status, params.execution_id, &page).await?)))
}

/// Show an approval
#[utoipa::path(
    get, path = "/api/v1/approvals/{id}", tag = "approvals", operation_id = "get_approval",
    params(("id" = String, Path, description = "As the list gives it")),
    security(("bearer" = ["execution:read"])),
    responses((status = 200, body = ApprovalBody), ReadProblems),
)]
async fn get(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path(id): Path<String>,
) -> Result<Json<ApprovalBody>, Problem> {
    let id: ApprovalId = id.parse()?;
    Ok(Json(engine.executions().approval(who.workspace, id.execution, &id.path).await?.into()))
}

/// Decide an open approval
#[utoipa::path(
    post, path = "/api/v1/approvals/{id}/decide", tag = "approvals", operation_id = "decide_approval", request_body = DecisionBody,
    params(("id" = String, Path, description = "As the list gives it")),
    security(("bearer" = ["approval:decide"])),
    responses((status = 204), WriteProblems),
)]
async fn decide(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path(id): Path<String>,
    Json(body): Json<DecisionBody>,
) -> Result<StatusCode, Problem> {
    let id: ApprovalId = id.parse()?;
    let approval = engine.executions().approval(who.workspace, id.execution, &id.path).await?;
    if body.approved {
        check_data(approval.form.as_ref(), &body.data)?;
    }
    let DecisionBody { approved, data, comment, by } = body;
    engine.decide(&who, id.execution, id.path, Decision { approved, data, by, comment }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the data of a yes fits the form; a no needs none.
fn check_data(form: Option<&Value>, data: &Value) -> Result<(), Problem> {
    let Some(form) = form else { return Ok(()) };
    let schema = UserSchema::compile(form).map_err(|_| {
        Problem::new(
            codes::APPROVAL_DATA_INVALID,
            "the approval's form is no JSON Schema, so that it cannot be filled in",
        )
    })?;
    let wrong = schema.errors(data);
    if wrong.is_empty() {
        return Ok(());
    }
    let errors = wrong.into_iter().map(|wrong| FieldError {
        pointer: format!("/data{}", wrong.pointer),
        code: codes::APPROVAL_DATA_INVALID.word.to_owned(),
        message: wrong.message,
    });
    Err(Problem::new(codes::APPROVAL_DATA_INVALID, "the data does not fit the approval's form")
        .with_errors(errors.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approvals_id_survives_the_round_trip_and_nonsense_is_refused() {
        let id = ApprovalId { execution: ExecutionId::new(), path: NodePath::from("each[12]/ask") };
        let text = id.to_string();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{text}");
        assert_eq!(text.parse::<ApprovalId>().unwrap(), id);
        for nonsense in ["", "x", "AAAA", "%%%"] {
            assert!(nonsense.parse::<ApprovalId>().is_err(), "{nonsense}");
        }
    }
}
