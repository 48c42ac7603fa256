//! The execution state machine: inputs go in, events and effects come out, nothing else happens.
//!
//! State is the fold of the journal's events (`apply`); decisions (`advance`, `results`, `commands`, `compensate`)
//! only ever record further events. Replaying a journal and then calling [`Execution::resume_work`] therefore leads to
//! the same place as never having stopped.

mod advance;
mod apply;
mod commands;
mod compensate;
mod context;
mod input;
mod rerun;
mod results;
mod scopes;
mod state;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use weir_base::{ExecutionId, Timestamp};

pub use context::{Context, LocalRef};
pub use input::{Effect, Input, Moment, Output, Refusal, Run};
pub use rerun::{RerunError, rerun};
pub use state::{Status, UnknownStatus};

use crate::event::{Event, ExecutionStarted, JournalEvent, TimerPurpose};
use crate::path::NodePath;
use crate::plan::Plan;
use state::{BufferedSignal, Ending, NodeRef, NodeState, Scope, ScopeId, UndoPhase, Undoable, Undoing};

/// The number of the outermost level's scope.
const ROOT: ScopeId = 0;

/// One run of a workflow.
#[derive(Debug)]
pub struct Execution {
    plan: Arc<Plan>,
    started: Arc<ExecutionStarted>,
    started_at: Timestamp,
    seq: u64,
    scopes: BTreeMap<ScopeId, Scope>,
    next_scope: ScopeId,
    /// Nodes about which something may have to be decided.
    agenda: VecDeque<NodeRef>,
    /// Pure nodes that may run, and loops to be asked again.
    ready_pure: VecDeque<NodeRef>,
    /// Other nodes that may run as soon as there is a place.
    ready_effects: VecDeque<NodeRef>,
    /// Nodes whose child execution is to be started once the execution is resumed.
    held_children: Vec<NodeRef>,
    /// Whether any item was held back when the journal was taken up.
    any_parked: bool,
    /// Attempts at effects under way.
    running_effects: u32,
    /// Attempts at pure nodes under way.
    running_pure: u32,
    steps: BTreeMap<NodePath, BTreeMap<String, crate::payload::Payload>>,
    timers: BTreeMap<u32, TimerPurpose>,
    next_timer: u32,
    signals: BTreeMap<String, VecDeque<BufferedSignal>>,
    signal_waiters: BTreeMap<String, VecDeque<NodeRef>>,
    paused: bool,
    ending: Option<Ending>,
    /// Finished nodes with a compensation, in order of completion.
    undoable: Vec<Undoable>,
    undoing: Option<Undoing>,
    undone: usize,
    terminal: Option<Status>,
    /// Node executions that were resolved, and those known of.
    resolved: u64,
    known: u64,
    progress: u8,
    out: Output,
}

/// A journal that no execution could have written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It does not begin with `execution_started`.
    #[error("the journal does not begin with execution_started")]
    NoBeginning,
    /// An event is missing or doubled.
    #[error("the journal has event {found} where {expected} belongs")]
    Gap {
        /// The number that belongs there.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// An event names a node that the document does not have.
    #[error("event {seq} is about {path}, which the document does not have")]
    UnknownPath {
        /// The event's number.
        seq: u64,
        /// The path it names.
        path: NodePath,
    },
    /// The journal belongs to another document.
    #[error("the journal was written for another document")]
    OtherDocument,
}

impl Execution {
    /// Begins an execution of `plan`.
    pub fn start(plan: Arc<Plan>, started: ExecutionStarted, moment: Moment) -> (Self, Output) {
        let event = JournalEvent { seq: 1, at: moment.now, event: Event::ExecutionStarted(Box::new(started.clone())) };
        let mut execution = Self::blank(plan, started, moment.now);
        execution.out.events.push(event);
        execution.set_execution_timer(moment);
        execution.open_root();
        execution.advance(moment);
        execution.note_progress();
        let output = std::mem::take(&mut execution.out);
        (execution, output)
    }

    /// Folds a journal. What was under way when it ends is under way again after [`Self::resume_work`].
    ///
    /// # Errors
    /// [`ReplayError`] when the journal is not one of this plan.
    pub fn replay(plan: Arc<Plan>, journal: impl IntoIterator<Item = JournalEvent>) -> Result<Self, ReplayError> {
        let mut journal = journal.into_iter();
        let first = journal.next().ok_or(ReplayError::NoBeginning)?;
        let Event::ExecutionStarted(started) = first.event else { return Err(ReplayError::NoBeginning) };
        if started.document != plan.hash {
            return Err(ReplayError::OtherDocument);
        }
        let mut execution = Self::blank(plan, *started, first.at);
        execution.open_root();
        for event in journal {
            if event.seq != execution.seq + 1 {
                return Err(ReplayError::Gap { expected: execution.seq + 1, found: event.seq });
            }
            execution.apply(&event)?;
            execution.seq = event.seq;
        }
        execution.out = Output::default();
        execution.note_progress();
        Ok(execution)
    }

    /// Takes up everything that was under way when the journal ended.
    pub fn resume_work(&mut self, moment: Moment) -> Output {
        self.park_surplus();
        self.restart_running();
        self.advance(moment);
        self.note_progress();
        std::mem::take(&mut self.out)
    }

    /// Takes in what happened and decides what follows.
    ///
    /// A result nobody waits for any more changes nothing.
    ///
    /// # Errors
    /// [`Refusal`] when the present state does not allow the input; nothing changed then.
    pub fn handle(&mut self, moment: Moment, input: Input) -> Result<Output, Refusal> {
        match input {
            Input::NodeDone { path, attempt, result } => self.node_done(moment, &path, attempt, result),
            Input::StepDone { path, key, value } => self.step_done(moment, path, key, value),
            Input::ChildDone { path, attempt, result } => self.child_done(moment, &path, attempt, result),
            Input::TimerDue { timer } => self.timer_due(moment, timer),
            Input::Signal { name, data } => self.signal(moment, name, data)?,
            Input::Decide { path, decision } => self.decide(moment, path, decision)?,
            Input::Pause => self.pause(moment)?,
            Input::Resume => self.resume(moment)?,
            Input::Cancel { reason } => self.cancel(moment, reason)?,
            Input::Fail { error } => self.give_up(moment, error)?,
            Input::Retry => self.retry(moment)?,
        }
        self.advance(moment);
        self.note_progress();
        Ok(std::mem::take(&mut self.out))
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        if let Some(terminal) = self.terminal {
            terminal
        } else if self.paused {
            Status::Paused
        } else if self.is_busy() {
            Status::Running
        } else {
            Status::Waiting
        }
    }

    /// Whether any node runs or could run at once, so that somebody has to drive it.
    pub fn is_busy(&self) -> bool {
        let ready = !self.ready_pure.is_empty() || !self.ready_effects.is_empty();
        self.terminal.is_none() && (self.has_work_in_flight() || (!self.paused && ready))
    }

    /// Whether an attempt is under way whose result is still to come.
    pub fn has_work_in_flight(&self) -> bool {
        let undoes = self.undoing.as_ref().is_some_and(|undoing| undoing.phase == UndoPhase::Running);
        undoes || self.running_effects + self.running_pure > 0
    }

    /// Its id.
    pub fn id(&self) -> ExecutionId {
        self.started.execution_id
    }

    /// With what it was started.
    pub fn started(&self) -> &Arc<ExecutionStarted> {
        &self.started
    }

    /// When it was started.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// What it runs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The number of its last event.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Percent of the work done, from 0 to 100; never falls.
    pub fn progress(&self) -> u8 {
        self.progress
    }

    /// Node executions that are finished or skipped, and how many are known of so far.
    pub fn node_counts(&self) -> (u64, u64) {
        (self.resolved, self.known)
    }

    /// Whether any `sub_workflow` node waits for another execution.
    pub fn waits_for_children(&self) -> bool {
        self.scopes.values().any(|scope| {
            !scope.closed
                && scope.nodes.iter().any(|node| {
                    matches!(&node.phase, state::Phase::Waiting { wait: crate::outcome::Wait::Child(_), .. })
                })
        })
    }

    fn blank(plan: Arc<Plan>, started: ExecutionStarted, started_at: Timestamp) -> Self {
        Self {
            plan,
            started: Arc::new(started),
            started_at,
            seq: 1,
            scopes: BTreeMap::new(),
            next_scope: ROOT,
            agenda: VecDeque::new(),
            ready_pure: VecDeque::new(),
            ready_effects: VecDeque::new(),
            held_children: Vec::new(),
            any_parked: false,
            running_effects: 0,
            running_pure: 0,
            steps: BTreeMap::new(),
            timers: BTreeMap::new(),
            next_timer: 1,
            signals: BTreeMap::new(),
            signal_waiters: BTreeMap::new(),
            paused: false,
            ending: None,
            undoable: Vec::new(),
            undoing: None,
            undone: 0,
            terminal: None,
            resolved: 0,
            known: 0,
            progress: 0,
            out: Output::default(),
        }
    }

    /// Records what happened: folds it into the state and puts it out.
    fn record(&mut self, moment: Moment, event: Event) {
        let event = JournalEvent { seq: self.seq + 1, at: moment.now, event };
        // A decision is only ever about nodes of the plan, so folding it cannot fail.
        let folded = self.apply(&event);
        debug_assert!(folded.is_ok(), "decided on an event that does not fit the state: {event:?}");
        self.seq = event.seq;
        self.out.events.push(event);
    }

    fn set_timer(&mut self, moment: Moment, due_at: Timestamp, purpose: TimerPurpose) {
        let timer = self.next_timer;
        self.record(moment, Event::TimerSet { timer, due_at, purpose });
    }

    fn set_execution_timer(&mut self, moment: Moment) {
        if let Some(seconds) = self.plan.document.settings.timeout_seconds {
            self.set_timer(moment, after(moment.now, seconds), TimerPurpose::Execution);
        }
    }

    fn node(&self, at: NodeRef) -> Option<&NodeState> {
        self.scopes.get(&at.scope)?.nodes.get(self.plan.nodes[at.node].slot)
    }

    fn node_mut(&mut self, at: NodeRef) -> Option<&mut NodeState> {
        let slot = self.plan.nodes[at.node].slot;
        self.scopes.get_mut(&at.scope)?.nodes.get_mut(slot)
    }

    fn path_of(&self, at: NodeRef) -> NodePath {
        let id = &self.plan.nodes[at.node].id;
        match self.scopes.get(&at.scope).and_then(|scope| scope.within) {
            Some((container, index)) => self.path_of(container).child(index, id),
            None => NodePath::root(id),
        }
    }

    /// Finds a node that may be running; `None` when the path is unknown or its scope is gone.
    fn locate(&self, path: &NodePath) -> Option<NodeRef> {
        let node = self.plan.node_ix(path.node_id())?;
        let Some((container, index)) = path.container() else {
            return (self.plan.nodes[node].level == 0).then_some(NodeRef { scope: ROOT, node });
        };
        let container = self.locate(&container)?;
        if self.plan.levels[self.plan.nodes[node].level].container != Some(container.node) {
            return None;
        }
        let scope = self.node(container)?.container.as_ref()?.scope(index)?;
        Some(NodeRef { scope, node })
    }

    /// Progress counts the outermost level's nodes, a running `map` by its finished items.
    fn note_progress(&mut self) {
        let Some(root) = self.scopes.get(&ROOT) else { return };
        let total = root.nodes.len().max(1) as f64;
        let containers = self.plan.levels[root.level].containers.iter();
        let running = containers.map(|&node| root.nodes[self.plan.nodes[node].slot].running_fraction());
        let done = (root.nodes.len() - root.unresolved) as f64 + running.sum::<f64>();
        let percent = (100.0 * done / total).floor().clamp(0.0, 99.0) as u8;
        let percent = if self.terminal == Some(Status::Completed) { 100 } else { percent };
        self.progress = self.progress.max(percent);
    }
}

impl NodeState {
    /// How much of an unfinished `map` is done.
    fn running_fraction(&self) -> f64 {
        match (&self.phase, self.container.as_deref()) {
            (phase, _) if phase.is_resolved() => 0.0,
            (_, Some(state::Container::Map(run))) => f64::from(run.done) / f64::from(run.count.max(1)),
            _ => 0.0,
        }
    }
}

/// The instant so many seconds after `now`, as far as time goes.
fn after(now: Timestamp, seconds: f64) -> Timestamp {
    let micros = (seconds.max(0.0) * 1e6).min(1e18) as i64;
    now.checked_add_signed(chrono::TimeDelta::microseconds(micros)).unwrap_or(Timestamp::MAX_UTC)
}
