//! The journal's events: what happened in an execution, in order. State is nothing but these, folded.
//!
//! Events of every released version can be read for ever (see the golden files in `tests/golden`): a field may be
//! added with a default, a kind may be added; neither is ever renamed or given another meaning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use weir_base::{ExecutionId, Timestamp, WorkflowId, WorkspaceId};

use crate::node_error::NodeError;
use crate::outcome::{OnItemError, Wait};
use crate::path::NodePath;
use crate::payload::Payload;

/// The version of the events this binary writes.
pub const EVENT_VERSION: u32 = 1;

/// An event with its place in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalEvent {
    /// Counts from 1 without gaps within an execution.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The execution was accepted.
    ExecutionStarted(Box<ExecutionStarted>),
    /// An attempt at an effect begins.
    NodeStarted {
        /// Which node execution.
        path: NodePath,
        /// Counts from 1.
        attempt: u32,
    },
    /// A piece of work inside a node execution is done and will not be done again.
    StepRecorded {
        /// Which node execution.
        path: NodePath,
        /// The step's name, unique within the node execution.
        key: String,
        /// What it came to.
        value: Payload,
    },
    /// A node waits for something outside.
    NodeWaiting {
        /// Which node execution.
        path: NodePath,
        /// For what.
        wait: Wait,
    },
    /// A node finished.
    NodeCompleted {
        /// Which node execution.
        path: NodePath,
        /// The attempt that finished it.
        attempt: u32,
        /// The handle it left by; the default one when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handle: Option<String>,
        /// What later nodes read.
        output: Payload,
        /// The output was given from outside instead of computed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pinned: bool,
    },
    /// An attempt failed.
    NodeFailed {
        /// Which node execution.
        path: NodePath,
        /// The attempt that failed.
        attempt: u32,
        /// Why.
        error: NodeError,
        /// What follows.
        then: AfterFailure,
    },
    /// No incoming edge was taken.
    NodeSkipped {
        /// Which node execution.
        path: NodePath,
    },
    /// A `map` knows its items.
    ItemsExpanded {
        /// The `map` node.
        path: NodePath,
        /// The array or object.
        items: Payload,
        /// How many.
        count: u32,
        /// The object's keys.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keys: Option<Vec<String>>,
        /// Bodies at a time.
        concurrency: u32,
        /// What an item's failure does.
        on_item_error: OnItemError,
    },
    /// A `loop` begins an iteration.
    IterationStarted {
        /// The `loop` node.
        path: NodePath,
        /// Counts from 0.
        index: u32,
    },
    /// Something will happen by itself later.
    TimerSet {
        /// Unique within the execution.
        timer: u32,
        /// When.
        due_at: Timestamp,
        /// What for.
        purpose: TimerPurpose,
    },
    /// It is later.
    TimerFired {
        /// Which.
        timer: u32,
    },
    /// Somebody told the execution something.
    SignalReceived {
        /// The signal's name.
        name: String,
        /// What was said.
        data: Payload,
    },
    /// A person decided.
    ApprovalDecided {
        /// The waiting `approval` node.
        path: NodePath,
        /// What they decided.
        decision: Decision,
    },
    /// No new work starts until `resumed`.
    Paused,
    /// Work goes on.
    Resumed,
    /// The execution is to end as cancelled.
    CancelRequested {
        /// Why, in the canceller's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The execution is to end as failed, for a reason of its own: what it came to cannot be recorded, say.
    FailRequested {
        /// Why.
        error: NodeError,
    },
    /// A failed execution goes on from its failed nodes.
    RetryRequested,
    /// A finished node is being undone.
    CompensationStarted {
        /// The node execution that is undone.
        path: NodePath,
        /// The node that undoes it.
        by: String,
        /// Counts from 1.
        attempt: u32,
    },
    /// The undoing ended.
    CompensationCompleted {
        /// The node execution that was undone.
        path: NodePath,
        /// What the undoing node put out.
        #[serde(default)]
        output: Payload,
        /// Why it could not be undone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<NodeError>,
    },
    /// The end: all went well.
    ExecutionCompleted {
        /// The outermost level's result.
        output: Payload,
    },
    /// The end: something failed for good, or took too long.
    ExecutionFailed {
        /// Why.
        error: NodeError,
        /// The node execution that failed; `None` when the execution as a whole ran out of time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<NodePath>,
        /// Whether the status is `timeout` instead of `failed`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        timeout: bool,
    },
    /// The end: it was cancelled.
    ExecutionCancelled,
}

impl Event {
    /// The word for what happened, as in the journal's JSON.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ExecutionStarted(_) => "execution_started",
            Self::NodeStarted { .. } => "node_started",
            Self::StepRecorded { .. } => "step_recorded",
            Self::NodeWaiting { .. } => "node_waiting",
            Self::NodeCompleted { .. } => "node_completed",
            Self::NodeFailed { .. } => "node_failed",
            Self::NodeSkipped { .. } => "node_skipped",
            Self::ItemsExpanded { .. } => "items_expanded",
            Self::IterationStarted { .. } => "iteration_started",
            Self::TimerSet { .. } => "timer_set",
            Self::TimerFired { .. } => "timer_fired",
            Self::SignalReceived { .. } => "signal_received",
            Self::ApprovalDecided { .. } => "approval_decided",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::FailRequested { .. } => "fail_requested",
            Self::RetryRequested => "retry_requested",
            Self::CompensationStarted { .. } => "compensation_started",
            Self::CompensationCompleted { .. } => "compensation_completed",
            Self::ExecutionCompleted { .. } => "execution_completed",
            Self::ExecutionFailed { .. } => "execution_failed",
            Self::ExecutionCancelled => "execution_cancelled",
        }
    }
}

/// With what an execution was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionStarted {
    /// The event version of the binary that began the journal.
    pub version: u32,
    /// Which execution.
    pub execution_id: ExecutionId,
    /// The workspace it belongs to; journals from before there were workspaces belong to the first.
    #[serde(default = "first_workspace", skip_serializing_if = "is_first")]
    pub workspace_id: WorkspaceId,
    /// The workflow, unless a bare file was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<WorkflowId>,
    /// The workflow's version; `None` for its draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_version: Option<u32>,
    /// Hash of the document that is run.
    pub document: String,
    /// The input.
    pub input: Payload,
    /// The workspace's variables at this moment.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
    /// Results given from outside, by node id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<String, Pin>,
    /// The execution this one came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// What started it: `manual`, `cli`, `sub_workflow`, `rerun`, ...
    pub trigger: String,
    /// Who started it: a [`weir_base::Actor`] as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    /// The `trigger` of the execution that was first, when this one was started by another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

impl ExecutionStarted {
    /// What started it, or the first of those that led to it.
    pub fn first_trigger(&self) -> &str {
        self.origin.as_deref().unwrap_or(&self.trigger)
    }
}

const fn first_workspace() -> WorkspaceId {
    WorkspaceId::FIRST
}

fn is_first(workspace: &WorkspaceId) -> bool {
    *workspace == WorkspaceId::FIRST
}

/// A node's result that is given instead of computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// What later nodes read.
    pub output: Value,
    /// The handle it leaves by; the default one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
}

/// Where an execution came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    /// The execution it came from.
    pub execution_id: ExecutionId,
    /// The `sub_workflow` node that waits for it, or the node it was re-run from.
    pub path: NodePath,
    /// How they relate.
    pub relation: Relation,
}

/// How an execution relates to its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The parent waits for this one's result.
    SubWorkflow,
    /// This one took over the parent's recorded outputs up to a node.
    Rerun,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum AfterFailure {
    /// Another attempt when the timer that the next event sets fires.
    Retry {
        /// When.
        at: Timestamp,
    },
    /// The node counts as finished.
    Continue,
    /// The node leaves by its `error` handle.
    Branch,
    /// The level fails.
    Fail,
}

/// What a timer is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "for")]
pub enum TimerPurpose {
    /// The end of a node's wait: a delay, or the deadline of a signal or an approval.
    Wait {
        /// The waiting node execution.
        path: NodePath,
    },
    /// The next attempt of a node.
    Retry {
        /// The failed node execution.
        path: NodePath,
    },
    /// The next attempt of a compensation.
    CompensationRetry {
        /// The node execution that is undone.
        path: NodePath,
    },
    /// The execution's own time-out.
    Execution,
}

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Yes or no.
    pub approved: bool,
    /// What was filled into the form.
    #[serde(default)]
    pub data: Value,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}
