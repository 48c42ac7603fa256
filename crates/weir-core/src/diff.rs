//! What is different between two versions of a document, told by node, edge and field.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use crate::document::{Document, Edge, Node};
use crate::pointer::join;

/// The differences from one version to another.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Diff {
    /// Changes of name, description, inputs, settings and other fields of the document itself.
    pub document: Vec<Change>,
    /// Nodes by id.
    pub nodes: Elements,
    /// Edges by id.
    pub edges: Elements,
}

/// The differences among the nodes, or among the edges.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Elements {
    /// Those that only the newer version has, whole.
    pub added: Vec<Value>,
    /// Those that only the older version has, whole.
    pub removed: Vec<Value>,
    /// Those that both have, with what changed.
    pub changed: Vec<Changed>,
    /// The ids of nodes that only stand elsewhere on the canvas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<String>,
}

/// A node or an edge that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// Its id.
    pub id: String,
    /// Its fields that changed.
    pub changes: Vec<Change>,
}

/// A value that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// JSON pointer within the node, the edge or the document.
    pub pointer: String,
    /// The older value; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The newer value; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Compares an older with a newer version. The order of nodes, edges and fields does not count.
pub fn diff(older: &Document, newer: &Document) -> Diff {
    let mut document = Vec::new();
    compare(&fields(older), &fields(newer), "", &mut document);
    Diff {
        document,
        nodes: elements(&by_id(&older.nodes, |node: &Node| &node.id), &by_id(&newer.nodes, |node: &Node| &node.id)),
        edges: elements(&by_id(&older.edges, |edge: &Edge| &edge.id), &by_id(&newer.edges, |edge: &Edge| &edge.id)),
    }
}

impl Diff {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The differences as lines of text: `+` added, `-` removed, `~` changed, `>` moved.
    pub fn summary(&self) -> String {
        let mut lines = String::new();
        changes(&mut lines, "", &self.document);
        for (kind, elements) in [("node", &self.nodes), ("edge", &self.edges)] {
            for element in &elements.added {
                line(&mut lines, format_args!("+ {kind} {}", title(element)));
            }
            for element in &elements.removed {
                line(&mut lines, format_args!("- {kind} {}", title(element)));
            }
            for changed in &elements.changed {
                line(&mut lines, format_args!("~ {kind} {}", changed.id));
                changes(&mut lines, "    ", &changed.changes);
            }
            for id in &elements.moved {
                line(&mut lines, format_args!("> {kind} {id}"));
            }
        }
        lines
    }
}

/// The document's own fields.
fn fields(document: &Document) -> Value {
    let mut tree = document.to_value();
    if let Value::Object(fields) = &mut tree {
        fields.retain(|name, _| !matches!(name.as_str(), "nodes" | "edges" | "viewport"));
    }
    tree
}

fn by_id<'a, T: Serialize>(elements: &'a [T], id: impl Fn(&'a T) -> &'a String) -> BTreeMap<&'a str, Value> {
    // A node or an edge is plain data and always has a tree.
    elements.iter().map(|element| (id(element).as_str(), serde_json::to_value(element).unwrap_or_default())).collect()
}

fn elements(older: &BTreeMap<&str, Value>, newer: &BTreeMap<&str, Value>) -> Elements {
    let missing_in = |some: &BTreeMap<&str, Value>, others: &BTreeMap<&str, Value>| {
        some.iter().filter(|(id, _)| !others.contains_key(*id)).map(|(_, element)| element.clone()).collect()
    };
    let mut changed = Vec::new();
    let mut moved = Vec::new();
    for (id, before) in older {
        let Some(after) = newer.get(id) else { continue };
        let mut changes = Vec::new();
        compare(before, after, "", &mut changes);
        let (places, rest): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| change.pointer.starts_with("/position"));
        if !rest.is_empty() {
            changed.push(Changed { id: (*id).to_owned(), changes: rest });
        } else if !places.is_empty() {
            moved.push((*id).to_owned());
        }
    }
    Elements { added: missing_in(newer, older), removed: missing_in(older, newer), changed, moved }
}

fn compare(before: &Value, after: &Value, at: &str, changes: &mut Vec<Change>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                match new.get(key) {
                    Some(newer) => compare(value, newer, &join(at, key), changes),
                    None => changes.push(Change { pointer: join(at, key), before: Some(value.clone()), after: None }),
                }
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                changes.push(Change { pointer: join(at, key), before: None, after: Some(value.clone()) });
            }
        }
        _ if before == after => {}
        _ => changes.push(Change { pointer: at.to_owned(), before: Some(before.clone()), after: Some(after.clone()) }),
    }
}

fn title(element: &Value) -> String {
    let text = |field: &str| element.get(field).and_then(Value::as_str).unwrap_or_default();
    if element.get("source").is_some() {
        format!("{} ({} -> {})", text("id"), text("source"), text("target"))
    } else {
        format!("{} ({})", text("id"), text("type"))
    }
}

fn changes(lines: &mut String, indent: &str, changes: &[Change]) {
    for Change { pointer, before, after } in changes {
        let place = pointer.trim_start_matches('/');
        match (before, after) {
            (None, Some(after)) => line(lines, format_args!("{indent}+ {place}: {}", short(after))),
            (Some(before), None) => line(lines, format_args!("{indent}- {place}: {}", short(before))),
            (Some(before), Some(after)) => {
                line(lines, format_args!("{indent}~ {place}: {} -> {}", short(before), short(after)));
            }
            (None, None) => {}
        }
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(60).chain(['…']).collect() }
}

fn line(lines: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let written = writeln!(lines, "{text}");
    debug_assert!(written.is_ok(), "a string takes all text");
}
