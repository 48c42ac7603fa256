//! `merge`: waits for everything that leads to it.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_core::payload::Payload;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::params_schema;

pub(crate) struct Merge;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {}

#[async_trait]
impl NodeType for Merge {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "merge",
            category: Category::Control,
            label: "Merge",
            description: "Brings branches together again. Its output holds the output of each node that led to it, \
                          by the node's id.",
            icon: "git-merge",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Single,
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let Params {} = typed_params(params)?;
        Ok(Outcome::Done { output: Payload::object(ctx.incoming.clone()), handle: None })
    }
}
