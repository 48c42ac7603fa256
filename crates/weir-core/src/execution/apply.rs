//! Folding events into the state. Nothing is decided here: whoever may have to be reconsidered goes on the agenda.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::input::Effect;
use super::state::{
    BufferedSignal, Container, Ending, LoopRun, MapRun, NodeRef, NodeState, Phase, ScopeId, Status, UndoPhase,
    Undoable, Undoing,
};
use super::{Execution, ROOT, ReplayError};
use crate::event::{AfterFailure, Event, JournalEvent, TimerPurpose};
use crate::node_error::NodeError;
use crate::node_type::{ERROR_HANDLE, Role};
use crate::outcome::{OnItemError, Wait};
use crate::path::NodePath;
use crate::payload::Payload;

impl Execution {
    pub(super) fn apply(&mut self, recorded: &JournalEvent) -> Result<(), ReplayError> {
        let missing = |path: &NodePath| ReplayError::UnknownPath { seq: recorded.seq, path: path.clone() };
        match &recorded.event {
            Event::ExecutionStarted(_) => return Err(ReplayError::NoBeginning),
            Event::NodeStarted { path, attempt } => {
                let at = self.locate_or_open(path).ok_or_else(|| missing(path))?;
                self.set_running(at, *attempt);
            }
            Event::StepRecorded { path, key, value } => {
                self.steps.entry(path.clone()).or_default().insert(key.clone(), value.clone());
            }
            Event::NodeWaiting { path, wait } => {
                let at = self.locate_or_open(path).ok_or_else(|| missing(path))?;
                self.set_waiting(at, wait.clone());
            }
            Event::NodeCompleted { path, attempt, handle, output, pinned } => {
                let at = self.locate_or_open(path).ok_or_else(|| missing(path))?;
                // What was given from outside did nothing that could be undone.
                if !pinned && self.plan.nodes[at.node].compensate.is_some() {
                    self.undoable.push(Undoable { at, path: path.clone() });
                    self.keep(at.scope);
                }
                self.complete(at, path, *attempt, handle.as_deref(), output.clone());
            }
            Event::NodeFailed { path, attempt, error, then } => match self.undoing_at(path) {
                Some(undoing) => {
                    undoing.attempt = *attempt;
                    undoing.phase = UndoPhase::BackingOff { timer: None };
                }
                None => {
                    let at = self.locate_or_open(path).ok_or_else(|| missing(path))?;
                    self.fail(at, path, *attempt, error, then);
                }
            },
            Event::NodeSkipped { path } => {
                let at = self.locate_or_open(path).ok_or_else(|| missing(path))?;
                self.resolve(at, Phase::Skipped);
            }
            Event::ItemsExpanded { path, items, count, keys, concurrency, on_item_error } => {
                let at = self.locate_or_open(path).ok_or_else(|| missing(path))?;
                let run = MapRun {
                    items: items.clone(),
                    count: *count,
                    keys: keys.clone(),
                    concurrency: (*concurrency).max(1),
                    on_item_error: *on_item_error,
                    next: 0,
                    open: BTreeMap::new(),
                    done: 0,
                    results: vec![None; *count as usize],
                    errors: BTreeMap::new(),
                    failure: None,
                };
                self.expect_bodies(at, u64::from(*count));
                self.expand(at, Container::Map(run));
            }
            Event::IterationStarted { path, index } => {
                let at = self.locate_or_open(path).ok_or_else(|| missing(path))?;
                self.begin_iteration(at, *index);
            }
            Event::TimerSet { timer, purpose, .. } => self.timer_set(*timer, purpose),
            Event::TimerFired { timer } => self.timer_fired(*timer),
            Event::SignalReceived { name, data } => {
                let signal = BufferedSignal { data: data.clone(), received_at: recorded.at };
                self.signals.entry(name.clone()).or_default().push_back(signal);
                let waiter = self.signal_waiters.get(name).and_then(|waiters| waiters.front().copied());
                self.agenda.extend(waiter);
            }
            Event::ApprovalDecided { path, decision } => {
                let at = self.locate_or_open(path).ok_or_else(|| missing(path))?;
                if let Some(NodeState { phase: Phase::Waiting { decided, .. }, .. }) = self.node_mut(at) {
                    *decided = Some(Box::new(decision.clone()));
                }
                self.agenda.push_back(at);
            }
            Event::Paused => self.paused = true,
            Event::Resumed => self.paused = false,
            Event::CancelRequested { .. } => {
                self.paused = false;
                self.begin_ending(Ending::Cancelled);
            }
            Event::FailRequested { error } => {
                self.paused = false;
                self.begin_ending(Ending::Failed { error: error.clone(), path: None });
            }
            Event::RetryRequested => self.reopen(),
            Event::CompensationStarted { path, attempt, .. } => {
                let of = self.undoable.iter().rev().find(|undoable| undoable.path == *path).cloned();
                let of = of.ok_or_else(|| missing(path))?;
                self.undoing = Some(Undoing { of, attempt: *attempt, phase: UndoPhase::Running });
            }
            Event::CompensationCompleted { path, .. } => {
                if let Some(by) = self.undoing.take().and_then(|undoing| self.plan.nodes[undoing.of.at.node].compensate)
                {
                    // The same node may undo another one next, and must not find this one's steps.
                    self.steps.remove(&self.sibling_path(path, by));
                }
                self.undone += 1;
                if let Some(place) = self.undoable.iter().rposition(|undoable| undoable.path == *path) {
                    self.undoable.remove(place);
                }
            }
            Event::ExecutionCompleted { .. } => self.end(Status::Completed),
            Event::ExecutionFailed { timeout, .. } => {
                self.end(if *timeout { Status::Timeout } else { Status::Failed });
            }
            Event::ExecutionCancelled => self.end(Status::Cancelled),
        }
        Ok(())
    }

    fn begin_iteration(&mut self, at: NodeRef, index: u32) {
        self.leave_running(at);
        let id = self.next_scope;
        let body = self.plan.nodes[at.node].body;
        self.expect_bodies(at, 1);
        let Some(node) = self.node_mut(at) else { return };
        node.phase = Phase::Expanded;
        match node.container.as_deref_mut() {
            Some(Container::Loop(run)) => {
                run.begun = index + 1;
                run.open = Some(id);
                run.asked = false;
            }
            _ => {
                let run = LoopRun {
                    begun: index + 1,
                    open: Some(id),
                    last: Payload::null(),
                    earlier: BTreeMap::new(),
                    asked: false,
                    failure: None,
                };
                node.container = Some(Box::new(Container::Loop(run)));
            }
        }
        if let Some(body) = body {
            self.open_scope(body, Some((at, index)));
        }
    }

    /// Counts the nodes of bodies to come. Their `start` nodes are finished without an event, so they count as such from
    /// the beginning: the counts are the same whether or not a body was opened before a crash.
    fn expect_bodies(&mut self, at: NodeRef, count: u64) {
        let Some(body) = self.plan.nodes[at.node].body else { return };
        let level = &self.plan.levels[body];
        let starts = level.entries.iter().filter(|&&node| self.plan.nodes[node].role == Role::Start).count();
        self.known += count * level.nodes.len() as u64;
        self.resolved += count * starts as u64;
    }

    fn expand(&mut self, at: NodeRef, container: Container) {
        self.leave_running(at);
        if let Some(node) = self.node_mut(at) {
            node.phase = Phase::Expanded;
            node.container = Some(Box::new(container));
        }
        self.agenda.push_back(at);
    }

    /// A node's attempt is under way: it holds a place until it leaves this phase.
    pub(super) fn set_running(&mut self, at: NodeRef, attempt: u32) {
        self.leave_running(at);
        let pure = self.plan.nodes[at.node].pure;
        if let Some(node) = self.node_mut(at) {
            node.attempt = attempt;
            node.phase = Phase::Running;
            *(if pure { &mut self.running_pure } else { &mut self.running_effects }) += 1;
        }
    }

    /// Gives a running node's place back.
    pub(super) fn leave_running(&mut self, at: NodeRef) {
        let pure = self.plan.nodes[at.node].pure;
        let asked = match self.node_mut(at) {
            Some(NodeState { phase: phase @ Phase::Running, .. }) => {
                *phase = Phase::Idle;
                true
            }
            Some(NodeState { phase: Phase::Expanded, container: Some(container), .. }) => match &mut **container {
                Container::Loop(run) => std::mem::take(&mut run.asked),
                Container::Map(_) => false,
            },
            _ => false,
        };
        if asked {
            let running = if pure { &mut self.running_pure } else { &mut self.running_effects };
            debug_assert!(*running > 0, "{at:?} gives back a place it did not hold");
            *running = running.saturating_sub(1);
        }
    }

    fn set_waiting(&mut self, at: NodeRef, wait: Wait) {
        if let Some(node) = self.node_mut(at)
            && !matches!(node.phase, Phase::Running)
        {
            // A replayed attempt of a pure node: no event told of its beginning.
            node.attempt += 1;
        }
        self.leave_running(at);
        if let Wait::Signal { name, .. } = &wait {
            self.signal_waiters.entry(name.clone()).or_default().push_back(at);
        }
        if let Some(node) = self.node_mut(at) {
            node.phase = Phase::Waiting { wait, timer: None, expired: false, decided: None };
        }
        self.agenda.push_back(at);
    }

    /// Ends a node's wait: its timer is cleared, its signal is used up.
    pub(super) fn leave_waiting(&mut self, at: NodeRef, used: bool) {
        let Some(node) = self.node_mut(at) else { return };
        let timer = match &mut node.phase {
            Phase::Waiting { timer, .. } | Phase::BackingOff { timer } => timer.take(),
            _ => None,
        };
        let waited_for = match &node.phase {
            Phase::Waiting { wait: Wait::Signal { name, .. }, expired, .. } => Some((name.clone(), used && !*expired)),
            _ => None,
        };
        if let Some(timer) = timer {
            self.timers.remove(&timer);
            self.out.effects.push(Effect::ClearTimer { timer });
        }
        if let Some((name, consumed)) = waited_for {
            if let Some(waiters) = self.signal_waiters.get_mut(&name) {
                waiters.retain(|waiter| *waiter != at);
            }
            if consumed && let Some(buffered) = self.signals.get_mut(&name) {
                buffered.pop_front();
            }
        }
    }

    fn complete(&mut self, at: NodeRef, path: &NodePath, attempt: u32, handle: Option<&str>, output: Payload) {
        self.leave_running(at);
        self.leave_waiting(at, true);
        self.steps.remove(path);
        self.forget_bodies(at);
        if let Some(node) = self.node_mut(at) {
            node.attempt = attempt;
        }
        self.resolve(at, Phase::Completed { handle: handle.map(Arc::from), output });
    }

    fn fail(&mut self, at: NodeRef, path: &NodePath, attempt: u32, error: &NodeError, then: &AfterFailure) {
        self.leave_running(at);
        self.leave_waiting(at, false);
        if let Some(node) = self.node_mut(at) {
            node.attempt = attempt;
        }
        match then {
            AfterFailure::Retry { .. } => {
                if let Some(node) = self.node_mut(at) {
                    node.phase = Phase::BackingOff { timer: None };
                }
            }
            AfterFailure::Continue => self.complete(at, path, attempt, None, error.as_output().into()),
            AfterFailure::Branch => self.complete(at, path, attempt, Some(ERROR_HANDLE), error.as_output().into()),
            AfterFailure::Fail => {
                if let Some(node) = self.node_mut(at) {
                    node.phase = Phase::Failed;
                }
                for scope in self.open_bodies(at) {
                    self.stop_scope(scope);
                }
                self.fail_scope(at.scope, error, path);
            }
        }
    }

    /// Settles a node for good: what depends on it is reconsidered, and a level with nothing left is closed.
    pub(super) fn resolve(&mut self, at: NodeRef, phase: Phase) {
        let plan = Arc::clone(&self.plan);
        let Some(node) = self.node_mut(at) else { return };
        if node.phase.is_resolved() {
            return;
        }
        node.phase = phase;
        if at.scope == ROOT || plan.nodes[at.node].role != Role::Start {
            self.resolved += 1;
        }
        let Some(scope) = self.scopes.get_mut(&at.scope) else { return };
        scope.unresolved -= 1;
        for edge in &plan.nodes[at.node].outgoing {
            let taken = scope.nodes[plan.nodes[at.node].slot].phase.left_by(&edge.handle);
            let target = &mut scope.nodes[plan.nodes[edge.node].slot];
            *(if taken { &mut target.taken } else { &mut target.dead }) += 1;
            self.agenda.push_back(NodeRef { scope: at.scope, node: edge.node });
        }
        if scope.unresolved == 0 && at.scope != ROOT {
            self.close_body(at.scope);
        }
    }

    /// A node of this scope failed for good: the scope's other work stops, and its container has to answer for it.
    fn fail_scope(&mut self, id: ScopeId, error: &NodeError, path: &NodePath) {
        self.stop_scope(id);
        let Some((container, index)) = self.scopes.get(&id).and_then(|scope| scope.within) else {
            self.begin_ending(Ending::Failed { error: error.clone(), path: Some(path.clone()) });
            return;
        };
        match self.node_mut(container).and_then(|node| node.container.as_deref_mut()) {
            Some(Container::Map(run)) if run.on_item_error == OnItemError::Collect => {
                run.open.remove(&index);
                run.done += 1;
                run.errors.insert(index, error.clone());
                self.close_scope(id);
            }
            Some(Container::Map(run)) => run.failure = Some(error.clone()),
            Some(Container::Loop(run)) => run.failure = Some(error.clone()),
            None => {}
        }
        self.agenda.push_back(container);
    }

    /// The execution is to end: nothing of its flow goes on, undoing comes next.
    fn begin_ending(&mut self, ending: Ending) {
        if self.ending.is_none() {
            self.ending = Some(ending);
        }
        self.stop_scope(ROOT);
        self.clear_queues();
    }

    fn end(&mut self, status: Status) {
        self.terminal = Some(status);
        self.clear_queues();
        self.agenda.clear();
        self.undoing = None;
        self.paused = false;
        for timer in std::mem::take(&mut self.timers).into_keys() {
            self.out.effects.push(Effect::ClearTimer { timer });
        }
    }

    fn clear_queues(&mut self) {
        self.ready_pure.clear();
        self.ready_effects.clear();
        self.held_children.clear();
    }

    fn timer_set(&mut self, timer: u32, purpose: &TimerPurpose) {
        self.next_timer = self.next_timer.max(timer + 1);
        self.timers.insert(timer, purpose.clone());
        match purpose {
            TimerPurpose::Wait { path } | TimerPurpose::Retry { path } => {
                let Some(at) = self.locate(path) else { return };
                let phase = self.node_mut(at).map(|node| &mut node.phase);
                if let Some(Phase::Waiting { timer: slot, .. } | Phase::BackingOff { timer: slot }) = phase {
                    *slot = Some(timer);
                }
            }
            TimerPurpose::CompensationRetry { .. } => {
                if let Some(Undoing { phase: UndoPhase::BackingOff { timer: slot }, .. }) = &mut self.undoing {
                    *slot = Some(timer);
                }
            }
            TimerPurpose::Execution => {}
        }
    }

    fn timer_fired(&mut self, timer: u32) {
        let Some(purpose) = self.timers.remove(&timer) else { return };
        match purpose {
            TimerPurpose::Wait { path } | TimerPurpose::Retry { path } => {
                let Some(at) = self.locate(&path) else { return };
                match self.node_mut(at).map(|node| &mut node.phase) {
                    Some(Phase::Waiting { timer: slot, expired, .. }) => {
                        *slot = None;
                        *expired = true;
                    }
                    Some(phase @ Phase::BackingOff { .. }) => *phase = Phase::Idle,
                    _ => {}
                }
                self.agenda.push_back(at);
            }
            TimerPurpose::CompensationRetry { .. } => {
                if let Some(undoing) = &mut self.undoing {
                    undoing.phase = UndoPhase::Due;
                }
            }
            TimerPurpose::Execution => {
                self.paused = false;
                self.begin_ending(Ending::TimedOut);
            }
        }
    }
}
