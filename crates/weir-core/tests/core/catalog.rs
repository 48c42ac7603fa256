//! Node types like the real ones, as far as documents and the state machine know them.

use serde_json::{Value, json};
use weir_core::node_type::{Catalog, Category, DEFAULT_MAX_ATTEMPTS, Handles, NodeTypeInfo, Role};

/// Everything the tests draw workflows with.
pub(crate) fn catalog() -> Catalog {
    let any = json!({"type": "object"});
    let none = json!({"type": "object", "additionalProperties": false});
    let pure = |name, params: &Value, handles| NodeTypeInfo {
        name,
        category: Category::Control,
        label: name,
        description: "For tests.",
        icon: "box",
        params_schema: params.clone(),
        literal_params: &[],
        handles,
        pure: true,
        default_timeout_seconds: None,
        default_max_attempts: 1,
        role: Role::Ordinary,
    };
    let effect = |name, params: &Value| NodeTypeInfo {
        pure: false,
        default_timeout_seconds: Some(30.0),
        default_max_attempts: DEFAULT_MAX_ATTEMPTS,
        ..pure(name, params, Handles::Single)
    };
    [
        NodeTypeInfo { role: Role::Start, ..pure("start", &none, Handles::Single) },
        NodeTypeInfo { role: Role::End, ..pure("end", &any, Handles::None) },
        pure("set", &any, Handles::Single),
        pure("fail", &json!({"type": "object", "properties": {"message": {"type": "string"}}}), Handles::None),
        pure(
            "condition",
            &json!({"type": "object", "properties": {"when": {}}, "required": ["when"], "additionalProperties": false}),
            Handles::Fixed(&["true", "false"]),
        ),
        pure(
            "switch",
            &json!({
                "type": "object",
                "properties": {
                    "value": {},
                    "cases": {"type": "array", "items": {"$ref": "#/$defs/Case"}},
                },
                "required": ["cases"],
                "additionalProperties": false,
                "$defs": {"Case": {
                    "type": "object",
                    "properties": {"handle": {"type": "string"}, "equals": {}, "when": {}},
                    "required": ["handle"],
                    "additionalProperties": false,
                }},
            }),
            Handles::FromParams { list: "cases", field: "handle", otherwise: "default" },
        ),
        NodeTypeInfo {
            role: Role::Map,
            ..pure(
                "map",
                &json!({
                    "type": "object",
                    "properties": {
                        "items": {"anyOf": [{"type": "array"}, {"type": "object"}]},
                        "concurrency": {"type": "integer", "minimum": 1, "maximum": 1000},
                        "on_item_error": {"oneOf": [{"const": "fail"}, {"const": "collect"}]},
                    },
                    "required": ["items"],
                    "additionalProperties": false,
                }),
                Handles::Single,
            )
        },
        NodeTypeInfo {
            role: Role::Loop,
            ..pure(
                "loop",
                &json!({
                    "type": "object",
                    "properties": {"while": {}, "count": {"type": "integer", "minimum": 0}, "max_iterations": {"type": "integer"}},
                    "additionalProperties": false,
                }),
                Handles::Single,
            )
        },
        effect(
            "http_request",
            &json!({
                "type": "object",
                "properties": {
                    "method": {"type": "string", "enum": ["GET", "POST", "PUT", "DELETE"]},
                    "url": {"type": "string", "minLength": 1},
                    "headers": {"type": "object", "additionalProperties": {"type": "string"}},
                    "body": {},
                    "attempts": {"type": "integer", "minimum": 1},
                },
                "required": ["url"],
                "additionalProperties": false,
            }),
        ),
        NodeTypeInfo {
            literal_params: &["code"],
            ..effect(
                "code",
                &json!({
                    "type": "object",
                    "properties": {"language": {"enum": ["python", "javascript"]}, "code": {"type": "string", "maxLength": 100}},
                    "required": ["language", "code"],
                    "additionalProperties": false,
                }),
            )
        },
    ]
    .into_iter()
    .collect()
}
