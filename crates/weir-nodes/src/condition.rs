//! `condition`: one of two ways.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::params_schema;
use crate::values::is_truthy;

pub(crate) struct Condition;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// What decides, such as `{{ steps.check.body.ok }}`. `null`, `false`, `0` and empty text count as false.
    expression: Value,
}

#[async_trait]
impl NodeType for Condition {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "condition",
            category: Category::Control,
            label: "Condition",
            description: "Goes on by `true` or by `false`, as its expression says.",
            icon: "git-branch",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Fixed(&["true", "false"]),
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, _ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        let result = is_truthy(&params.expression);
        Ok(Outcome::by(result.to_string(), json!({ "result": result })))
    }
}
