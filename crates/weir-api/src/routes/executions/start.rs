//! Runs a document as it is, without keeping it as a workflow.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use weir_base::{ExecutionId, Principal};
use weir_core::document::Document;
use weir_core::event::Pin;
use weir_core::problem::Severity;
use weir_engine::{Engine, StartExecution, Started};
use weir_workflows::Workflows;

use crate::extract::{Caller, IdempotencyKey, parse_json};
use crate::problem::{Problem, WriteProblems};
use crate::routes::workflows::upload::{FormBody, read_request, remove_unless_started};
use crate::routes::workflows::{Accepted, REPLAYED, accepted};

/// What started such an execution.
const TRIGGER: &str = "document";

#[derive(Clone)]
pub(super) struct Starter {
    pub(super) engine: Engine,
    pub(super) workflows: Workflows,
}

/// What to run, and with what.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartBody {
    /// The document.
    #[schema(value_type = Object)]
    document: Value,
    /// The input; it must fit the document's `inputs`.
    #[serde(default)]
    input: Value,
    /// Outputs that are given instead of computed, by node id: `{"output": ..., "handle": ...}`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pins: BTreeMap<String, Pin>,
}

impl FormBody for StartBody {
    const PARTS: &'static str = "document, input, pins";

    fn take(&mut self, part: &str, json: &[u8]) -> Result<bool, Problem> {
        match part {
            "document" => self.document = parse_json(json)?,
            "input" => self.input = parse_json(json)?,
            "pins" => self.pins = parse_json(json)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Run a document
///
/// Whoever brings a document of their own must be allowed to write workflows as well.
/// The execution is durable before this answers, and belongs to no workflow. With `multipart/form-data` the parts
/// `document`, `input` and `pins` are JSON, and every part with a file name becomes a file of the execution.
#[utoipa::path(
    post, path = "/api/v1/executions", tag = "executions", operation_id = "start_execution",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key answers the same execution")),
    request_body(content((StartBody = "application/json"), (Object = "multipart/form-data"))),
    security(("bearer" = ["workflow:write", "execution:run"])),
    responses((status = 202, body = Accepted, headers(("Location" = String))), WriteProblems),
)]
pub(super) async fn start(
    State(starter): State<Starter>,
    Caller(who): Caller,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    request: Request,
) -> Result<Response, Problem> {
    let (body, id) = read_request::<StartBody>(request, starter.engine.files()).await?;
    let started = starter.start(&who, body, id, idempotency_key).await;
    let begun = started.as_ref().ok().map(|started| started.id);
    remove_unless_started(starter.engine.files(), id, begun).await;
    let started = started?;
    let mut answer = accepted(started.id);
    if started.existing {
        answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(answer)
}

impl Starter {
    async fn start(
        &self,
        who: &Principal,
        body: StartBody,
        id: Option<ExecutionId>,
        idempotency_key: Option<String>,
    ) -> Result<Started, Problem> {
        let start = StartExecution {
            id,
            pins: body.pins,
            trigger: TRIGGER.to_owned(),
            idempotency_key,
            ..StartExecution::by(who, self.document(body.document).await?, body.input)
        };
        Ok(self.engine.start(start).await?)
    }

    /// Keeps a valid document; its hash.
    async fn document(&self, tree: Value) -> Result<String, Problem> {
        let problems = self.workflows.validate(tree.clone()).await?;
        let errors = problems.iter().any(|problem| problem.severity == Severity::Error);
        match Document::from_value(tree) {
            Ok(document) if !errors => Ok(self.engine.keep_document(&document).await?),
            _ => Err(Problem::from(weir_workflows::Error::NotValid { problems }).below("/document")),
        }
    }
}
