//! `validate_json`: whether a value keeps to a JSON Schema.

use async_trait::async_trait;
use jsonschema::{PatternOptions, Validator};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::params_schema;

/// More errors than this are not told.
const MAX_ERRORS: usize = 100;

pub(crate) struct ValidateJson;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// What is checked.
    value: Value,
    /// The JSON Schema it should keep to; 2020-12 unless its `$schema` says otherwise.
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
        let schema = compiled("schema", &Value::Object(params.schema))?;
        let errors: Vec<Value> = schema
            .iter_errors(&params.value)
            .take(MAX_ERRORS)
            .map(|error| json!({ "pointer": error.instance_path().as_str(), "message": error.to_string() }))
            .collect();
        let valid = errors.is_empty();
        let handle = if valid { "valid" } else { "invalid" };
        Ok(Outcome::by(handle, json!({ "valid": valid, "errors": errors })))
    }
}

/// Reads a schema; patterns run in linear time, and a `$ref` never leaves the schema.
///
/// # Errors
/// Class `invalid`, naming the param and the place in the schema.
pub(crate) fn compiled(param: &str, schema: &Value) -> Result<Validator, NodeError> {
    jsonschema::options().with_pattern_options(PatternOptions::regex()).build(schema).map_err(|error| {
        let message = format!("{param} is not a JSON Schema: {error} (at {:?})", error.instance_path().as_str());
        NodeError::invalid(message).with_source(param)
    })
}
