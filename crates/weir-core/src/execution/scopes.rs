//! The life of a scope: opened when its container runs, stopped, closed and forgotten, kept for undoing, reopened.
//!
//! Part of folding: nothing here looks at anything but the state and the event at hand.

use std::sync::Arc;

use super::input::Effect;
use super::state::{Container, NodeRef, NodeState, Phase, Scope, ScopeId};
use super::{Execution, ROOT};
use crate::node_type::Role;
use crate::outcome::Wait;
use crate::path::NodePath;
use crate::payload::Payload;
use crate::plan::LevelIx;

impl Execution {
    pub(super) fn open_root(&mut self) {
        self.known = self.plan.levels[0].nodes.len() as u64;
        self.open_scope(0, None);
    }

    /// Brings a level to life. Its `start` node is finished from the beginning: it only passes the input on.
    pub(super) fn open_scope(&mut self, level: LevelIx, within: Option<(NodeRef, u32)>) -> ScopeId {
        let id = self.next_scope;
        self.next_scope += 1;
        let plan = Arc::clone(&self.plan);
        let nodes: Box<[NodeState]> = plan.levels[level].nodes.iter().map(|_| NodeState::default()).collect();
        let unresolved = nodes.len();
        let scope = Scope { level, within, nodes, unresolved, closed: false, kept: false, parked: false };
        self.scopes.insert(id, scope);
        if unresolved == 0 && id != ROOT {
            // Nothing in it is part of the flow.
            self.close_body(id);
        }
        for &node in &plan.levels[level].entries {
            let at = NodeRef { scope: id, node };
            if plan.nodes[node].role == Role::Start {
                let output = self.level_input(within);
                self.resolve(at, Phase::Completed { handle: None, output });
            } else {
                self.agenda.push_back(at);
            }
        }
        id
    }

    fn level_input(&self, within: Option<(NodeRef, u32)>) -> Payload {
        let Some((container, index)) = within else { return self.started.input.clone() };
        let name = match self.plan.nodes[container.node].role {
            Role::Loop => "iteration",
            Role::Map | Role::Ordinary | Role::Start | Role::End | Role::Respond => "index",
        };
        Payload::from(serde_json::json!({ name: index }))
    }

    /// Like `locate`, and brings the body to life whose first event this is.
    pub(super) fn locate_or_open(&mut self, path: &NodePath) -> Option<NodeRef> {
        if let Some(found) = self.locate(path) {
            return Some(found);
        }
        let (container, index) = path.container()?;
        let container = self.locate_or_open(&container)?;
        let Some(Container::Map(run)) = self.node(container)?.container.as_deref() else { return None };
        // Items are opened in order, so those before this one were open as well, though no event told of them.
        for index in run.next..=index {
            self.open_item(container, index)?;
        }
        self.locate(path)
    }

    /// Opens the body of a `map`'s item.
    pub(super) fn open_item(&mut self, at: NodeRef, index: u32) -> Option<ScopeId> {
        let body = self.plan.nodes[at.node].body?;
        let Some(Container::Map(run)) = self.node_mut(at)?.container.as_deref_mut() else { return None };
        if index >= run.count {
            return None;
        }
        run.next = run.next.max(index + 1);
        // The scope's number is known before it exists, so that a body that is finished at once finds its place.
        let id = self.next_scope;
        if let Some(Container::Map(run)) = self.node_mut(at)?.container.as_deref_mut() {
            run.open.insert(index, id);
        }
        self.open_scope(body, Some((at, index)));
        Some(id)
    }

    pub(super) fn open_bodies(&self, at: NodeRef) -> Vec<ScopeId> {
        let container = self.node(at).and_then(|node| node.container.as_deref());
        container.map(Container::open_scopes).unwrap_or_default()
    }

    /// Keeps a scope, and all that is around it, for the undoing of a node in it.
    pub(super) fn keep(&mut self, id: ScopeId) {
        let mut around = Some(id);
        while let Some(scope) = around.and_then(|id| self.scopes.get_mut(&id)).filter(|scope| !scope.kept) {
            scope.kept = true;
            let container = scope.within.map(|(container, _)| container);
            if let Some(node) = container.and_then(|container| self.node_mut(container)) {
                node.keeps_bodies = true;
            }
            around = container.map(|container| container.scope);
        }
    }

    /// A finished container needs its bodies no more, unless nodes in them may have to be undone.
    pub(super) fn forget_bodies(&mut self, at: NodeRef) {
        for scope in self.open_bodies(at) {
            self.stop_scope(scope);
            self.close_scope(scope);
        }
        if let Some(node) = self.node_mut(at).filter(|node| !node.keeps_bodies) {
            node.container = None;
        }
    }

    /// Hands a finished body's result to its container.
    pub(super) fn close_body(&mut self, id: ScopeId) {
        let result = self.level_result(id);
        let kept = self.scopes.get(&id).is_some_and(|scope| scope.kept);
        let Some((container, index)) = self.close_scope(id) else { return };
        match self.node_mut(container).and_then(|node| node.container.as_deref_mut()) {
            Some(Container::Map(run)) => {
                run.open.remove(&index);
                run.done += 1;
                run.results[index as usize] = Some(result);
            }
            Some(Container::Loop(run)) => {
                run.open = None;
                let earlier = std::mem::replace(&mut run.last, result);
                if kept {
                    run.earlier.insert(index, earlier);
                }
            }
            None => {}
        }
        self.agenda.push_back(container);
    }

    /// Forgets a scope, or keeps it closed while undoing needs its values.
    pub(super) fn close_scope(&mut self, id: ScopeId) -> Option<(NodeRef, u32)> {
        let scope = self.scopes.get_mut(&id)?;
        scope.closed = true;
        let (within, level, kept) = (scope.within, scope.level, scope.kept);
        let unfinished = scope.unresolved > 0;
        if unfinished {
            let plan = Arc::clone(&self.plan);
            for &node in &plan.levels[level].nodes {
                let at = NodeRef { scope: id, node };
                for inner in self.open_bodies(at) {
                    self.close_scope(inner);
                }
                if !self.steps.is_empty() {
                    self.steps.remove(&self.path_of(at));
                }
            }
        }
        if !kept {
            self.scopes.remove(&id);
        }
        within
    }

    /// Stops everything that runs or waits in this scope and in the bodies inside of it.
    pub(super) fn stop_scope(&mut self, id: ScopeId) {
        let Some(level) = self.scopes.get(&id).map(|scope| scope.level) else { return };
        let plan = Arc::clone(&self.plan);
        for &node in &plan.levels[level].nodes {
            let at = NodeRef { scope: id, node };
            self.stop_node(at);
        }
    }

    fn stop_node(&mut self, at: NodeRef) {
        let Some(node) = self.node(at) else { return };
        let stop = match &node.phase {
            Phase::Running => Some(Effect::Stop { path: self.path_of(at) }),
            Phase::Waiting { wait: Wait::Child(_), .. } => {
                Some(Effect::CancelChild { path: self.path_of(at), attempt: node.attempt })
            }
            Phase::Expanded if matches!(node.container.as_deref(), Some(Container::Loop(run)) if run.asked) => {
                Some(Effect::Stop { path: self.path_of(at) })
            }
            Phase::Expanded | Phase::Idle | Phase::Ready | Phase::Waiting { .. } | Phase::BackingOff { .. } => None,
            Phase::Completed { .. } | Phase::Skipped | Phase::Failed | Phase::Stopped => return,
        };
        self.out.effects.extend(stop);
        self.leave_running(at);
        self.leave_waiting(at, false);
        if let Some(node) = self.node_mut(at) {
            node.phase = Phase::Stopped;
        }
        for scope in self.open_bodies(at) {
            self.stop_scope(scope);
        }
    }

    /// A failed execution lives again: what failed or was stopped is as if it had not been begun.
    pub(super) fn reopen(&mut self) {
        self.terminal = None;
        self.ending = None;
        self.reopen_scope(ROOT);
    }

    fn reopen_scope(&mut self, id: ScopeId) {
        let Some(level) = self.scopes.get(&id).map(|scope| scope.level) else { return };
        let plan = Arc::clone(&self.plan);
        for &node in &plan.levels[level].nodes {
            let at = NodeRef { scope: id, node };
            let Some(state) = self.node_mut(at) else { continue };
            if !matches!(state.phase, Phase::Failed | Phase::Stopped | Phase::Ready) {
                continue;
            }
            state.phase = if state.container.is_some() { Phase::Expanded } else { Phase::Idle };
            state.spent = state.attempt;
            let inner = match state.container.as_deref_mut() {
                Some(Container::Map(run)) => {
                    run.failure = None;
                    run.open.values().copied().collect()
                }
                Some(Container::Loop(run)) => {
                    run.failure = None;
                    run.asked = false;
                    run.open.into_iter().collect()
                }
                None => Vec::new(),
            };
            self.agenda.push_back(at);
            for scope in inner {
                self.reopen_scope(scope);
            }
        }
    }
}
