//! Rules about which nodes there are and how they nest: types, containers, beginnings and compensations.

use std::collections::BTreeMap;

use super::codes::{
    COMPENSATE_INVALID, CONTAINER_EMPTY, NESTING_TOO_DEEP, NODE_TYPE_UNKNOWN, PARENT_CYCLE, PARENT_NOT_CONTAINER,
    PARENT_UNKNOWN, START_DUPLICATE, START_MISSING,
};
use super::nearest::suggestion;
use super::subject::{Level, NodeView, Subject};
use crate::node_type::Role;
use crate::problem::Problem;

/// Levels of containers, the outermost included.
const MAX_LEVELS: usize = 16;

pub(super) fn check(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    for (index, view) in subject.nodes.iter().enumerate() {
        problems.extend(node_type(subject, view).map(|problem| view.blame(problem)));
        problems.extend(parent(subject, index, view).map(|problem| view.blame(problem)));
        problems.extend(compensation(subject, index, view).map(|problem| view.blame(problem)));
    }
    bodies(subject, problems);
    starts(subject, problems);
}

fn node_type(subject: &Subject<'_>, view: &NodeView<'_>) -> Option<Problem> {
    let name = &view.node.node_type;
    let known = || subject.catalog.iter().map(|info| info.name);
    view.info.is_none().then(|| {
        let near = suggestion(name, known());
        let hint = if near.is_empty() {
            format!("use one of {}", known().collect::<Vec<_>>().join(", "))
        } else {
            near.trim_end().to_owned()
        };
        NODE_TYPE_UNKNOWN.at(format!("{}/type", view.at), format!("there is no node type `{name}`"), hint)
    })
}

fn parent(subject: &Subject<'_>, index: usize, view: &NodeView<'_>) -> Option<Problem> {
    let parent = view.node.parent.as_deref()?;
    let at = format!("{}/parentNode", view.at);
    let Some(container) = subject.by_id.get(parent) else {
        let near = subject.meant(parent, |index| subject.nodes[index].is_container());
        return Some(PARENT_UNKNOWN.at(
            at,
            format!("there is no node `{parent}` to be inside of"),
            format!("{near}name a container, or leave `parentNode` out"),
        ));
    };
    if view.level == Level::Lost {
        return Some(PARENT_CYCLE.at(
            at,
            format!("`{}` lies inside of itself, by way of `{parent}`", view.node.id),
            "take one of the containers out by removing its `parentNode`",
        ));
    }
    let container = &subject.nodes[*container];
    // A parent of an unknown type has its own problem; whether it would be a container cannot be told.
    if container.info.is_some() && !container.is_container() {
        return Some(PARENT_NOT_CONTAINER.at(
            at,
            format!("`{parent}` is a `{}`, which has no inside", container.node.node_type),
            "name a `map` or `loop` node, or leave `parentNode` out",
        ));
    }
    let levels = subject.around(index).take(MAX_LEVELS + 1).count() + 1;
    (levels > MAX_LEVELS).then(|| {
        NESTING_TOO_DEEP.at(
            at,
            format!("`{}` lies more than {MAX_LEVELS} levels deep", view.node.id),
            "move the inner levels into a workflow of their own and call it with `sub_workflow`",
        )
    })
}

fn bodies(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let mut filled = vec![false; subject.nodes.len()];
    for view in &subject.nodes {
        if let Some(container) = view.node.parent.as_deref().and_then(|parent| subject.by_id.get(parent)) {
            filled[*container] = true;
        }
    }
    for (view, filled) in std::iter::zip(&subject.nodes, filled) {
        if view.is_container() && !filled {
            let id = &view.node.id;
            problems.push(view.blame(CONTAINER_EMPTY.at(
                &view.at,
                format!("the `{}` `{id}` has nothing inside to run", view.node.node_type),
                format!("give the nodes of its body `parentNode: {id}`"),
            )));
        }
    }
}

fn starts(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let mut first_of: BTreeMap<Level, &str> = BTreeMap::new();
    for view in subject.nodes.iter().filter(|view| view.role() == Some(Role::Start) && view.level != Level::Lost) {
        if let Some(first) = first_of.get(&view.level) {
            problems.push(view.blame(START_DUPLICATE.at(
                &view.at,
                format!("the level begins at `{first}` already"),
                "remove one of the two and let the edges leave the other",
            )));
        } else {
            first_of.insert(view.level, &view.node.id);
        }
    }
    if !first_of.contains_key(&Level::Outermost) {
        problems.push(START_MISSING.at(
            "/nodes",
            "there is no start node on the outermost level",
            "add `{id: start, type: start}` and an edge from it to the first node",
        ));
    }
}

fn compensation(subject: &Subject<'_>, index: usize, view: &NodeView<'_>) -> Option<Problem> {
    let named = view.node.data.compensate.as_deref()?;
    let problem = |message: String, hint: String| {
        Some(COMPENSATE_INVALID.at(format!("{}/data/compensate", view.at), message, hint))
    };
    let Some(&target) = subject.by_id.get(named) else {
        let near = subject.meant(named, |other| other != index);
        return problem(
            format!("there is no node `{named}` to undo `{}`", view.node.id),
            format!("{near}name a node of the same level"),
        );
    };
    let undo = &subject.nodes[target];
    if target == index {
        return problem(format!("`{named}` cannot undo itself"), "name another node".to_owned());
    }
    if undo.level != view.level {
        return problem(
            format!("`{named}` is not on the level of `{}`", view.node.id),
            "move it next to the node that it undoes".to_owned(),
        );
    }
    if undo.is_container() || matches!(undo.role(), Some(Role::Start | Role::End)) {
        return problem(
            format!("`{named}` is a `{}`, which cannot undo anything", undo.node.node_type),
            "name a node that does one thing; several go into a workflow called with `sub_workflow`".to_owned(),
        );
    }
    let joined = subject.edges.iter().find(|edge| edge.source == Some(target) || edge.target == Some(target))?;
    problem(
        format!("`{named}` undoes `{}` but also has the edge `{}`", view.node.id, joined.edge.id),
        "remove its edges: it runs only when the execution fails or is cancelled".to_owned(),
    )
}
