//! A new execution that takes over what an old one recorded, up to a node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::input::{Moment, Output};
use super::{Execution, ReplayError};
use crate::event::{AfterFailure, Event, ExecutionStarted, JournalEvent, Pin};
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
/// `from` and all that comes after it. Run anew are also nodes that are new in `plan`, whose incoming edges or pins are,
/// or that the old execution has undone, each with all that comes after.
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
    let from = Cut::new(&plan, from).ok_or_else(|| RerunError::UnknownNode { path: from.clone() })?;
    let undone = journal.iter().filter_map(|recorded| match &recorded.event {
        Event::CompensationCompleted { path, .. } => Cut::new(&plan, path),
        _ => None,
    });
    let cuts: Vec<Cut> = std::iter::once(from).chain(undone).collect();
    let mut changes = Changes { plan: &plan, stale: BTreeSet::new(), unfinished: BTreeSet::new() };
    changes.of_documents(old);
    if let Some(Event::ExecutionStarted(before)) = journal.first().map(|recorded| &recorded.event) {
        changes.of_pins(&before.pins, &started.pins);
    }
    let first = JournalEvent { seq: 1, at: moment.now, event: Event::ExecutionStarted(Box::new(started.clone())) };
    let mut execution = Execution::blank(Arc::clone(&plan), started, moment.now);
    execution.out.events.push(first);
    execution.open_root();
    for recorded in journal {
        let Some(at) = outcome_of(&recorded.event).and_then(|path| resolve(&plan, &parts(path)?)) else { continue };
        if !changes.keep(&at, &recorded.event) || !cuts.iter().all(|cut| cut.keeps(&plan, &at, &recorded.event)) {
            continue;
        }
        let copy = JournalEvent { seq: execution.seq + 1, ..recorded.clone() };
        execution.apply(&copy)?;
        execution.seq = copy.seq;
        execution.out.events.push(copy);
    }
    execution.out.effects.clear();
    execution.park_surplus();
    execution.set_execution_timer(moment);
    execution.advance(moment);
    execution.note_progress();
    let output = std::mem::take(&mut execution.out);
    Ok((execution, output))
}

/// The node execution whose outcome this event tells, if it does.
fn outcome_of(event: &Event) -> Option<&NodePath> {
    match event {
        Event::NodeCompleted { path, .. }
        | Event::NodeSkipped { path }
        | Event::NodeFailed { path, then: AfterFailure::Continue | AfterFailure::Branch, .. }
        | Event::ItemsExpanded { path, .. }
        | Event::IterationStarted { path, .. } => Some(path),
        _ => None,
    }
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

/// What the new plan does otherwise than the old one did.
struct Changes<'a> {
    plan: &'a Plan,
    /// Nodes whose old outcome tells nothing: they were not there, or other edges led to them; and what comes after.
    stale: BTreeSet<NodeIx>,
    /// `map`s that keep their items, but not their result, because the body changed.
    unfinished: BTreeSet<NodeIx>,
}

impl Changes<'_> {
    fn of_documents(&mut self, old: &Plan) {
        let edges = |plan: &Plan, node: NodeIx| -> BTreeSet<(String, String)> {
            let incoming = plan.nodes[node].incoming.iter();
            incoming.map(|edge| (plan.nodes[edge.node].id.clone(), edge.handle.clone())).collect()
        };
        let container = |plan: &Plan, node: NodeIx| {
            plan.levels[plan.nodes[node].level].container.map(|container| plan.nodes[container].id.clone())
        };
        let body = |plan: &Plan, node: NodeIx| -> Option<BTreeSet<String>> {
            let nodes = plan.levels[plan.nodes[node].body?].nodes.iter();
            Some(nodes.map(|&node| plan.nodes[node].id.clone()).collect())
        };
        for (ix, node) in self.plan.nodes.iter().enumerate() {
            let before = old.node_ix(&node.id).filter(|&before| {
                old.nodes[before].node_type == node.node_type
                    && container(old, before) == container(self.plan, ix)
                    && edges(old, before) == edges(self.plan, ix)
            });
            match before {
                None => self.mark(ix),
                Some(before) if body(old, before) != body(self.plan, ix) => self.mark_body(ix),
                Some(_) => {}
            }
        }
    }

    fn of_pins(&mut self, before: &BTreeMap<String, Pin>, now: &BTreeMap<String, Pin>) {
        for id in before.keys().chain(now.keys()) {
            if before.get(id) != now.get(id)
                && let Some(node) = self.plan.node_ix(id)
            {
                self.mark(node);
            }
        }
    }

    fn mark(&mut self, node: NodeIx) {
        self.stale.extend(self.plan.downstream(node));
        if let Some(container) = self.plan.levels[self.plan.nodes[node].level].container {
            self.mark_body(container);
        }
    }

    fn mark_body(&mut self, container: NodeIx) {
        if self.plan.nodes[container].role == Role::Loop {
            // Each iteration stands on the one before, so none of them can be kept.
            self.mark(container);
        } else if self.unfinished.insert(container) {
            self.stale.extend(self.plan.downstream(container).into_iter().filter(|&node| node != container));
            if let Some(around) = self.plan.levels[self.plan.nodes[container].level].container {
                self.mark_body(around);
            }
        }
    }

    fn keep(&self, at: &[(NodeIx, Option<u32>)], event: &Event) -> bool {
        let unfinished = at.last().is_some_and(|(node, _)| self.unfinished.contains(node));
        !at.iter().any(|(node, _)| self.stale.contains(node))
            && (!unfinished || matches!(event, Event::ItemsExpanded { .. }))
    }
}

/// A node execution that runs anew, with all that comes after it.
struct Cut {
    at: Vec<(NodeIx, Option<u32>)>,
    /// For each part of the path, the nodes of its level that come after, itself included.
    after: Vec<BTreeSet<NodeIx>>,
}

impl Cut {
    fn new(plan: &Plan, path: &NodePath) -> Option<Self> {
        let at = resolve(plan, &parts(path)?)?;
        let after = at.iter().map(|&(node, _)| plan.downstream(node)).collect();
        Some(Self { at, after })
    }

    fn keeps(&self, plan: &Plan, at: &[(NodeIx, Option<u32>)], event: &Event) -> bool {
        for (&(node, index), (&(towards, towards_index), after)) in at.iter().zip(self.at.iter().zip(&self.after)) {
            if node != towards {
                return !after.contains(&node);
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
                Some(index) => return plan.nodes[node].role != Role::Loop || index < towards_index,
            }
        }
        true
    }
}
