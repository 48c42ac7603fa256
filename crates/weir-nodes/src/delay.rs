//! `delay`: goes on later.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::{Outcome, Wait};
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::deadline::{LONGEST_WAIT, after};
use crate::params::params_schema;

pub(crate) struct Delay;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// For how long, at most ten years. Either this or `until`.
    #[schemars(range(min = 0, max = LONGEST_WAIT))]
    seconds: Option<f64>,
    /// Until when, such as `2030-01-31T08:00:00Z`; an instant in the past does not wait. Either this or `seconds`.
    #[schemars(extend("format" = "date-time"))]
    until: Option<String>,
}

#[async_trait]
impl NodeType for Delay {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "delay",
            category: Category::Control,
            label: "Delay",
            description: "Goes on after some time or at an instant. Waiting costs nothing and outlives restarts.",
            icon: "timer",
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
        let params: Params = typed_params(params)?;
        let due_at = match (params.seconds, params.until) {
            (Some(seconds), None) => after(ctx.now, "seconds", seconds)?,
            (None, Some(text)) => {
                let until = DateTime::parse_from_rfc3339(&text).map_err(|error| {
                    let message = format!("{text:?} is not an instant such as 2030-01-31T08:00:00Z: {error}");
                    NodeError::invalid(message).with_source("until")
                })?;
                let due_at = until.with_timezone(&Utc);
                if due_at > after(ctx.now, "until", LONGEST_WAIT)? {
                    let message = format!("{text} is more than ten years away");
                    return Err(NodeError::invalid(message).with_source("until"));
                }
                due_at
            }
            _ => return Err(NodeError::invalid("a delay must have either `seconds` or `until`")),
        };
        Ok(Outcome::Wait(Wait::Timer { due_at }))
    }
}
