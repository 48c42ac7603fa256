//! What goes into the state machine and what comes out.

use weir_base::Timestamp;

use super::state::Status;
use crate::event::{Decision, JournalEvent};
use crate::node_error::NodeError;
use crate::outcome::{ChildRequest, Outcome};
use crate::path::NodePath;
use crate::payload::Payload;
use crate::plan::NodeIx;

/// The outside facts every decision may use.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The present.
    pub now: Timestamp,
    /// A random number from 0 to 1, for jitter.
    pub random: f64,
}

/// Something that happened to an execution.
#[derive(Debug, Clone)]
pub enum Input {
    /// An attempt ended.
    NodeDone {
        /// Which node execution.
        path: NodePath,
        /// Which attempt.
        attempt: u32,
        /// How.
        result: Result<Outcome, NodeError>,
    },
    /// A piece of work inside a running node is done.
    StepDone {
        /// Which node execution.
        path: NodePath,
        /// The step's name.
        key: String,
        /// What it came to.
        value: Payload,
    },
    /// The execution a `sub_workflow` node waits for ended.
    ChildDone {
        /// The waiting node execution.
        path: NodePath,
        /// Its attempt.
        attempt: u32,
        /// How it ended.
        result: Result<Payload, NodeError>,
    },
    /// A timer is due.
    TimerDue {
        /// Which.
        timer: u32,
    },
    /// Somebody tells the execution something.
    Signal {
        /// The signal's name.
        name: String,
        /// What is said.
        data: Payload,
    },
    /// A person decides.
    Decide {
        /// The waiting `approval` node.
        path: NodePath,
        /// What they decided.
        decision: Decision,
    },
    /// Start nothing new.
    Pause,
    /// Go on.
    Resume,
    /// End it as cancelled.
    Cancel {
        /// Why.
        reason: Option<String>,
    },
    /// End it as failed.
    Fail {
        /// Why.
        error: NodeError,
    },
    /// Go on from the failed nodes.
    Retry,
}

/// What a step of the state machine came to. The events must be durable before any effect that is not pure begins.
#[derive(Debug, Default)]
pub struct Output {
    /// What happened, in order.
    pub events: Vec<JournalEvent>,
    /// What is to be done.
    pub effects: Vec<Effect>,
}

/// Something to be done outside the state machine.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Run a node and say how it ended.
    Run(Run),
    /// Stop running it; nobody waits for its result.
    Stop {
        /// Which node execution.
        path: NodePath,
    },
    /// Start this execution, unless it was, and say how it ended.
    StartChild {
        /// The waiting node execution.
        path: NodePath,
        /// Its attempt: each has a child of its own.
        attempt: u32,
        /// What to start.
        request: ChildRequest,
    },
    /// Cancel the execution started for this node.
    CancelChild {
        /// The node execution that waited.
        path: NodePath,
        /// Its attempt.
        attempt: u32,
    },
    /// This timer is of no use any more.
    ClearTimer {
        /// Which.
        timer: u32,
    },
}

/// A node to run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its address.
    pub path: NodePath,
    /// Its place in the plan.
    pub node: NodeIx,
    /// Counts from 1.
    pub attempt: u32,
    /// Whether it may run before the events so far are durable, because a crash would only compute it again.
    pub pure: bool,
    /// The iteration a `loop` node is asked about.
    pub iteration: Option<u32>,
    /// The node execution this run undoes. One node may undo several, so it belongs into an idempotency key.
    pub undoes: Option<NodePath>,
}

/// An input that the present state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A transition that is not in the table.
    #[error("cannot {action} an execution that is {status}; allowed now: {}", allowed(*.status))]
    Transition {
        /// What was asked.
        action: &'static str,
        /// The status it has.
        status: Status,
    },
    /// Retrying would stand on work that has been undone.
    #[error("cannot retry: finished nodes have been compensated; re-run it from a node instead")]
    Compensated,
    /// Nobody is asked there.
    #[error("no approval is open at {path}")]
    NoApproval {
        /// Where one was looked for.
        path: NodePath,
    },
    /// Too many signals lie unread.
    #[error("{limit} signals named {name:?} wait unread; no more are kept")]
    TooManySignals {
        /// The signal's name.
        name: String,
        /// How many are kept.
        limit: usize,
    },
}

/// The actions a status allows, for people.
fn allowed(status: Status) -> &'static str {
    match status {
        Status::Pending | Status::Running | Status::Waiting => "pause, cancel, signal",
        Status::Paused => "resume, cancel, signal",
        Status::Failed | Status::Timeout => "retry, rerun",
        Status::Completed | Status::Cancelled => "rerun",
    }
}
