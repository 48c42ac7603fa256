//! The frames of the JSON protocol, for programs without Yjs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use weir_base::{Timestamp, UserId, WorkflowId};

use crate::connection::Frame;

/// A frame of a client.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Comes back with the answer.
    pub(crate) id: Option<Value>,
    pub(crate) operation: Option<String>,
    #[serde(default)]
    pub(crate) payload: Value,
}

/// A frame for a client.
#[derive(Debug, Serialize)]
pub(crate) struct Told<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a Value>,
    pub(crate) workflow_id: WorkflowId,
    /// Whose doing it is; nothing when it is of several, or of a program.
    pub(crate) user_id: Option<UserId>,
    pub(crate) client_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<&'a str>,
    pub(crate) payload: &'a Value,
    pub(crate) vector_clock: VectorClock,
    pub(crate) timestamp: Timestamp,
}

/// How far the receiver is with this.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct VectorClock {
    /// The newest durable row of the document's log.
    pub(crate) log: u64,
}

impl Told<'_> {
    pub(crate) fn frame(&self) -> Frame {
        // Only a map with keys that are no strings could fail, and there is none.
        Frame::Text(Arc::from(serde_json::to_string(self).unwrap_or_default()))
    }
}

/// The operations that make one view of a document the other.
pub(crate) fn operations(from: &Value, to: &Value) -> Vec<(&'static str, Value)> {
    let mut operations = Vec::new();
    let (nodes, edges) = (List::new(from, to, "nodes"), List::new(from, to, "edges"));
    operations.extend(edges.gone().map(|id| ("remove_edge", json!({"id": id}))));
    operations.extend(nodes.gone().map(|id| ("remove_node", json!({"id": id}))));
    operations.extend(nodes.new_ones().map(|node| ("add_node", json!({"node": node}))));
    for (id, before, after) in nodes.changed() {
        let changes = merge_patch(before, after);
        match changes.as_object() {
            Some(fields) if fields.len() == 1 && fields.contains_key("position") && after["position"].is_object() => {
                operations.push(("move_node", json!({"id": id, "position": after["position"]})));
            }
            _ => operations.push(("update_node", json!({"id": id, "changes": changes}))),
        }
    }
    for (id, _, after) in edges.changed() {
        operations.push(("remove_edge", json!({"id": id})));
        operations.push(("add_edge", json!({"edge": after})));
    }
    operations.extend(edges.new_ones().map(|edge| ("add_edge", json!({"edge": edge}))));
    let rest = |view: &Value| {
        let fields = view.as_object().into_iter().flatten();
        let rest = fields.filter(|(key, _)| *key != "nodes" && *key != "edges");
        Value::Object(rest.map(|(key, value)| (key.clone(), value.clone())).collect())
    };
    let meta = merge_patch(&rest(from), &rest(to));
    if meta.as_object().is_some_and(|changes| !changes.is_empty()) {
        operations.push(("set_meta", json!({"changes": meta})));
    }
    operations
}

/// What is there under an id, before and after.
struct List<'a> {
    before: Map<String, Value>,
    after: Vec<(&'a str, &'a Value)>,
}

impl<'a> List<'a> {
    fn new(from: &Value, to: &'a Value, key: &str) -> Self {
        let entries = |view: &'a Value| entries(view, key);
        let before = from.get(key).and_then(Value::as_array).into_iter().flatten();
        let before = before.filter_map(|entry| Some((entry.get("id")?.as_str()?.to_owned(), entry.clone()))).collect();
        Self { before, after: entries(to) }
    }

    fn gone(&self) -> impl Iterator<Item = &str> {
        let after: std::collections::HashSet<&str> = self.after.iter().map(|(id, _)| *id).collect();
        self.before.keys().map(String::as_str).filter(move |id| !after.contains(id))
    }

    fn new_ones(&self) -> impl Iterator<Item = &Value> {
        self.after.iter().filter(|(id, _)| !self.before.contains_key(*id)).map(|(_, entry)| *entry)
    }

    fn changed(&self) -> impl Iterator<Item = (&str, &Value, &Value)> {
        self.after.iter().filter_map(|(id, after)| {
            let before = self.before.get(*id)?;
            (before != *after).then_some((*id, before, *after))
        })
    }
}

fn entries<'a>(view: &'a Value, key: &str) -> Vec<(&'a str, &'a Value)> {
    let entries = view.get(key).and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(|entry| Some((entry.get("id")?.as_str()?, entry))).collect()
}

/// The merge patch (RFC 7386) that makes one value the other. A `null` in an object cannot be said with one.
fn merge_patch(from: &Value, to: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (from, to) else { return to.clone() };
    let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = after.iter().filter_map(|(key, value)| match before.get(key) {
        Some(same) if same == value => None,
        Some(other) if other.is_object() && value.is_object() => Some((key.clone(), merge_patch(other, value))),
        _ => Some((key.clone(), value.clone())),
    });
    Value::Object(gone.chain(changed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_becomes_its_operation() {
        let from = json!({
            "name": "a", "settings": {"x": 1, "y": 2},
            "nodes": [
                {"id": "1", "type": "start", "position": {"x": 0, "y": 0}},
                {"id": "2", "type": "set", "data": {"params": {"a": 1, "b": 2}}},
                {"id": "3", "type": "end"},
            ],
            "edges": [{"id": "e", "source": "1", "target": "2"}, {"id": "f", "source": "2", "target": "3"}],
        });
        assert!(operations(&from, &from).is_empty());
        let to = json!({
            "name": "b", "settings": {"x": 1},
            "nodes": [
                {"id": "1", "type": "start", "position": {"x": 5, "y": 0}},
                {"id": "2", "type": "set", "data": {"params": {"a": 3, "b": 2}}},
                {"id": "4", "type": "end"},
            ],
            "edges": [{"id": "e", "source": "1", "target": "4"}],
        });
        assert_eq!(
            operations(&from, &to),
            [
                ("remove_edge", json!({"id": "f"})),
                ("remove_node", json!({"id": "3"})),
                ("add_node", json!({"node": {"id": "4", "type": "end"}})),
                ("move_node", json!({"id": "1", "position": {"x": 5, "y": 0}})),
                ("update_node", json!({"id": "2", "changes": {"data": {"params": {"a": 3}}}})),
                ("remove_edge", json!({"id": "e"})),
                ("add_edge", json!({"edge": {"id": "e", "source": "1", "target": "4"}})),
                ("set_meta", json!({"changes": {"name": "b", "settings": {"y": null}}})),
            ]
        );
    }
}
