//! `approval`: a person decides.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::{ApprovalRequest, Outcome, Wait};
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::deadline::{LONGEST_WAIT, after};
use crate::params::params_schema;
use crate::validate_json::compiled;

pub(crate) struct Approval;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The question, in a line.
    #[schemars(length(min = 1))]
    title: String,
    /// What the decision rests on; Markdown.
    description: Option<String>,
    /// JSON Schema of the data that comes with the decision; a form is drawn from it.
    form: Option<Map<String, Value>>,
    /// Who should decide.
    assignee: Option<String>,
    /// Leaves by `expired` when nobody decided for so long; waits for ever without it.
    #[schemars(range(min = 0, max = LONGEST_WAIT))]
    deadline_seconds: Option<f64>,
}

#[async_trait]
impl NodeType for Approval {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "approval",
            category: Category::Control,
            label: "Approval",
            description: "Asks a person and goes on by `approved`, `rejected` or `expired`. Its output is \
                          `{decision, data, by, comment}`.",
            icon: "user-check",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Fixed(&["approved", "rejected", "expired"]),
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        if params.title.trim().is_empty() {
            return Err(NodeError::invalid("an approval needs a title").with_source("title"));
        }
        let form = params.form.map(Value::Object);
        if let Some(form) = &form {
            // A form that cannot be checked is found here, not by whoever wants to decide.
            compiled("form", form)?;
        }
        let deadline =
            params.deadline_seconds.map(|seconds| after(ctx.now, "deadline_seconds", seconds)).transpose()?;
        Ok(Outcome::Wait(Wait::Approval(ApprovalRequest {
            title: params.title,
            description: params.description,
            form,
            assignee: params.assignee,
            deadline,
        })))
    }
}
