//! Takes documents in from files and gives them out.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_base::WorkflowId;
use weir_core::document::{Format, parse};
use weir_workflows::{Edition, Imported, OnConflict, Workflows};

use super::change::{answer_new, create_with};
use super::{Finding, SavedWorkflow, WorkflowBody, findings};
use crate::extract::{Caller, IdempotencyKey, Json, Path, Query, etag, read_body};
use crate::problem::{Problem, ReadProblems, WriteProblems, codes};
use crate::routes::word;
use crate::shown::ShownWorkflows;

/// How to import.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportParams {
    /// What happens when a workflow of the document's name is there: make another one (`new`, the default), make
    /// this its draft (`replace`), or leave it alone (`skip`).
    #[param(inline)]
    on_conflict: Option<Conflict>,
}

/// What an import does when a workflow of the document's name is there.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Conflict {
    New,
    Replace,
    Skip,
}

/// What an import came to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportedWorkflow {
    #[serde(flatten)]
    workflow: WorkflowBody,
    /// `replaced` or `skipped`.
    outcome: &'static str,
    /// What is wrong or doubtful in the document.
    problems: Vec<Finding>,
}

/// Take in a document, in JSON or YAML
#[utoipa::path(
    post, path = "/api/v1/workflows/import", tag = "workflows", operation_id = "import_workflow",
    params(ImportParams, ("Idempotency-Key" = Option<String>, Header, description = "The same key within a day answers the same workflow")),
    request_body(content((Object = "application/json"), (String = "application/yaml"))),
    security(("bearer" = ["workflow:write"])),
    responses(
        (status = 201, body = SavedWorkflow, headers(("ETag" = String), ("Location" = String))),
        (status = 200, body = ImportedWorkflow, description = "A workflow of that name was there"),
        WriteProblems,
    ),
)]
pub(super) async fn import(
    State(workflows): State<Workflows>,
    State(shown): State<ShownWorkflows>,
    Caller(who): Caller,
    Query(params): Query<ImportParams>,
    IdempotencyKey(key): IdempotencyKey,
    request: Request,
) -> Result<Response, Problem> {
    let (bytes, format) = read_document(request).await?;
    let on_conflict = match params.on_conflict {
        None | Some(Conflict::New) => {
            let tree = parse(&bytes, format).map_err(|problems| weir_workflows::Error::NotValid { problems })?;
            return Ok(create_with(&workflows, &who, tree, Vec::new(), key).await?);
        }
        // These two find what they made before by its name.
        Some(Conflict::Replace) => OnConflict::Replace,
        Some(Conflict::Skip) => OnConflict::Skip,
    };
    let (outcome, workflow, problems) = match workflows.import(&who, &bytes, Some(format), on_conflict).await? {
        Imported::Created(saved) => return Ok(answer_new(saved)),
        Imported::Replaced(saved) => ("replaced", saved.workflow, saved.problems),
        Imported::Skipped(workflow) => ("skipped", workflow, Vec::new()),
    };
    shown.changed(who.workspace, workflow.summary.id).await;
    let tag = [(axum::http::header::ETAG, etag(workflow.summary.revision))];
    let body = ImportedWorkflow { workflow: workflow.into(), outcome, problems: findings(problems) };
    Ok((StatusCode::OK, tag, Json(body)).into_response())
}

/// How to export.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportParams {
    /// `yaml` (the default) or `json`.
    #[param(inline)]
    format: Option<Notation>,
    /// The number of a version, or `draft` (the default).
    version: Option<String>,
}

/// How a document is written.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Notation {
    Yaml,
    Json,
}

/// Give out a workflow's document
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/export", tag = "workflows", operation_id = "export_workflow",
    params(("id" = Uuid, Path, description = "The workflow"), ExportParams),
    security(("bearer" = ["workflow:read"])),
    responses(
        (status = 200, content((Object = "application/yaml"), (Object = "application/json"))),
        ReadProblems,
    ),
)]
pub(super) async fn export(
    State(workflows): State<Workflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    Query(params): Query<ExportParams>,
) -> Result<Response, Problem> {
    let edition = params.version.as_deref().map(word).transpose()?.unwrap_or(Edition::Draft);
    let (format, kind, ending) = match params.format {
        None | Some(Notation::Yaml) => (Format::Yaml, "application/yaml", "yaml"),
        Some(Notation::Json) => (Format::Json, "application/json", "json"),
    };
    let text = workflows.export(who.workspace, id, edition, format).await?;
    let name = format!("attachment; filename=\"workflow-{id}-{edition}.{ending}\"");
    Ok(([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, name)], text).into_response())
}

/// A body that is a document, with its notation by the declared type.
pub(super) async fn read_document(request: Request) -> Result<(Bytes, Format), Problem> {
    let declared = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let format = match essence.as_str() {
        "application/json" => Format::Json,
        "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Format::Yaml,
        _ => {
            let detail = "send the document as `content-type: application/json` or `application/yaml`";
            return Err(Problem::new(codes::CONTENT_TYPE_UNSUPPORTED, detail));
        }
    };
    Ok((read_body(request).await?, format))
}
