//! `loop`: its body runs again and again.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use weir_core::evaluator::Local;
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::{params_schema, present, within};
use crate::values::is_truthy;

/// The most iterations one `loop` makes.
const MOST_ITERATIONS: u32 = 100_000;

pub(crate) struct Loop;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// Goes on while this is true. Asked before each iteration, with `iteration` (from 0) and `previous` (the result
    /// of the iteration before) in scope. Either this or `count`.
    #[serde(rename = "while", default, deserialize_with = "present")]
    condition: Option<Value>,
    /// How often the body runs. Either this or `while`.
    #[schemars(range(max = MOST_ITERATIONS))]
    count: Option<u32>,
    /// For `while`: fails when it would go on after so many iterations.
    #[serde(default = "default_max_iterations")]
    #[schemars(range(min = 1, max = MOST_ITERATIONS))]
    max_iterations: u32,
}

fn default_max_iterations() -> u32 {
    1000
}

#[async_trait]
impl NodeType for Loop {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "loop",
            category: Category::Control,
            label: "Loop",
            description: "Runs its body again and again, while a condition holds or a number of times. Its output is \
                          `{count, last}`, with the result of the last iteration.",
            icon: "repeat",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Single,
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Loop,
        }
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        let Some(Local::Iteration { iteration, .. }) = ctx.local else {
            return Err(NodeError::invalid("a loop runs only as part of an execution"));
        };
        let goes_on = match (params.condition, params.count) {
            (Some(condition), None) => {
                let most = within("max_iterations", params.max_iterations, 1..=MOST_ITERATIONS)?;
                let holds = is_truthy(&condition);
                if holds && iteration >= most {
                    let message =
                        format!("`while` still holds after {most} iterations, the most that max_iterations allows");
                    return Err(NodeError::invalid(message).with_source("while"));
                }
                holds
            }
            (None, Some(count)) => iteration < within("count", count, 0..=MOST_ITERATIONS)?,
            _ => return Err(NodeError::invalid("a loop must have either `while` or `count`")),
        };
        Ok(Outcome::Iterate(goes_on))
    }
}
