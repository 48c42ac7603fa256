//! `start`: where a level begins.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::params_schema;

pub(crate) struct Start;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {}

#[async_trait]
impl NodeType for Start {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "start",
            category: Category::Control,
            label: "Start",
            description: "Where a level begins. Its output is the level's input: that of the execution, the item of a \
                          map, or the iteration of a loop.",
            icon: "play",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Single,
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Start,
        }
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let Params {} = typed_params(params)?;
        // The state machine completes a start itself, as it alone knows the execution's input.
        let local =
            ctx.local.as_ref().ok_or_else(|| NodeError::invalid("a start runs only as part of an execution"))?;
        Ok(Outcome::done(Value::Object(local.bindings())))
    }
}
