//! Rules about ids: their form and that each is used once.

use std::collections::BTreeMap;

use super::codes::{EDGE_ID_DUPLICATE, EDGE_ID_INVALID, NODE_ID_DUPLICATE, NODE_ID_INVALID};
use super::subject::Subject;
use crate::problem::Problem;

/// The longest id of a node.
const MAX_NODE_ID: usize = 64;
/// The longest id of an edge, in characters; canvases make them from two node ids and handles.
const MAX_EDGE_ID: usize = 200;

pub(super) fn check(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    nodes(subject, problems);
    edges(subject, problems);
}

fn nodes(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    for (index, view) in subject.nodes.iter().enumerate() {
        let id = &view.node.id;
        let at = format!("{}/id", view.at);
        if !is_node_id(id) {
            problems.push(view.blame(NODE_ID_INVALID.at(
                at,
                format!("`{}` cannot be a node's id", shortened(id)),
                "use a letter or `_` first, then letters, digits, `_` and `-`, at most 64 in all",
            )));
        } else if let Some(first) = subject.by_id.get(id.as_str())
            && *first != index
        {
            problems.push(view.blame(NODE_ID_DUPLICATE.at(
                at,
                format!("`{id}` is the id of {} already", subject.nodes[*first].at),
                "give one of them another id, and follow it in the edges and expressions",
            )));
        }
    }
}

fn edges(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let mut first_at = BTreeMap::new();
    for view in &subject.edges {
        let id = &view.edge.id;
        let at = format!("{}/id", view.at);
        if id.is_empty() || id.chars().count() > MAX_EDGE_ID {
            problems.push(view.blame(EDGE_ID_INVALID.at(
                at,
                format!("`{}` cannot be an edge's id", shortened(id)),
                format!("use 1 to {MAX_EDGE_ID} characters"),
            )));
        } else if let Some(first) = first_at.insert(id, &view.at) {
            problems.push(view.blame(EDGE_ID_DUPLICATE.at(
                at,
                format!("`{id}` is the id of {first} already"),
                "give one of them another id",
            )));
        }
    }
}

fn is_node_id(id: &str) -> bool {
    id.len() <= MAX_NODE_ID
        && id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn shortened(id: &str) -> String {
    if id.chars().count() <= 80 { id.to_owned() } else { id.chars().take(80).chain(['…']).collect() }
}
