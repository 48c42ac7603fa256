//! The workflows that are measured.
//!
//! The smallest step whose result is recorded is a `set` node with `checkpoint`: nothing that depends on it begins
//! before its output is durable.

use serde_json::{Value, json};

/// `steps` recorded steps, one after the other.
pub(crate) fn steps(steps: usize) -> Value {
    chain(steps, |step| {
        json!({
            "type": "set",
            "data": { "params": { "values": { "step": step } }, "checkpoint": true },
        })
    })
}

/// `steps` requests to the effects server, one after the other.
pub(crate) fn requests(url: &str, steps: usize) -> Value {
    chain(steps, |step| {
        let params = json!({ "method": "POST", "url": url, "body": { "json": { "step": step } } });
        json!({
            "type": "http_request",
            "data": { "params": params, "retry": { "max_attempts": 20, "delays_seconds": [0.1] } },
        })
    })
}

/// A map over the input's items with one recorded step each, and a node that joins the results.
pub(crate) fn map(concurrency: u32) -> Value {
    json!({
        "name": "Map",
        "settings": { "max_parallel_nodes": concurrency },
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "each", "type": "map",
              "data": { "params": { "items": "{{ input.items }}", "concurrency": concurrency } } },
            { "id": "work", "type": "set", "parentNode": "each",
              "data": { "params": { "values": { "item": "{{ item }}" } }, "checkpoint": true } },
            { "id": "join", "type": "set", "data": { "params": { "values": { "count": "{{ steps.each.count }}" } } } },
        ],
        "edges": [
            { "id": "e1", "source": "start", "target": "each" },
            { "id": "e2", "source": "each", "target": "join" },
        ],
    })
}

/// Waits for a day.
pub(crate) fn waiting() -> Value {
    chain(1, |_| json!({ "type": "delay", "data": { "params": { "seconds": 86_400 } } }))
}

fn chain(steps: usize, node: impl Fn(usize) -> Value) -> Value {
    let mut nodes = vec![json!({ "id": "start", "type": "start" })];
    let mut edges = Vec::new();
    let mut before = "start".to_owned();
    for step in 0..steps {
        let id = format!("step_{step}");
        let mut node = node(step);
        node["id"] = json!(id);
        nodes.push(node);
        edges.push(json!({ "id": format!("e{step}"), "source": before, "target": id }));
        before = id;
    }
    json!({ "name": "Measured", "nodes": nodes, "edges": edges })
}
