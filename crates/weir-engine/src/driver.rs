//! Drives one execution: feeds the state machine, records what it decides, runs what it asks for.
//!
//! The order is always the same: decide, record, and only when the record is durable begin effects, answer callers and
//! tell watchers. Pure nodes run before the record is durable, because a crash only computes them again.

mod commit;
mod effects;
mod node_run;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use weir_base::{ExecutionId, Principal};
use weir_core::event::JournalEvent;
use weir_core::execution::{Effect, Execution, Input, Moment, Output, Run};
use weir_core::node_error::NodeError;
use weir_core::outcome::Outcome;
use weir_core::path::NodePath;

use crate::engine::Inner;
use crate::error::Error;
use crate::hub::Watched;
use crate::journal::{Lease, LogLine};
use crate::node::{FromNode, LiveEvent};
use crate::prepared::Prepared;
use crate::telling::Askers;

/// Messages an execution's driver may have waiting.
pub(crate) const INBOX: usize = 1_024;

/// Messages taken in before the state is recorded: they share one append.
const GATHERED: usize = 256;

/// Events recorded together at most, so that an append stays small.
const EVENTS_PER_APPEND: usize = 512;

/// Pure nodes run in a row before others get their turn, and for how long at most (the one under way is finished).
const PURE_IN_A_ROW: usize = 64;
const PURE_FOR: Duration = Duration::from_millis(10);

/// Something for an execution's driver.
pub(crate) enum Message {
    /// Something happened, or somebody asks for something; answered when it is durable.
    Input {
        input: Input,
        /// Who asks; nobody when it happened by itself.
        by: Option<Principal>,
        reply: oneshot::Sender<Result<(), Error>>,
    },
    /// A child of this execution has ended, or its parent needs it no more.
    News { from: ExecutionId },
    /// A node's attempt ended.
    NodeDone { path: NodePath, attempt: u32, result: Result<Outcome, NodeError> },
    /// A running node has something to record or to show.
    FromNode(FromNode),
}

/// The task that drives one execution.
pub(crate) struct Driver {
    engine: Arc<Inner>,
    execution: Execution,
    prepared: Arc<Prepared>,
    lease: Lease,
    inbox: mpsc::Receiver<Message>,
    to_self: mpsc::Sender<Message>,
    /// Held while the execution counts against the limit of running ones.
    _place: Option<OwnedSemaphorePermit>,
    /// Decided and not yet recorded.
    events: Vec<JournalEvent>,
    cleared_timers: Vec<u32>,
    logs: Vec<LogLine>,
    heard_of: Vec<ExecutionId>,
    askers: Askers,
    /// Answered once what was decided is recorded.
    replies: Vec<oneshot::Sender<Result<(), Error>>>,
    steps: Vec<oneshot::Sender<()>>,
    /// Pure nodes to run next.
    pure: VecDeque<Run>,
    /// Effects to begin once what was decided is recorded.
    effects: Vec<Effect>,
    /// Which attempt of a node runs; dropping the guard stops it.
    running: HashMap<NodePath, (u32, DropGuard)>,
    /// Set when the row in the store is out of date although no event is to be recorded.
    row_is_stale: bool,
    /// Set when it had to be ended because what was decided cannot be recorded.
    ended_instead: bool,
}

impl Driver {
    pub(crate) fn new(
        engine: Arc<Inner>,
        execution: Execution,
        prepared: Arc<Prepared>,
        lease: Lease,
        inbox: (mpsc::Sender<Message>, mpsc::Receiver<Message>),
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            engine,
            execution,
            prepared,
            lease,
            to_self: inbox.0,
            inbox: inbox.1,
            _place: place,
            events: Vec::new(),
            cleared_timers: Vec::new(),
            logs: Vec::new(),
            heard_of: Vec::new(),
            askers: Askers::default(),
            replies: Vec::new(),
            steps: Vec::new(),
            pure: VecDeque::new(),
            effects: Vec::new(),
            running: HashMap::new(),
            row_is_stale: false,
            ended_instead: false,
        }
    }

    /// Takes up what a journal left unfinished, and drives.
    pub(crate) async fn resume(mut self) {
        let moment = self.moment();
        let output = self.execution.resume_work(moment);
        // The row must say that it runs, and later that it is released, whether or not anything happens.
        self.row_is_stale = true;
        self.take(output);
        self.drive().await;
    }

    /// Drives an execution whose first decisions (`effects`) are recorded already.
    pub(crate) async fn begin(mut self, effects: Vec<Effect>) {
        self.take(Output { events: Vec::new(), effects });
        self.drive().await;
    }

    async fn drive(mut self) {
        loop {
            self.run_pure().await;
            self.gather().await;
            if !self.pure.is_empty() && self.events.len() < EVENTS_PER_APPEND {
                continue;
            }
            let released = self.may_be_released();
            if let Err(error) = self.commit(released).await {
                let Err(error) = self.end_instead(error).await else { continue };
                self.give_up(error).await;
                return;
            }
            if released {
                self.leave().await;
                return;
            }
            if self.pure.is_empty() {
                self.wait_for_news().await;
            }
            let stops = self.engine.stopping.is_cancelled() && self.running.is_empty();
            if stops || self.engine.grace_over.is_cancelled() {
                self.hand_over().await;
                return;
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: self.engine.clock.now(), random: rand::random() }
    }

    /// Sorts what the state machine put out.
    fn take(&mut self, output: Output) {
        self.events.extend(output.events);
        for effect in output.effects {
            match effect {
                Effect::Run(run) if run.pure => self.pure.push_back(run),
                Effect::ClearTimer { timer } => self.cleared_timers.push(timer),
                Effect::Stop { path } => {
                    // What was decided on and never begun must not begin, not even for a moment.
                    self.pure.retain(|run| run.path != path);
                    self.effects.retain(|effect| !matches!(effect, Effect::Run(run) if run.path == path));
                    self.effects.push(Effect::Stop { path });
                }
                other => self.effects.push(other),
            }
        }
    }

    fn handle(&mut self, input: Input) -> Result<(), Error> {
        let output = self.execution.handle(self.moment(), input)?;
        self.take(output);
        Ok(())
    }

    async fn run_pure(&mut self) {
        let began = Instant::now();
        for _ in 0..PURE_IN_A_ROW {
            if began.elapsed() > PURE_FOR {
                break;
            }
            let Some(run) = self.pure.pop_front() else { return };
            let (path, attempt) = (run.path.clone(), run.attempt);
            let result = self.node_run(run, CancellationToken::new()).attempt().await;
            self.node_done(path, attempt, result);
        }
        tokio::task::yield_now().await;
    }

    fn node_done(&mut self, path: NodePath, attempt: u32, result: Result<Outcome, NodeError>) {
        let done = self.handle(Input::NodeDone { path, attempt, result });
        debug_assert!(done.is_ok(), "the result of a node is never refused");
    }

    /// Waits until something happens.
    async fn wait_for_news(&mut self) {
        let (stopping, grace_over) = (self.engine.stopping.clone(), self.engine.grace_over.clone());
        let message = tokio::select! {
            message = self.inbox.recv() => message,
            () = stopping.cancelled(), if self.running.is_empty() => None,
            () = grace_over.cancelled() => None,
        };
        if let Some(message) = message {
            self.hear(message).await;
        }
    }

    /// Takes in what has arrived meanwhile.
    async fn gather(&mut self) {
        for _ in 0..GATHERED {
            let Ok(message) = self.inbox.try_recv() else { return };
            self.hear(message).await;
        }
    }

    async fn hear(&mut self, message: Message) {
        match message {
            Message::NodeDone { path, attempt, result } => {
                // What arrives late from an earlier attempt says nothing about the one that runs now.
                if self.running.get(&path).is_some_and(|(running, _)| *running == attempt) {
                    self.running.remove(&path);
                }
                self.node_done(path, attempt, result);
            }
            Message::Input { input, by, reply } => {
                let timer = match &input {
                    Input::TimerDue { timer } => Some(*timer),
                    _ => None,
                };
                let (before, cancels) = (self.execution.seq(), matches!(input, Input::Cancel { .. }));
                match self.handle(input) {
                    Ok(()) => {
                        if let Some(principal) = by {
                            self.askers.add(&principal, before, self.execution.seq(), cancels);
                        }
                        // A timer that no longer matters has to go as well, or it would be due for ever.
                        self.cleared_timers.extend(timer);
                        self.replies.push(reply);
                    }
                    // Whoever asked may have gone away meanwhile; the refusal changed nothing.
                    Err(refusal) => drop(reply.send(Err(refusal))),
                }
            }
            Message::News { from } => {
                self.heard_of.push(from);
                match self.engine.news(&self.execution, from).await {
                    // Refused only when this execution is over already: then the news changes nothing.
                    Ok(Some(input)) => drop(self.handle(input)),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::error!(execution = %self.execution.id(), %from, %error, "cannot read the news");
                        self.heard_of.pop();
                    }
                }
            }
            Message::FromNode(FromNode::Step { path, key, value, recorded }) => {
                let done = self.handle(Input::StepDone { path, key, value });
                debug_assert!(done.is_ok(), "a step is never refused");
                self.steps.push(recorded);
            }
            Message::FromNode(FromNode::Live(live)) => {
                if let LiveEvent::Log { path, level, message, at } = &live {
                    let line = LogLine { path: path.clone(), level: *level, message: message.clone(), at: *at };
                    self.logs.push(line);
                }
                self.engine.hub.publish(self.execution.id(), [Watched::Live(Arc::new(live))]);
            }
        }
    }

    /// Nothing runs and nothing is to be decided: the rows in the store are all it needs.
    fn may_be_released(&self) -> bool {
        !self.execution.is_busy()
            && self.pure.is_empty()
            && self.inbox.is_empty()
            && self.running.keys().all(|path| self.is_to_stop(path))
            && self.effects.iter().all(|effect| !matches!(effect, Effect::Run(_)))
    }

    fn is_to_stop(&self, running: &NodePath) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::Stop { path } if path == running))
    }
}

/// Only a driver that broke off is still registered when it goes: whoever has a message for it must not wait in vain.
impl Drop for Driver {
    fn drop(&mut self) {
        let id = self.execution.id();
        let mut active = self.engine.active.lock();
        if active.get(&id).is_some_and(|inbox| inbox.same_channel(&self.to_self)) {
            active.remove(&id);
            tracing::error!(execution = %id, "the driver broke off");
            self.engine.stranded.add(id);
        }
    }
}
