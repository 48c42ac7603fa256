//! `switch`: one of many ways.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::{params_schema, present};
use crate::values::{are_equal, is_truthy};

pub(crate) struct Switch;

/// The handle taken when no case fits.
const OTHERWISE: &str = "default";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// What the cases' `equals` is compared with.
    #[serde(default)]
    value: Value,
    /// Tried in order; the first that fits is taken, and `default` when none does.
    cases: Vec<Case>,
}

/// One way on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The handle to leave by.
    handle: String,
    /// Fits when it equals `value`, deeply. Either this or `when`.
    #[serde(default, deserialize_with = "present")]
    equals: Option<Value>,
    /// Fits when this expression is true. Either this or `equals`.
    #[serde(default, deserialize_with = "present")]
    when: Option<Value>,
}

#[async_trait]
impl NodeType for Switch {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "switch",
            category: Category::Control,
            label: "Switch",
            description: "Goes on by the first of its cases that fits, or by `default`.",
            icon: "split",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::FromParams { list: "cases", field: "handle", otherwise: OTHERWISE },
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, _ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        let mut handle = None;
        for (index, case) in params.cases.into_iter().enumerate() {
            let fits = match (&case.equals, &case.when) {
                (Some(expected), None) => are_equal(&params.value, expected),
                (None, Some(condition)) => is_truthy(condition),
                _ => {
                    let message = format!("case {:?} must have either `equals` or `when`", case.handle);
                    return Err(NodeError::invalid(message).with_source(format!("cases/{index}")));
                }
            };
            if fits && handle.is_none() {
                handle = Some(case.handle);
            }
        }
        let handle = handle.unwrap_or_else(|| OTHERWISE.to_owned());
        let output = json!({ "handle": handle });
        Ok(Outcome::by(handle, output))
    }
}
