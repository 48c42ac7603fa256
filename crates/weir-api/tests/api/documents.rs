//! Workflow documents the tests run.

use serde_json::{Value, json};

/// Greets whoever is named: a start, a `set`, an end.
pub(crate) fn greeting() -> Value {
    json!({
        "name": "Greeting",
        "description": "Says hello.",
        "inputs": {"type": "object", "required": ["who"], "properties": {"who": {"type": "string"}}},
        "nodes": [
            {"id": "start", "type": "start"},
            {"id": "greet", "type": "set", "data": {"params": {"values": {"text": "Hello, {{ input.who }}!"}}}},
            {"id": "end", "type": "end", "data": {"params": {"output": "{{ steps.greet.text }}"}}},
        ],
        "edges": [
            {"id": "e1", "source": "start", "target": "greet"},
            {"id": "e2", "source": "greet", "target": "end"},
        ],
    })
}

/// Start, one node, end; the end puts out what the node did.
pub(crate) fn with_node(kind: &str, handle: Option<&str>, params: &Value) -> Value {
    json!({
        "name": format!("With {kind}"),
        "nodes": [
            {"id": "start", "type": "start"},
            {"id": "work", "type": kind, "data": {"params": params}},
            {"id": "end", "type": "end", "data": {"params": {"output": "{{ steps.work }}"}}},
        ],
        "edges": [
            {"id": "e1", "source": "start", "target": "work"},
            {"id": "e2", "source": "work", "sourceHandle": handle.unwrap_or("out"), "target": "end"},
        ],
    })
}

/// Waits for the event `go` and puts out what came with it.
pub(crate) fn waiting() -> Value {
    with_node("wait_for_event", None, &json!({"name": "go"}))
}

/// Fails at once.
pub(crate) fn failing() -> Value {
    json!({
        "name": "Failing",
        "nodes": [
            {"id": "start", "type": "start"},
            {"id": "work", "type": "fail", "data": {"params": {"message": "no luck today"}}},
        ],
        "edges": [{"id": "e1", "source": "start", "target": "work"}],
    })
}

/// Has the shape of a document and cannot be run.
pub(crate) fn broken() -> Value {
    json!({
        "name": "Broken",
        "nodes": [{"id": "start", "type": "start"}, {"id": "odd", "type": "no_such_type"}],
        "edges": [{"id": "e1", "source": "start", "target": "nowhere"}],
    })
}
