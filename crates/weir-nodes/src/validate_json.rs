//! `validate_json`: whether a value keeps to a JSON Schema.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_core::user_schema::UserSchema;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::params_schema;

pub(crate) struct ValidateJson;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// What is checked.
    value: Value,
    /// The JSON Schema it should keep to; 2020-12, complete in itself.
    schema: Map<String, Value>,
}

#[async_trait]
impl NodeType for ValidateJson {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "validate_json",
            category: Category::Data,
            label: "Validate JSON",
            description: "Checks a value against a JSON Schema and goes on by `valid` or `invalid`. Its output is \
                          `{valid, errors}`, each error with its place and a message.",
            icon: "shield-check",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Fixed(&["valid", "invalid"]),
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, _ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        let errors = compiled("schema", &Value::Object(params.schema))?.errors(&params.value);
        let valid = errors.is_empty();
        let handle = if valid { "valid" } else { "invalid" };
        Ok(Outcome::by(handle, json!({ "valid": valid, "errors": errors })))
    }
}

/// Reads a schema of the workflow's own.
///
/// # Errors
/// Class `invalid`, naming the param; the details tell every place.
pub(crate) fn compiled(param: &str, schema: &Value) -> Result<UserSchema, NodeError> {
    UserSchema::compile(schema).map_err(|errors| {
        let first = errors.first().map(|error| format!(": {} at {:?}", error.message, error.pointer));
        let message = format!("{param} is not a usable JSON Schema{}", first.unwrap_or_default());
        NodeError::invalid(message).with_source(param).with_details(json!({ "errors": errors }))
    })
}
