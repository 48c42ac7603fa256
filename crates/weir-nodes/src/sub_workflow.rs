//! `sub_workflow`: runs another workflow.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use weir_base::ErrorKind;
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::node_type::{Category, DEFAULT_MAX_ATTEMPTS, Handles, NodeTypeInfo, Role};
use weir_core::outcome::{ChildRequest, Outcome, Wait};
use weir_engine::node::{NodeCtx, NodeType, typed_params};
use weir_workflows::Versions;

use crate::params::{params_schema, present};

pub(crate) struct SubWorkflow {
    pub(crate) versions: Versions,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The workflow, by its name or id.
    #[schemars(length(min = 1))]
    workflow: String,
    /// Which of its versions; the newest without it.
    #[schemars(range(min = 1))]
    version: Option<u32>,
    /// What it is started with; an empty object without it.
    #[serde(default, deserialize_with = "present")]
    input: Option<Value>,
}

#[async_trait]
impl NodeType for SubWorkflow {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "sub_workflow",
            category: Category::Control,
            label: "Sub-workflow",
            description: "Runs a published version of another workflow and waits for it. Its output is that \
                          workflow's output, and its failure is this node's.",
            icon: "workflow",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Single,
            // Which version is the newest changes: what was found is recorded with the wait.
            pure: false,
            default_timeout_seconds: None,
            default_max_attempts: DEFAULT_MAX_ATTEMPTS,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        let resolved = self.versions.resolve(ctx.workspace, &params.workflow, params.version).await;
        let resolved = resolved.map_err(|error| {
            let class = match error.kind() {
                ErrorKind::Unavailable | ErrorKind::Internal => ErrorClass::Transient,
                ErrorKind::Conflict => ErrorClass::Refused,
                _ => ErrorClass::Invalid,
            };
            NodeError::new(class, error.to_string()).with_source("workflow")
        })?;
        Ok(Outcome::Wait(Wait::Child(ChildRequest {
            workflow_id: resolved.workflow_id,
            version: resolved.version,
            document: resolved.document,
            input: params.input.unwrap_or_else(|| Value::Object(Map::new())).into(),
        })))
    }
}
