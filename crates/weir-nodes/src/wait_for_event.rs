//! `wait_for_event`: goes on when a signal arrives.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, DEFAULT_HANDLE, Handles, NodeTypeInfo, Role};
use weir_core::outcome::{Outcome, Wait};
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::deadline::{LONGEST_WAIT, after};
use crate::params::params_schema;

pub(crate) struct WaitForEvent;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The event's name, as it is sent to this execution.
    #[schemars(length(min = 1))]
    name: String,
    /// Leaves by `timeout` when nothing came for so long; waits for ever without it.
    #[schemars(range(min = 0, max = LONGEST_WAIT))]
    timeout_seconds: Option<f64>,
}

#[async_trait]
impl NodeType for WaitForEvent {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "wait_for_event",
            category: Category::Control,
            label: "Wait for event",
            description: "Waits until an event of this name is sent to the execution. Its output is \
                          `{name, data, received_at}`.",
            icon: "radio",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Fixed(&[DEFAULT_HANDLE, "timeout"]),
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        if params.name.is_empty() {
            return Err(NodeError::invalid("an event needs a name").with_source("name"));
        }
        let deadline = params.timeout_seconds.map(|seconds| after(ctx.now, "timeout_seconds", seconds)).transpose()?;
        Ok(Outcome::Wait(Wait::Signal { name: params.name, deadline }))
    }
}
