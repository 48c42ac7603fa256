//! A world around one execution: a clock that only moves when told to, nodes that follow a script, a journal that
//! outlives crashes. Whatever may happen next is chosen by dice, and every step is checked against the promises.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use weir_base::Timestamp;
use weir_core::evaluator::References;
use weir_core::event::{AfterFailure, Decision, Event, ExecutionStarted, JournalEvent};
use weir_core::execution::{Effect, Execution, Input, Moment, Output, Run, Status};
use weir_core::node_error::NodeError;
use weir_core::outcome::{Outcome, Wait};
use weir_core::path::NodePath;
use weir_core::payload::Payload;

use super::drawing::{Dice, Drawing};

/// The instant everything begins at.
pub(super) fn epoch() -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000, 0).expect("an instant")
}

pub(super) fn moment(now: Timestamp) -> Moment {
    Moment { now, random: 0.5 }
}

/// With what executions of this drawing are started.
pub(super) fn started(drawing: &Drawing) -> ExecutionStarted {
    ExecutionStarted {
        version: weir_core::event::EVENT_VERSION,
        execution_id: "01890a5d-ac96-774b-bcce-b302099a8058".parse().expect("an id"),
        workspace_id: weir_base::WorkspaceId::FIRST,
        workflow_id: None,
        workflow_version: None,
        document: drawing.plan.hash.clone(),
        input: json!({"n": 1}).into(),
        vars: serde_json::Map::new(),
        pins: drawing.pins.clone(),
        parent: None,
        trigger: "manual".to_owned(),
        started_by: None,
        origin: None,
    }
}

pub(super) struct Sim {
    pub(super) drawing: Drawing,
    pub(super) execution: Execution,
    /// Batches that are committed: all that outlives a crash.
    pub(super) durable: Vec<JournalEvent>,
    /// Outputs whose commit is under way.
    volatile: Vec<(Vec<JournalEvent>, Vec<Effect>)>,
    pub(super) running: Vec<Run>,
    /// Runs that were stopped; their results come all the same.
    stopped: Vec<Run>,
    children: BTreeSet<(NodePath, u32)>,
    timers: BTreeMap<u32, Timestamp>,
    waiting: BTreeMap<NodePath, Wait>,
    pub(super) now: Timestamp,
    pub(super) dice: Dice,
    /// Runs begun since the last crash, and in all.
    pub(super) begun: Vec<Run>,
    /// From here on every node does well.
    pub(super) healed: bool,
    /// Signals, decisions and children are kept back.
    pub(super) silent: bool,
    progress: u8,
    pub(super) actions: usize,
}

impl Sim {
    pub(super) fn start(drawing: &Drawing, seed: u64) -> Self {
        let (execution, output) = Execution::start(drawing.plan.clone(), started(drawing), moment(epoch()));
        Self::around(drawing, seed, execution, output)
    }

    pub(super) fn around(drawing: &Drawing, seed: u64, execution: Execution, output: Output) -> Self {
        let mut sim = Self {
            drawing: drawing.clone(),
            execution,
            durable: Vec::new(),
            volatile: Vec::new(),
            running: Vec::new(),
            stopped: Vec::new(),
            children: BTreeSet::new(),
            timers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            now: epoch(),
            dice: Dice::new(seed),
            begun: Vec::new(),
            healed: false,
            silent: false,
            progress: 0,
            actions: 0,
        };
        sim.take(output);
        sim
    }

    /// The whole journal, committed or not.
    pub(super) fn journal(&self) -> Vec<JournalEvent> {
        let volatile = self.volatile.iter().flat_map(|(events, _)| events);
        self.durable.iter().chain(volatile).cloned().collect()
    }

    pub(super) fn handle(&mut self, input: Input) {
        self.now += chrono::TimeDelta::milliseconds(1);
        let was_paused = self.execution.status() == Status::Paused;
        let output = self.execution.handle(moment(self.now), input).expect("the input is allowed");
        if was_paused && self.execution.status() == Status::Paused {
            let begins = |effect: &Effect| matches!(effect, Effect::Run(_) | Effect::StartChild { .. });
            assert!(!output.effects.iter().any(begins), "work begins while paused: {:?}", output.effects);
        }
        self.take(output);
    }

    fn take(&mut self, output: Output) {
        let Output { events, effects } = output;
        for recorded in &events {
            match &recorded.event {
                Event::TimerSet { timer, due_at, .. } => {
                    self.timers.insert(*timer, *due_at);
                }
                Event::TimerFired { timer } => {
                    self.timers.remove(timer);
                }
                Event::NodeWaiting { path, wait } => {
                    self.waiting.insert(path.clone(), wait.clone());
                }
                Event::NodeCompleted { path, .. } | Event::NodeFailed { path, .. } => {
                    self.waiting.remove(path);
                }
                _ => {}
            }
        }
        let (mut at_once, mut later) = (Vec::new(), Vec::new());
        for effect in effects {
            let soon = matches!(&effect, Effect::Run(Run { pure: true, .. }) | Effect::Stop { .. });
            if soon { &mut at_once } else { &mut later }.push(effect);
        }
        for effect in at_once {
            self.perform(effect);
        }
        self.volatile.push((events, later));
        let progress = self.execution.progress();
        assert!(progress >= self.progress, "progress falls from {} to {progress}", self.progress);
        self.progress = progress;
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Run(run) => self.begin(run),
            Effect::Stop { path } => {
                let (stopped, running): (Vec<Run>, Vec<Run>) =
                    std::mem::take(&mut self.running).into_iter().partition(|run| run.path == path);
                self.running = running;
                self.stopped.extend(stopped);
                for (_, effects) in &mut self.volatile {
                    effects.retain(|effect| !matches!(effect, Effect::Run(run) if run.path == path));
                }
            }
            Effect::StartChild { path, attempt, .. } => {
                self.children.insert((path, attempt));
            }
            Effect::CancelChild { path, attempt } => {
                self.children.remove(&(path, attempt));
            }
            Effect::ClearTimer { timer } => {
                self.timers.remove(&timer);
            }
        }
    }

    fn begin(&mut self, run: Run) {
        assert!(
            !self.running.iter().any(|other| other.path == run.path && other.undoes == run.undoes),
            "{} runs twice at a time",
            run.path
        );
        if !run.pure && run.undoes.is_none() {
            let done = self
                .durable
                .iter()
                .any(|recorded| matches!(&recorded.event, Event::NodeCompleted { path, .. } if *path == run.path));
            assert!(!done, "{} runs though its result is recorded", run.path);
        }
        self.begun.push(run.clone());
        self.running.push(run);
        let effects = self.running.iter().filter(|run| !run.pure && run.undoes.is_none()).count();
        assert!(effects <= self.drawing.plan.max_parallel_nodes as usize, "{effects} effects at a time");
        self.check_items();
    }

    fn check_items(&self) {
        let mut items: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for run in self.running.iter().filter(|run| run.undoes.is_none()) {
            let mut path = run.path.clone();
            while let Some((container, index)) = path.container() {
                items.entry(container.to_string()).or_default().insert(index);
                path = container;
            }
        }
        for (container, indices) in items {
            let id = NodePath::from(container.as_str()).node_id().to_owned();
            let act = &self.drawing.acts[&id];
            let node = self.drawing.plan.node_ix(&id).expect("a node");
            let is_map = self.drawing.plan.nodes[node].role == weir_core::node_type::Role::Map;
            let limit = if is_map { act.concurrency.max(1) as usize } else { 1 };
            assert!(indices.len() <= limit, "{container} runs the items {indices:?} at a time, not {limit}");
        }
    }

    /// Commits outputs in order; then their effects may begin.
    fn commit(&mut self, count: usize) {
        for (events, effects) in self.volatile.drain(..count).collect::<Vec<_>>() {
            self.durable.extend(events);
            for effect in effects {
                self.perform(effect);
            }
        }
    }

    pub(super) fn commit_all(&mut self) {
        self.commit(self.volatile.len());
    }

    /// The process dies; another one takes the execution up from what is durable.
    pub(super) fn crash(&mut self) {
        let kept = self.dice.below(self.volatile.len() + 1);
        for (events, _) in self.volatile.drain(..kept).collect::<Vec<_>>() {
            self.durable.extend(events);
        }
        if self.durable.is_empty() {
            // Never acknowledged: nobody knows of it, and it is begun anew.
            self.commit(1);
        }
        self.volatile.clear();
        self.running.clear();
        self.stopped.clear();
        self.waiting.clear();
        self.timers.clear();
        for recorded in &self.durable {
            match &recorded.event {
                Event::TimerSet { timer, due_at, .. } => {
                    self.timers.insert(*timer, *due_at);
                }
                Event::TimerFired { timer } => {
                    self.timers.remove(timer);
                }
                Event::NodeWaiting { path, wait } => {
                    self.waiting.insert(path.clone(), wait.clone());
                }
                Event::NodeCompleted { path, .. } | Event::NodeFailed { path, .. } => {
                    self.waiting.remove(path);
                }
                _ => {}
            }
        }
        self.execution =
            Execution::replay(self.drawing.plan.clone(), self.durable.iter().cloned()).expect("the journal replays");
        self.progress = self.execution.progress();
        let output = self.execution.resume_work(moment(self.now));
        self.take(output);
    }

    /// Does one of the things that may happen next; whether there was any.
    pub(super) fn step(&mut self) -> bool {
        self.actions += 1;
        assert!(self.actions < 20_000, "it goes round in circles");
        let mut choices: Vec<u8> = Vec::new();
        if !self.volatile.is_empty() {
            choices.extend([0, 0, 0]);
        }
        if !self.running.is_empty() {
            choices.extend([1, 1, 1]);
        }
        if !self.timers.is_empty() {
            choices.push(2);
        }
        let answerable = self.answerable();
        if !answerable.is_empty() && !self.silent {
            choices.push(3);
        }
        if !self.stopped.is_empty() {
            choices.push(4);
        }
        if choices.is_empty() {
            return false;
        }
        match choices[self.dice.below(choices.len())] {
            0 => {
                let count = 1 + self.dice.below(self.volatile.len());
                self.commit(count);
            }
            1 => {
                let place = self.dice.below(self.running.len());
                self.finish_run(place);
            }
            2 => {
                let earliest = self.timers.iter().min_by_key(|(timer, due)| (**due, **timer));
                let (timer, due) = earliest.map(|(timer, due)| (*timer, *due)).expect("a timer");
                self.timers.remove(&timer);
                self.now = self.now.max(due);
                self.handle(Input::TimerDue { timer });
            }
            3 => {
                let (path, wait) = answerable[self.dice.below(answerable.len())].clone();
                self.answer(&path, &wait);
            }
            _ => {
                let run = self.stopped.remove(0);
                let seq = self.execution.seq();
                // A retried node may be under way again, with a later attempt.
                self.handle(Input::NodeDone {
                    path: run.path,
                    attempt: run.attempt,
                    result: Ok(Outcome::done(json!("late"))),
                });
                assert_eq!(self.execution.seq(), seq, "a late result changes nothing");
            }
        }
        true
    }

    fn answerable(&self) -> Vec<(NodePath, Wait)> {
        if self.execution.status().is_terminal() {
            return Vec::new();
        }
        let open = |(path, wait): &(&NodePath, &Wait)| match wait {
            Wait::Timer { .. } => false,
            Wait::Child(_) => self.children.iter().any(|(child, _)| child == *path),
            Wait::Signal { .. } | Wait::Approval(_) => true,
        };
        self.waiting.iter().filter(open).map(|(path, wait)| (path.clone(), wait.clone())).collect()
    }

    fn answer(&mut self, path: &NodePath, wait: &Wait) {
        match wait {
            Wait::Timer { .. } => {}
            Wait::Signal { name, .. } => {
                self.handle(Input::Signal { name: name.clone(), data: json!("hello").into() });
            }
            Wait::Approval(_) => {
                let decision = Decision { approved: true, data: json!({}), by: None, comment: None };
                let path = path.clone();
                let input = Input::Decide { path: path.clone(), decision };
                if let Ok(output) = self.execution.handle(moment(self.now), input) {
                    self.take(output);
                } else {
                    self.waiting.remove(&path);
                }
            }
            Wait::Child(_) => {
                let attempts: Vec<u32> =
                    self.children.iter().filter(|(child, _)| child == path).map(|(_, attempt)| *attempt).collect();
                for attempt in attempts {
                    let path = path.clone();
                    self.handle(Input::ChildDone { path, attempt, result: Ok(json!("grown").into()) });
                }
            }
        }
    }

    /// A run goes on by a step, or ends.
    fn finish_run(&mut self, place: usize) {
        let run = self.running[place].clone();
        let act = self.drawing.acts.get(self.plan_id(&run)).cloned().unwrap_or_default();
        let steps = if run.pure { 0 } else { act.steps };
        let recorded = self.execution.context(&run, &References::default()).recorded;
        let missing = (0..steps).map(|step| format!("s{step}")).find(|key| !recorded.contains_key(key));
        if let Some(key) = missing {
            let value: Payload = json!({"step": key, "undoes": run.undoes}).into();
            self.handle(Input::StepDone { path: run.path, key, value });
            return;
        }
        for (key, value) in &recorded {
            let expected = Payload::from(json!({"step": key, "undoes": run.undoes}));
            assert_eq!(*value, expected, "the step of another undoing is taken for this one's");
        }
        self.running.remove(place);
        let role = self.drawing.plan.nodes[run.node].role;
        let result: Result<Outcome, NodeError> = act.answer(&run, role, self.healed);
        self.handle(Input::NodeDone { path: run.path, attempt: run.attempt, result });
    }

    fn plan_id(&self, run: &Run) -> &str {
        &self.drawing.plan.nodes[run.node].id
    }

    /// Whether the execution is coming to its end before its time.
    pub(super) fn ends(&self) -> bool {
        let last_run = self.journal();
        let root_failed = |event: &Event| match event {
            Event::NodeFailed { path, then: AfterFailure::Fail, .. } => path.container().is_none(),
            Event::CancelRequested { .. } | Event::FailRequested { .. } | Event::CompensationStarted { .. } => true,
            _ => false,
        };
        last_run.iter().any(|recorded| root_failed(&recorded.event))
    }

    /// Runs until nothing more can happen.
    pub(super) fn run(&mut self) {
        while self.step() {}
    }

    /// Every node execution that finished, with its handle; `None` for skipped ones.
    pub(super) fn outcomes(&self) -> BTreeMap<String, Option<String>> {
        outcomes(&self.journal())
    }

    pub(super) fn outputs(&self) -> BTreeMap<String, Payload> {
        let journal = self.journal();
        let finished = journal.into_iter().filter_map(|recorded| match recorded.event {
            Event::NodeCompleted { path, output, .. } => Some((path.to_string(), timeless(&output))),
            _ => None,
        });
        finished.collect()
    }

    /// What the execution came to as a whole.
    pub(super) fn result(&self) -> Option<Payload> {
        self.journal().into_iter().find_map(|recorded| match recorded.event {
            Event::ExecutionCompleted { output } => Some(timeless(&output)),
            _ => None,
        })
    }

    /// What must hold of every journal and of every execution that nothing can happen to any more.
    pub(super) fn check(&mut self) {
        self.commit_all();
        assert!(self.running.is_empty(), "committing has begun new work");
        check_journal(&self.durable);
        let status = self.execution.status();
        if status == Status::Waiting {
            assert!(self.silent && !self.waiting.is_empty(), "it waits for nothing");
        } else {
            assert!(status.is_terminal() || status == Status::Paused, "it is stuck as {status}");
        }
        if status == Status::Completed {
            assert_eq!(self.execution.progress(), 100);
        }
        let mut again =
            Execution::replay(self.drawing.plan.clone(), self.durable.iter().cloned()).expect("the journal replays");
        assert_eq!(again.status(), status);
        assert_eq!(again.progress(), self.execution.progress());
        assert_eq!(again.node_counts(), self.execution.node_counts());
        if status.is_terminal() {
            let output = again.resume_work(moment(self.now));
            assert!(output.events.is_empty() && output.effects.is_empty(), "the dead rise: {output:?}");
        }
    }
}

/// The value without the instants that depend on the interleaving.
fn timeless(payload: &Payload) -> Payload {
    fn scrub(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.retain(|name, _| name != "received_at");
                fields.values_mut().for_each(scrub);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(scrub),
            _ => {}
        }
    }
    let mut value = payload.as_inline().map(|value| (**value).clone()).unwrap_or_default();
    scrub(&mut value);
    value.into()
}

pub(super) fn outcomes(journal: &[JournalEvent]) -> BTreeMap<String, Option<String>> {
    let mut outcomes = BTreeMap::new();
    for recorded in journal {
        let (path, handle) = match &recorded.event {
            Event::NodeCompleted { path, handle, .. } => (path, Some(handle.as_deref().unwrap_or("out"))),
            Event::NodeFailed { path, then: AfterFailure::Continue, .. } => (path, Some("out")),
            Event::NodeFailed { path, then: AfterFailure::Branch, .. } => (path, Some("error")),
            Event::NodeSkipped { path } => (path, None),
            _ => continue,
        };
        let before = outcomes.insert(path.to_string(), handle.map(str::to_owned));
        assert_eq!(before, None, "{path} ends twice");
    }
    outcomes
}

/// Numbers without gaps, one end, every undoing ended once and in reverse order.
pub(super) fn check_journal(journal: &[JournalEvent]) {
    let mut over = false;
    for (place, recorded) in journal.iter().enumerate() {
        assert_eq!(recorded.seq, place as u64 + 1);
        match &recorded.event {
            Event::RetryRequested => {
                assert!(over, "only what failed is retried");
                over = false;
            }
            Event::ExecutionCompleted { .. } | Event::ExecutionFailed { .. } | Event::ExecutionCancelled => {
                assert!(!over, "it ends twice");
                over = true;
            }
            other => assert!(!over, "{other:?} comes after the end"),
        }
    }
}
