//! Taking in how a node's attempt ended.

use super::input::Moment;
use super::state::{Container, NodeRef, Phase};
use super::{Execution, after};
use crate::document::OnError;
use crate::event::{AfterFailure, Event, TimerPurpose};
use crate::node_error::NodeError;
use crate::node_type::Role;
use crate::outcome::{ApprovalRequest, Expansion, Outcome, Wait};
use crate::path::NodePath;
use crate::payload::Payload;

/// However long the other side asks for, a node is tried again after a day.
const LONGEST_ASKED_SECONDS: f64 = 86_400.0;

impl Execution {
    pub(super) fn node_done(
        &mut self,
        moment: Moment,
        path: &NodePath,
        attempt: u32,
        result: Result<Outcome, NodeError>,
    ) {
        if self.undoing_at(path).is_some_and(|undoing| undoing.attempt == attempt) {
            self.undo_done(moment, path, attempt, result);
            return;
        }
        let Some(at) = self.awaited(path, attempt) else { return };
        match result {
            Ok(Outcome::Done { output, handle }) => {
                let path = path.clone();
                self.record(moment, Event::NodeCompleted { path, attempt, handle, output, pinned: false });
            }
            Ok(Outcome::Wait(wait)) => self.begin_waiting(moment, at, path, wait),
            Ok(Outcome::Expand(expansion)) if self.plan.nodes[at.node].role == Role::Map => {
                let Expansion { items, count, keys, concurrency, on_item_error } = expansion;
                let path = path.clone();
                self.record(moment, Event::ItemsExpanded { path, items, count, keys, concurrency, on_item_error });
            }
            Ok(Outcome::Iterate(again)) if self.plan.nodes[at.node].role == Role::Loop => {
                self.iterate(moment, at, path, again);
            }
            Ok(Outcome::Expand(_) | Outcome::Iterate(_)) => {
                let error = NodeError::invalid("the node type answered with bodies to run, but is no such container");
                self.decide_failure(moment, at, path.clone(), attempt, error);
            }
            Err(error) => self.decide_failure(moment, at, path.clone(), attempt, error),
        }
    }

    pub(super) fn step_done(&mut self, moment: Moment, path: NodePath, key: String, value: Payload) {
        let running =
            self.locate(&path).and_then(|at| self.node(at)).is_some_and(|node| matches!(node.phase, Phase::Running));
        if running || self.undoing_at(&path).is_some() {
            self.record(moment, Event::StepRecorded { path, key, value });
        }
    }

    pub(super) fn child_done(
        &mut self,
        moment: Moment,
        path: &NodePath,
        attempt: u32,
        result: Result<Payload, NodeError>,
    ) {
        let Some(at) = self.locate(path) else { return };
        let waits = self.node(at).is_some_and(|node| {
            node.attempt == attempt && matches!(&node.phase, Phase::Waiting { wait: Wait::Child(_), .. })
        });
        if !waits {
            return;
        }
        match result {
            Ok(output) => {
                let path = path.clone();
                self.record(moment, Event::NodeCompleted { path, attempt, handle: None, output, pinned: false });
            }
            Err(error) => self.decide_failure(moment, at, path.clone(), attempt, error),
        }
    }

    pub(super) fn timer_due(&mut self, moment: Moment, timer: u32) {
        if self.terminal.is_none() && self.timers.contains_key(&timer) {
            self.record(moment, Event::TimerFired { timer });
        }
    }

    /// The node whose attempt somebody waits for; `None` for a result that came too late.
    fn awaited(&self, path: &NodePath, attempt: u32) -> Option<NodeRef> {
        let at = self.locate(path)?;
        let node = self.node(at)?;
        let waits = match (&node.phase, node.container.as_deref()) {
            (Phase::Running, _) => node.attempt == attempt,
            (Phase::Expanded, Some(Container::Loop(run))) => run.asked,
            _ => false,
        };
        waits.then_some(at)
    }

    fn begin_waiting(&mut self, moment: Moment, at: NodeRef, path: &NodePath, wait: Wait) {
        let deadline = match &wait {
            Wait::Timer { due_at } => Some(*due_at),
            Wait::Signal { deadline, .. } | Wait::Approval(ApprovalRequest { deadline, .. }) => *deadline,
            Wait::Child(_) => None,
        };
        let is_child = matches!(wait, Wait::Child(_));
        self.record(moment, Event::NodeWaiting { path: path.clone(), wait });
        if let Some(due_at) = deadline {
            self.set_timer(moment, due_at, TimerPurpose::Wait { path: path.clone() });
        }
        if is_child {
            self.start_child(at);
        }
    }

    fn iterate(&mut self, moment: Moment, at: NodeRef, path: &NodePath, again: bool) {
        let (begun, last) = match self.node(at).and_then(|node| node.container.as_deref()) {
            Some(Container::Loop(run)) => (run.begun, run.last.clone()),
            _ => (0, Payload::null()),
        };
        let path = path.clone();
        if again {
            self.record(moment, Event::IterationStarted { path, index: begun });
        } else {
            let count = Payload::from(serde_json::json!(begun));
            let output = Payload::object(vec![("count".to_owned(), count), ("last".to_owned(), last)]);
            self.record(moment, Event::NodeCompleted { path, attempt: 1, handle: None, output, pinned: false });
        }
    }

    /// A node's attempt failed: tried again, or settled by its `on_error`.
    pub(super) fn decide_failure(
        &mut self,
        moment: Moment,
        at: NodeRef,
        path: NodePath,
        attempt: u32,
        error: NodeError,
    ) {
        let node = &self.plan.nodes[at.node];
        let tried = attempt.saturating_sub(self.node(at).map_or(0, |node| node.spent));
        if !node.role.is_container() && error.class.is_retried() && tried < node.retry.max_attempts {
            let due_at = after(moment.now, self.retry_seconds(at.node, tried, &error, moment));
            let then = AfterFailure::Retry { at: due_at };
            self.record(moment, Event::NodeFailed { path: path.clone(), attempt, error, then });
            self.set_timer(moment, due_at, TimerPurpose::Retry { path });
            return;
        }
        let then = match node.on_error {
            OnError::Fail => AfterFailure::Fail,
            OnError::Continue => AfterFailure::Continue,
            OnError::Branch => AfterFailure::Branch,
        };
        self.record(moment, Event::NodeFailed { path, attempt, error, then });
    }

    /// The wait before the next attempt: the policy's, and no shorter than the other side asked for, within reason.
    pub(super) fn retry_seconds(&self, node: usize, attempt: u32, error: &NodeError, moment: Moment) -> f64 {
        let asked = (error.retry_after_ms.unwrap_or(0) as f64 / 1000.0).min(LONGEST_ASKED_SECONDS);
        self.plan.nodes[node].retry.delay_seconds(attempt, moment.random).max(asked)
    }
}
