//! What the params structs of the node types share.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use weir_core::node_error::NodeError;

/// The JSON Schema of a params struct: what validation, the builder's forms and the documentation are made from.
pub(crate) fn params_schema<P: JsonSchema>() -> Value {
    // Inlined, because a form is drawn from each part where it stands.
    let mut settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_traces_of_rust));
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<P>();
    schema.remove("title");
    schema.to_value()
}

/// Takes out what only says how Rust holds a param.
fn without_traces_of_rust(schema: &mut Schema) {
    // `Option` has this default; here a param left out need not mean the same as `null`.
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    if schema.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
        schema.remove("format");
    }
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}

/// For `Option<Value>`: tells a param that is `null` (an expression may give that) from one that was left out.
pub(crate) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Holds a number that may come from an expression to the range the schema states.
pub(crate) fn within<T: PartialOrd + fmt::Display>(
    param: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<T, NodeError> {
    if range.contains(&value) {
        Ok(value)
    } else {
        let (least, most) = range.into_inner();
        Err(NodeError::invalid(format!("{param} is {value}, but must be from {least} to {most}")).with_source(param))
    }
}

/// A plain value where text is needed: `"5"`, `5` or `true`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Text {
    /// As it is.
    String(String),
    /// Written in digits.
    Number(serde_json::Number),
    /// `true` or `false`.
    Bool(bool),
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Bool(flag) => flag.fmt(f),
        }
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}
