//! The JSON Schema of the document format, node types included, for editors and for checking params.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::node_type::{Catalog, NodeTypeInfo};

/// The format as JSON Schema 2020-12: the document's own fields, and for each node type its params.
///
/// It tells an editor what to offer. [`validate`](crate::validate::validate) knows the rules that no schema can say.
pub fn document_schema(catalog: &Catalog) -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Document>().to_value();
    let names: Vec<&str> = catalog.iter().map(|info| info.name).collect();
    let params: Vec<Value> = catalog
        .iter()
        .map(|info| {
            json!({
                "if": {"properties": {"type": {"const": info.name}}, "required": ["type"]},
                "then": {"properties": {"data": {"properties": {"params": {"$ref": format!("#/$defs/params_{}", info.name)}}}}},
            })
        })
        .collect();
    if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
        if let Some(Value::Object(node)) = definitions.get_mut("Node") {
            if let Some(Value::Object(node_type)) = node.get_mut("properties").and_then(|fields| fields.get_mut("type"))
            {
                node_type.insert("enum".to_owned(), json!(names));
            }
            node.insert("allOf".to_owned(), Value::Array(params));
        }
        for info in catalog.iter() {
            let place = format!("#/$defs/params_{}", info.name);
            definitions.insert(format!("params_{}", info.name), moved(&params_schema(info), &place));
        }
    }
    schema
}

/// The schema of a type's params as they are written: an expression may stand in place of any value, but not within
/// the literal params.
pub(crate) fn params_schema(info: &NodeTypeInfo) -> Value {
    let mut open = with_expressions(&info.params_schema);
    for literal in info.literal_params {
        let as_declared = info.params_schema.get("properties").and_then(|fields| fields.get(*literal));
        if let (Some(declared), Some(Value::Object(fields))) = (as_declared, open.get_mut("properties")) {
            fields.insert((*literal).to_owned(), declared.clone());
        }
    }
    open
}

/// The schema of a value with expressions somewhere inside of it.
fn with_expressions(schema: &Value) -> Value {
    let Value::Object(schema) = schema else { return schema.clone() };
    let mut open = Map::new();
    for (keyword, value) in schema {
        // An expression may turn out as either alternative, so that more than one fits beforehand.
        let name = if keyword == "oneOf" { "anyOf" } else { keyword };
        let value = match (keyword.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(fields)) => {
                fields.iter().map(|(name, field)| (name.clone(), or_expression(field))).collect()
            }
            ("$defs" | "definitions" | "dependentSchemas", Value::Object(schemas)) => {
                schemas.iter().map(|(name, schema)| (name.clone(), with_expressions(schema))).collect()
            }
            ("prefixItems", Value::Array(items)) => items.iter().map(or_expression).collect(),
            ("items" | "additionalProperties" | "contains", schema) => or_expression(schema),
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => schemas.iter().map(with_expressions).collect(),
            ("then" | "else", schema) => with_expressions(schema),
            (_, other) => other.clone(),
        };
        open.insert(name.to_owned(), value);
    }
    Value::Object(open)
}

/// The schema of a value, or of a text with an expression in its place.
fn or_expression(schema: &Value) -> Value {
    if schema.is_boolean() {
        return schema.clone();
    }
    let mut open = Map::new();
    // What a form or an editor shows stays where it looks for it.
    for shown in ["title", "description", "default"] {
        if let Some(value) = schema.get(shown) {
            open.insert(shown.to_owned(), value.clone());
        }
    }
    open.insert("if".to_owned(), json!({"type": "string", "pattern": "\\{\\{"}));
    open.insert("else".to_owned(), with_expressions(schema));
    Value::Object(open)
}

/// A schema put into another one: its references to its own places lead to the new place.
fn moved(schema: &Value, place: &str) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .filter(|(keyword, _)| *keyword != "$schema")
            .map(|(keyword, value)| match (keyword.as_str(), value.as_str().and_then(|to| to.strip_prefix('#'))) {
                ("$ref", Some(inner)) => (keyword.clone(), format!("{place}{inner}").into()),
                _ => (keyword.clone(), moved(value, place)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(|item| moved(item, place)).collect(),
        other => other.clone(),
    }
}
