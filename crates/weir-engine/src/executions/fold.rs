//! Folding a journal into the node executions of one body.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};
use weir_base::Timestamp;
use weir_core::event::{AfterFailure, Event, ExecutionStarted, JournalEvent};
use weir_core::node_error::NodeError;
use weir_core::node_type::{ERROR_HANDLE, Role};
use weir_core::path::NodePath;
use weir_core::payload::Payload;
use weir_core::plan::{LevelIx, Plan};

use super::nodes::body_of;
use super::{Attempt, Compensation, Items, NodeExecution, NodeStatus};

/// A node execution with its output as it was recorded.
pub(super) struct Folded {
    pub(super) node: NodeExecution,
    pub(super) output: Option<Payload>,
}

pub(super) struct Fold<'a, W> {
    plan: &'a Plan,
    within: Option<&'a str>,
    /// Whose outputs are kept, by place and path.
    wanted: W,
    found: Vec<Folded>,
    places: HashMap<NodePath, usize>,
    /// For each container of this body, its bodies.
    bodies: HashMap<NodePath, Bodies>,
    /// The node that undoes another just now.
    undoing: Option<NodePath>,
}

/// The bodies of one container.
struct Bodies {
    /// Nodes of a body that have to be settled until it has ended.
    size: usize,
    settled: BTreeMap<u32, usize>,
    ended: BTreeSet<u32>,
    /// Of those that ended, the ones a retry takes up again.
    failed: Vec<u32>,
}

impl<'a, W: Fn(usize, &NodePath) -> bool> Fold<'a, W> {
    pub(super) fn new(plan: &'a Plan, within: Option<&'a str>, wanted: W) -> Self {
        Self { plan, within, wanted, found: Vec::new(), places: HashMap::new(), bodies: HashMap::new(), undoing: None }
    }

    /// Whether an event about this path may change anything here: it lies in this body, right inside one of its
    /// containers, or is a container around it.
    pub(super) fn concerns(&self, path: &str) -> bool {
        let body = body_of(path);
        body == self.within || self.is_inside(body) || self.is_around(path)
    }

    fn is_inside(&self, body: Option<&str>) -> bool {
        let container = body.and_then(|body| body.rsplit_once('[')).map(|(container, _)| container);
        container.is_some_and(|container| body_of(container) == self.within)
    }

    fn is_around(&self, path: &str) -> bool {
        self.within.and_then(|within| within.strip_prefix(path)).is_some_and(|rest| rest.starts_with('['))
    }

    pub(super) fn finish(self) -> Vec<Folded> {
        self.found
    }

    pub(super) fn add(&mut self, recorded: JournalEvent) {
        let at = recorded.at;
        match recorded.event {
            Event::ExecutionStarted(started) => self.begin(&started, at),
            Event::NodeStarted { path, attempt } => {
                if let Some(folded) = self.here(&path, at) {
                    folded.begin_attempt(attempt, at);
                }
            }
            Event::NodeWaiting { path, wait } => {
                if let Some(folded) = self.here(&path, at) {
                    folded.node.status = NodeStatus::Waiting;
                    // A wait is plain data; were it not, what it waits for would only not be shown.
                    folded.node.waiting_for = serde_json::to_value(&wait).ok();
                }
            }
            Event::NodeCompleted { path, attempt, handle, output, pinned } => {
                self.completed(&path, attempt, handle, output, pinned, at);
            }
            Event::NodeFailed { path, attempt, error, then } => self.failed(&path, attempt, error, then, at),
            Event::NodeSkipped { path } => {
                if let Some(folded) = self.here(&path, at) {
                    folded.settle(NodeStatus::Skipped, at);
                }
                self.count_settled(&path);
            }
            Event::ItemsExpanded { path, count, .. } => self.expanded(&path, count, at),
            Event::IterationStarted { path, index } => {
                if let Some(folded) = self.here(&path, at) {
                    folded.node.status = NodeStatus::Running;
                    folded.node.items = Some(Items { count: index + 1, done: index });
                }
            }
            Event::CancelRequested { .. } | Event::FailRequested { .. } => self.stop_the_rest(at),
            Event::RetryRequested => self.reopen(),
            Event::CompensationStarted { path, by, .. } => {
                self.undoing = Some(
                    path.container()
                        .map_or_else(|| NodePath::root(&by), |(container, index)| container.child(index, &by)),
                );
                if let Some(folded) = self.here(&path, at) {
                    folded.node.compensation = Some(Compensation { by, finished: false, error: None });
                }
            }
            Event::CompensationCompleted { path, error, .. } => {
                self.undoing = None;
                if let Some(compensation) = self.here(&path, at).and_then(|folded| folded.node.compensation.as_mut()) {
                    compensation.finished = true;
                    compensation.error = error;
                }
            }
            Event::ExecutionCompleted { .. } | Event::ExecutionFailed { .. } | Event::ExecutionCancelled => {
                self.stop_the_rest(at);
            }
            Event::StepRecorded { .. }
            | Event::TimerSet { .. }
            | Event::TimerFired { .. }
            | Event::SignalReceived { .. }
            | Event::ApprovalDecided { .. }
            | Event::Paused
            | Event::Resumed => {}
        }
    }

    /// The outermost level's `start` is finished from the beginning.
    fn begin(&mut self, started: &ExecutionStarted, at: Timestamp) {
        if self.within.is_some() {
            return;
        }
        for &node in &self.plan.levels[0].entries {
            let node = &self.plan.nodes[node];
            if node.role == Role::Start {
                let path = NodePath::root(&node.id);
                self.completed(&path, 1, None, started.input.clone(), false, at);
            }
        }
    }

    fn completed(
        &mut self,
        path: &NodePath,
        attempt: u32,
        handle: Option<String>,
        output: Payload,
        pinned: bool,
        at: Timestamp,
    ) {
        if let Some((folded, wanted)) = self.here_and_wanted(path, at) {
            folded.output = wanted.then_some(output);
            folded.node.handle = handle;
            folded.node.pinned = pinned;
            if !pinned {
                folded.end_attempt(attempt, None, at);
            }
            folded.settle(NodeStatus::Completed, at);
        }
        self.settled(path, at);
    }

    fn failed(&mut self, path: &NodePath, attempt: u32, error: NodeError, then: AfterFailure, at: Timestamp) {
        // The attempt of an undoing: its end is told by the compensation itself.
        if self.undoing.as_ref() == Some(path) {
            return;
        }
        let fails = matches!(then, AfterFailure::Fail);
        if let Some((folded, wanted)) = self.here_and_wanted(path, at) {
            let output = error.as_output();
            folded.end_attempt(attempt, Some(error), at);
            match then {
                AfterFailure::Retry { at: due_at } => {
                    folded.node.status = NodeStatus::Waiting;
                    folded.node.waiting_for = Some(json!({ "for": "retry", "at": due_at }));
                    return;
                }
                AfterFailure::Continue | AfterFailure::Branch => {
                    folded.output = wanted.then(|| output.into());
                    folded.node.handle = matches!(then, AfterFailure::Branch).then(|| ERROR_HANDLE.to_owned());
                    folded.settle(NodeStatus::Completed, at);
                }
                AfterFailure::Fail => folded.settle(NodeStatus::Failed, at),
            }
            if fails {
                // A level with a failed node stops.
                self.stop_the_rest(at);
            }
        } else if matches!(then, AfterFailure::Retry { .. }) {
            return;
        }
        if fails {
            self.count_failed(path);
            self.stop_inside(path, at);
        } else {
            self.settled(path, at);
        }
    }

    /// A container around this body that is settled ends what is still open here.
    fn stop_inside(&mut self, path: &NodePath, at: Timestamp) {
        if self.is_around(path.as_str()) {
            self.stop_the_rest(at);
        }
    }

    /// A settled node counts in its body; a container is settled when all of its bodies are.
    fn settled(&mut self, path: &NodePath, at: Timestamp) {
        self.stop_inside(path, at);
        self.count_settled(path);
        if let Some(folded) = self.places.get(path).and_then(|&place| self.found.get_mut(place))
            && folded.node.status == NodeStatus::Completed
            && let Some(items) = &mut folded.node.items
        {
            items.done = items.count;
        }
    }

    fn expanded(&mut self, path: &NodePath, count: u32, at: Timestamp) {
        let level = self.plan.node_ix(path.node_id()).and_then(|node| self.plan.nodes[node].body);
        let size = level.map_or(0, |level| self.to_settle(level));
        let Some(folded) = self.here(path, at) else { return };
        folded.node.status = NodeStatus::Running;
        folded.node.items = Some(Items { count, done: 0 });
        let bodies = Bodies { size, settled: BTreeMap::new(), ended: BTreeSet::new(), failed: Vec::new() };
        self.bodies.insert(path.clone(), bodies);
    }

    /// The nodes of a level that events tell of: its `start` is finished without one.
    fn to_settle(&self, level: LevelIx) -> usize {
        let nodes = self.plan.levels[level].nodes.iter();
        nodes.filter(|&&node| self.plan.nodes[node].role != Role::Start).count()
    }

    fn count_settled(&mut self, path: &NodePath) {
        let Some((container, index)) = path.container() else { return };
        let Some(bodies) = self.bodies.get_mut(&container) else { return };
        let settled = bodies.settled.entry(index).or_default();
        *settled += 1;
        if *settled >= bodies.size && bodies.ended.insert(index) {
            self.show_ended(&container);
        }
    }

    fn count_failed(&mut self, path: &NodePath) {
        let Some((container, index)) = path.container() else { return };
        let Some(bodies) = self.bodies.get_mut(&container) else { return };
        bodies.failed.push(index);
        if bodies.ended.insert(index) {
            self.show_ended(&container);
        }
    }

    fn show_ended(&mut self, container: &NodePath) {
        let ended = self.bodies.get(container).map_or(0, |bodies| bodies.ended.len());
        if let Some(folded) = self.places.get(container).and_then(|&place| self.found.get_mut(place))
            && let Some(items) = &mut folded.node.items
        {
            items.done = u32::try_from(ended).unwrap_or(u32::MAX).min(items.count);
        }
    }

    /// What runs or waits will not end by itself any more.
    fn stop_the_rest(&mut self, at: Timestamp) {
        for folded in &mut self.found {
            if matches!(folded.node.status, NodeStatus::Running | NodeStatus::Waiting) {
                folded.settle(NodeStatus::Cancelled, at);
            }
        }
    }

    /// A retried execution takes up what failed or was stopped.
    fn reopen(&mut self) {
        for folded in &mut self.found {
            if matches!(folded.node.status, NodeStatus::Failed | NodeStatus::Cancelled) {
                folded.node.status = NodeStatus::Waiting;
                folded.node.finished_at = None;
            }
        }
        for bodies in self.bodies.values_mut() {
            for index in bodies.failed.drain(..) {
                bodies.ended.remove(&index);
            }
        }
    }

    fn here(&mut self, path: &NodePath, at: Timestamp) -> Option<&mut Folded> {
        self.here_and_wanted(path, at).map(|(folded, _)| folded)
    }

    /// The node execution at this path, made when it is seen for the first time; `None` outside this body.
    fn here_and_wanted(&mut self, path: &NodePath, at: Timestamp) -> Option<(&mut Folded, bool)> {
        if body_of(path.as_str()) != self.within {
            return None;
        }
        let place = match self.places.get(path) {
            Some(&place) => place,
            None => {
                let node_type = self.plan.node_ix(path.node_id()).map_or("", |node| self.plan.nodes[node].node_type);
                self.places.insert(path.clone(), self.found.len());
                self.found.push(Folded::new(path.clone(), node_type, at));
                self.found.len() - 1
            }
        };
        let wanted = (self.wanted)(place, path);
        self.found.get_mut(place).map(|folded| (folded, wanted))
    }
}

impl Folded {
    fn new(path: NodePath, node_type: &str, at: Timestamp) -> Self {
        let node = NodeExecution {
            node: path.node_id().to_owned(),
            path,
            node_type: node_type.to_owned(),
            status: NodeStatus::Running,
            started_at: Some(at),
            finished_at: None,
            attempts: Vec::new(),
            handle: None,
            output: None::<Value>,
            pinned: false,
            items: None,
            waiting_for: None,
            compensation: None,
        };
        Self { node, output: None }
    }

    fn begin_attempt(&mut self, number: u32, at: Timestamp) {
        self.node.status = NodeStatus::Running;
        self.node.waiting_for = None;
        self.node.attempts.push(Attempt { number, started_at: Some(at), finished_at: None, error: None });
    }

    fn end_attempt(&mut self, number: u32, error: Option<NodeError>, at: Timestamp) {
        match self.node.attempts.last_mut().filter(|last| last.number == number && last.finished_at.is_none()) {
            Some(last) => {
                last.finished_at = Some(at);
                last.error = error;
            }
            // A pure node's attempt is only told of by its end.
            None => self.node.attempts.push(Attempt { number, started_at: None, finished_at: Some(at), error }),
        }
    }

    fn settle(&mut self, status: NodeStatus, at: Timestamp) {
        self.node.status = status;
        self.node.waiting_for = None;
        self.node.finished_at = Some(at);
    }
}
