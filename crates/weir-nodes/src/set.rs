//! `set`: values under names of one's own.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::params_schema;

pub(crate) struct Set;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The output: each name with its value.
    values: Map<String, Value>,
}

#[async_trait]
impl NodeType for Set {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "set",
            category: Category::Data,
            label: "Set values",
            description: "Computes values and gives them names for later nodes.",
            icon: "pencil",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Single,
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, _ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        Ok(Outcome::done(Value::Object(params.values)))
    }
}
