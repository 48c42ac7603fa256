//! `parallel`: a point from which several nodes go on at the same time.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::incoming::passed_on;
use crate::params::params_schema;

pub(crate) struct Parallel;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {}

#[async_trait]
impl NodeType for Parallel {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "parallel",
            category: Category::Control,
            label: "Parallel",
            description: "Everything connected to it goes on at the same time. Its output is what led to it.",
            icon: "git-fork",
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
        Ok(Outcome::Done { output: passed_on(ctx), handle: None })
    }
}
