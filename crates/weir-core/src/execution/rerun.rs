//! A new execution that takes over what an old one recorded, up to a node.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::input::{Moment, Output};
use super::{Execution, ReplayError};
use crate::event::{AfterFailure, Event, ExecutionStarted, JournalEvent};
use crate::node_type::Role;
use crate::path::NodePath;
use crate::plan::{NodeIx, Plan};

/// Why an execution cannot be re-run from there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RerunError {
    /// The document that is to run has no such node.
    #[error("the document has no node {path}")]
    UnknownNode {
        /// The path asked for.
        path: NodePath,
    },
    /// The old journal does not fit.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// Begins an execution of `plan` that keeps what `journal` (of an execution of `old`) recorded, except for the node at
/// `from` and all that comes after it. Nodes that are new in `plan`, or whose incoming edges are, run anew as well.
///
/// # Errors
/// [`RerunError`] when `from` is no node of `plan`.
pub fn rerun(
    old: &Plan,
    journal: &[JournalEvent],
    plan: Arc<Plan>,
    started: ExecutionStarted,
    from: &NodePath,
    moment: Moment,
) -> Result<(Execution, Output), RerunError> {
    let unknown = || RerunError::UnknownNode { path: from.clone() };
    let from = parts(from).and_then(|parts| resolve(&plan, &parts)).ok_or_else(unknown)?;
    let stale = stale(old, &plan);
    let first = JournalEvent { seq: 1, at: moment.now, event: Event::ExecutionStarted(Box::new(started.clone())) };
    let mut execution = Execution::blank(Arc::clone(&plan), started, moment.now);
    execution.out.events.push(first);
    execution.open_root();
    for recorded in journal {
        if !is_kept(&plan, &stale, &from, &recorded.event) {
            continue;
        }
        let copy = JournalEvent { seq: execution.seq + 1, ..recorded.clone() };
        execution.apply(&copy)?;
        execution.seq = copy.seq;
        execution.out.events.push(copy);
    }
    execution.out.effects.clear();
    execution.set_execution_timer(moment);
    execution.advance(moment);
    execution.note_progress();
    let output = std::mem::take(&mut execution.out);
    Ok((execution, output))
}

/// A path's parts: node ids with the body's index, the last without.
fn parts(path: &NodePath) -> Option<Vec<(String, Option<u32>)>> {
    path.as_str()
        .split('/')
        .map(|part| match part.split_once('[') {
            None => Some((part.to_owned(), None)),
            Some((id, index)) => Some((id.to_owned(), Some(index.strip_suffix(']')?.parse().ok()?))),
        })
        .collect()
}

fn resolve(plan: &Plan, parts: &[(String, Option<u32>)]) -> Option<Vec<(NodeIx, Option<u32>)>> {
    let mut container = None;
    let mut resolved = Vec::with_capacity(parts.len());
    for (place, (id, index)) in parts.iter().enumerate() {
        let node = plan.node_ix(id)?;
        let inside = plan.levels[plan.nodes[node].level].container == container;
        if !inside || index.is_none() != (place + 1 == parts.len()) {
            return None;
        }
        container = Some(node);
        resolved.push((node, *index));
    }
    Some(resolved)
}

/// Nodes of the new plan whose old outcome tells nothing: they were not there, or other edges led to them; and all
/// that comes after such a node.
fn stale(old: &Plan, new: &Plan) -> BTreeSet<NodeIx> {
    let edges = |plan: &Plan, node: NodeIx| -> BTreeSet<(String, String)> {
        let incoming = plan.nodes[node].incoming.iter();
        incoming.map(|edge| (plan.nodes[edge.node].id.clone(), edge.handle.clone())).collect()
    };
    let container = |plan: &Plan, node: NodeIx| {
        plan.levels[plan.nodes[node].level].container.map(|container| plan.nodes[container].id.clone())
    };
    let mut stale = BTreeSet::new();
    for (ix, node) in new.nodes.iter().enumerate() {
        let same = old.node_ix(&node.id).is_some_and(|before| {
            old.nodes[before].node_type == node.node_type
                && container(old, before) == container(new, ix)
                && edges(old, before) == edges(new, ix)
        });
        if !same {
            stale.extend(new.downstream(ix));
        }
    }
    stale
}

fn is_kept(plan: &Plan, stale: &BTreeSet<NodeIx>, from: &[(NodeIx, Option<u32>)], event: &Event) -> bool {
    let path = match event {
        Event::NodeCompleted { path, .. }
        | Event::NodeSkipped { path }
        | Event::NodeFailed { path, then: AfterFailure::Continue | AfterFailure::Branch, .. }
        | Event::ItemsExpanded { path, .. }
        | Event::IterationStarted { path, .. } => path,
        _ => return false,
    };
    let Some(at) = parts(path).and_then(|parts| resolve(plan, &parts)) else { return false };
    let mut on_the_way = true;
    for (depth, &(node, index)) in at.iter().enumerate() {
        if stale.contains(&node) {
            return false;
        }
        if !on_the_way {
            continue;
        }
        let (towards, towards_index) = from[depth];
        if node != towards {
            if plan.downstream(towards).contains(&node) {
                return false;
            }
            on_the_way = false;
            continue;
        }
        let Some(towards_index) = towards_index else { return false };
        match index {
            // The container on the way is under way again: it keeps its bodies, not its result.
            None => {
                return match event {
                    Event::ItemsExpanded { .. } => true,
                    Event::IterationStarted { index, .. } => *index <= towards_index,
                    _ => false,
                };
            }
            Some(index) if index == towards_index => {}
            Some(index) if plan.nodes[node].role == Role::Loop && index > towards_index => return false,
            Some(_) => on_the_way = false,
        }
    }
    true
}
