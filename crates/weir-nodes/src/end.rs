//! `end`: where a level ends, and with what result.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_core::payload::Payload;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::incoming::passed_on;
use crate::params::{params_schema, present};

pub(crate) struct End;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The level's result. Without it: the output of the node that leads here, or an object by node id when several do.
    #[serde(default, deserialize_with = "present")]
    output: Option<Value>,
}

#[async_trait]
impl NodeType for End {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "end",
            category: Category::Control,
            label: "End",
            description: "Where a level ends. Its output is the level's result.",
            icon: "flag",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::None,
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::End,
        }
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        let output = params.output.map_or_else(|| passed_on(ctx), Payload::from);
        Ok(Outcome::Done { output, handle: None })
    }
}
