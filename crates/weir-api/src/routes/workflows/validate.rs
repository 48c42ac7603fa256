//! Checks a document without keeping it.

use axum::extract::{Request, State};
use serde::Serialize;
use utoipa::ToSchema;
use weir_core::document::parse;
use weir_core::problem::Severity;
use weir_workflows::Workflows;

use super::transfer::read_document;
use super::{Finding, findings};
use crate::extract::Json;
use crate::problem::{Problem, WriteProblems};

/// What there is to say about a document.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Validation {
    /// Whether it could be published.
    valid: bool,
    /// All that is wrong or doubtful, errors first.
    problems: Vec<Finding>,
}

/// Check a document, in JSON or YAML
#[utoipa::path(
    post, path = "/api/v1/workflows/validate", tag = "workflows", operation_id = "validate_document",
    request_body(content((Object = "application/json"), (String = "application/yaml"))),
    security(("bearer" = ["workflow:read"])),
    responses((status = 200, body = Validation), WriteProblems),
)]
pub(super) async fn validate(
    State(workflows): State<Workflows>,
    request: Request,
) -> Result<Json<Validation>, Problem> {
    let (bytes, format) = read_document(request).await?;
    let problems = match parse(&bytes, format) {
        Ok(tree) => workflows.validate(tree).await?,
        Err(problems) => problems,
    };
    let valid = problems.iter().all(|problem| problem.severity != Severity::Error);
    Ok(Json(Validation { valid, problems: findings(problems) }))
}
