//! `fail`: ends in an error on purpose.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::{params_schema, present};

pub(crate) struct Fail;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// What went wrong, for whoever reads the execution.
    message: String,
    /// What sort of failure it is.
    #[serde(default)]
    class: Class,
    /// Whatever else helps to understand.
    #[serde(default, deserialize_with = "present")]
    details: Option<Value>,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Class {
    /// The input or the workflow is wrong.
    #[default]
    Invalid,
    /// It may pass: tried again when the node has attempts left.
    Transient,
    /// A rule said no.
    Refused,
}

#[async_trait]
impl NodeType for Fail {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "fail",
            category: Category::Control,
            label: "Fail",
            description: "Fails with a message of its own.",
            icon: "circle-x",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::None,
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, _ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        let class = match params.class {
            Class::Invalid => ErrorClass::Invalid,
            Class::Transient => ErrorClass::Transient,
            Class::Refused => ErrorClass::Refused,
        };
        Err(NodeError { details: params.details, ..NodeError::new(class, params.message) })
    }
}
