//! Rules about each edge: what it joins and by which handle it leaves.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::codes::{
    EDGE_ACROSS_LEVELS, EDGE_AFTER_END, EDGE_DUPLICATE, EDGE_SELF, EDGE_UNKNOWN_NODE, ERROR_EDGE_MISSING,
    HANDLE_DUPLICATE, HANDLE_MISSING, HANDLE_UNKNOWN, START_INCOMING,
};
use super::nearest::suggestion;
use super::subject::{EdgeView, NodeView, Subject};
use crate::document::OnError;
use crate::node_type::{DEFAULT_HANDLE, ERROR_HANDLE, Handles, Role};
use crate::problem::Problem;

pub(super) fn check(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let handles: Vec<Option<Vec<String>>> = subject.nodes.iter().map(handles_of).collect();
    for view in &subject.edges {
        let mut broken = Vec::new();
        ends(subject, view, &mut broken);
        if let Some(source) = view.source {
            let names = handles[source].as_deref();
            broken.extend(names.and_then(|names| handle(view, &subject.nodes[source], names)));
        }
        problems.extend(broken.into_iter().map(|problem| view.blame(problem)));
    }
    duplicates(subject, problems);
    for (view, names) in std::iter::zip(&subject.nodes, &handles) {
        problems.extend(names.as_deref().and_then(|names| same_names(view, names)).map(|problem| view.blame(problem)));
    }
    error_edges(subject, problems);
}

fn ends(subject: &Subject<'_>, view: &EdgeView<'_>, broken: &mut Vec<Problem>) {
    for (field, id, found) in [("source", &view.edge.source, view.source), ("target", &view.edge.target, view.target)] {
        if found.is_none() {
            let near = subject.meant(id, |_| true);
            broken.push(EDGE_UNKNOWN_NODE.at(
                format!("{}/{field}", view.at),
                format!("there is no node `{id}`"),
                format!("{near}name a node of the document, or remove the edge"),
            ));
        }
    }
    let (Some(source), Some(target)) = (view.source, view.target) else { return };
    let (from, to) = (&subject.nodes[source], &subject.nodes[target]);
    if source == target {
        broken.push(EDGE_SELF.at(
            &view.at,
            format!("the edge leads from `{}` to itself", from.node.id),
            "to run a node again and again, put it into a `loop`",
        ));
    } else if from.level != to.level {
        broken.push(EDGE_ACROSS_LEVELS.at(
            &view.at,
            format!("`{}` and `{}` are not on the same level", from.node.id, to.node.id),
            "join the containers instead; the body of a container begins at its `start` or at nodes without incoming edges",
        ));
    }
    if to.role() == Some(Role::Start) {
        broken.push(START_INCOMING.at(
            format!("{}/target", view.at),
            format!("`{}` is where the level begins; nothing comes before it", to.node.id),
            "remove the edge, or lead it to the node after the start",
        ));
    }
}

/// The names of a node's handles, the `error` handle included; `None` when they cannot be told beforehand.
fn handles_of(view: &NodeView<'_>) -> Option<Vec<String>> {
    let handles = &view.info?.handles;
    let data = &view.node.data;
    if let Handles::FromParams { list, .. } = handles
        && data.params.get(*list).is_some_and(|value| !value.is_array())
    {
        return None;
    }
    let mut names = handles.names(&data.params);
    if data.on_error == OnError::Branch && !names.iter().any(|name| name == ERROR_HANDLE) {
        names.push(ERROR_HANDLE.to_owned());
    }
    Some(names)
}

fn handle(view: &EdgeView<'_>, source: &NodeView<'_>, names: &[String]) -> Option<Problem> {
    let id = &source.node.id;
    let at = format!("{}/sourceHandle", view.at);
    let known = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        return Some(EDGE_AFTER_END.at(
            format!("{}/source", view.at),
            format!("nothing follows `{id}`: its type `{}` has no handles", source.node.node_type),
            "remove the edge, or let it leave the node before",
        ));
    }
    match view.edge.source_handle.as_deref() {
        None if names.iter().any(|name| name == DEFAULT_HANDLE) => None,
        None => Some(HANDLE_MISSING.at(
            at,
            format!("the edge does not say by which handle it leaves `{id}`"),
            format!("add `sourceHandle`, one of {}", known()),
        )),
        Some(handle) if names.iter().any(|name| name == handle) => None,
        Some(ERROR_HANDLE) => Some(HANDLE_UNKNOWN.at(
            at,
            format!("`{id}` does not leave by `error`"),
            format!("set `on_error: branch` in the data of `{id}`"),
        )),
        Some(handle) => Some(HANDLE_UNKNOWN.at(
            at,
            format!("`{id}` has no handle `{handle}`"),
            format!("{}use one of {}", suggestion(handle, names.iter().map(String::as_str)), known()),
        )),
    }
}

fn same_names(view: &NodeView<'_>, names: &[String]) -> Option<Problem> {
    let Handles::FromParams { list, field, .. } = &view.info?.handles else { return None };
    let mut seen = BTreeSet::new();
    let twice = names.iter().position(|name| !seen.insert(name.as_str()))?;
    // `names` skips entries without a name, so the place is looked for among the entries themselves.
    let entries = view.node.data.params.get(*list)?.as_array()?;
    let named = |entry: &Value| entry.get(*field).and_then(Value::as_str) == Some(names[twice].as_str());
    let entry = entries.iter().rposition(named)?;
    Some(HANDLE_DUPLICATE.at(
        format!("{}/data/params/{list}/{entry}/{field}", view.at),
        format!("`{}` has two handles `{}`", view.node.id, names[twice]),
        "give each its own name",
    ))
}

fn duplicates(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<_, &str> = BTreeMap::new();
    for view in &subject.edges {
        let edge = view.edge;
        let handle = edge.source_handle.as_deref().unwrap_or(DEFAULT_HANDLE);
        if let Some(other) = first.insert((&edge.source, handle, &edge.target), &edge.id) {
            problems.push(view.blame(EDGE_DUPLICATE.at(
                &view.at,
                format!("`{}` and `{}` are joined by the edge `{other}` already", edge.source, edge.target),
                "remove one of the two",
            )));
        }
    }
}

fn error_edges(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let by_error = |edge: &&EdgeView<'_>| edge.edge.source_handle.as_deref() == Some(ERROR_HANDLE);
    let branching: BTreeSet<usize> = subject.edges.iter().filter(by_error).filter_map(|edge| edge.source).collect();
    for (index, view) in subject.nodes.iter().enumerate() {
        if view.node.data.on_error == OnError::Branch && !branching.contains(&index) {
            problems.push(view.blame(ERROR_EDGE_MISSING.at(
                format!("{}/data/on_error", view.at),
                format!("errors of `{}` lead nowhere", view.node.id),
                "add an edge with `sourceHandle: error`, or use `on_error: continue`",
            )));
        }
    }
}
