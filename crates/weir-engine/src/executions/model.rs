//! What is read of executions.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_base::{ExecutionId, Timestamp, WorkflowId, WorkspaceId};
use weir_core::event::{Parent, Pin};
use weir_core::execution::Status;
use weir_core::node_error::NodeError;
use weir_core::path::NodePath;

use crate::node::LogLevel;

/// An execution in a list.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Which.
    pub id: ExecutionId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// Of which workflow, unless a bare file was run.
    pub workflow_id: Option<WorkflowId>,
    /// Which version; `None` for a draft.
    pub workflow_version: Option<u32>,
    /// Hash of the document it runs.
    pub document: String,
    /// What started it.
    pub trigger: String,
    /// Where it came from.
    pub parent: Option<Parent>,
    /// Where it stands.
    pub status: Status,
    /// Percent.
    pub progress: u8,
    /// Node executions finished or skipped.
    pub nodes_done: u64,
    /// Node executions known of.
    pub nodes_known: u64,
    /// Number of its last event.
    pub seq: u64,
    /// Why it failed.
    pub error: Option<NodeError>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// An execution by itself.
#[derive(Debug, Clone)]
pub struct Details {
    /// What a list shows.
    pub summary: Summary,
    /// Who started it: a [`weir_base::Actor`] as text. `None` for those of before that was recorded.
    pub started_by: Option<String>,
    /// What it was started with.
    pub input: Value,
    /// The result, once completed.
    pub output: Option<Value>,
    /// Results that were given from outside.
    pub pins: BTreeMap<String, Pin>,
}

/// Which executions a list holds. Newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this workflow.
    pub workflow_id: Option<WorkflowId>,
    /// Only these statuses; any when empty.
    pub statuses: Vec<Status>,
    /// Only those that came from this one.
    pub parent: Option<ExecutionId>,
    /// Only those with this trigger.
    pub trigger: Option<String>,
    /// Only those accepted at or after this instant.
    pub created_from: Option<Timestamp>,
    /// Only those accepted before this instant.
    pub created_before: Option<Timestamp>,
    /// Only failed ones that nobody has dealt with.
    pub dead_letters: bool,
}

/// One run of a node, as far as the journal tells.
#[derive(Debug, Clone, Serialize)]
pub struct NodeExecution {
    /// Its address.
    pub path: NodePath,
    /// The node's id.
    pub node: String,
    /// Its type's name.
    pub node_type: String,
    /// Where it stands.
    pub status: NodeStatus,
    /// When its first attempt began (or it became ready, for a pure node).
    pub started_at: Option<Timestamp>,
    /// When it was settled.
    pub finished_at: Option<Timestamp>,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
    /// The handle it left by.
    pub handle: Option<String>,
    /// What it put out. Where many are shown, a part kept in object storage is `{"stored": {"size": bytes}}`.
    pub output: Option<Value>,
    /// The output was given from outside.
    pub pinned: bool,
    /// Items in all and done, for a `map`; iterations for a `loop`.
    pub items: Option<Items>,
    /// What it waits for.
    pub waiting_for: Option<Value>,
    /// How undoing it went.
    pub compensation: Option<Compensation>,
}

/// Where a node execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// An attempt is under way.
    Running,
    /// It waits for something outside, or for its next attempt.
    Waiting,
    /// It finished.
    Completed,
    /// It failed for good.
    Failed,
    /// No incoming edge was taken.
    Skipped,
    /// It was stopped.
    Cancelled,
}

/// One try of a node execution.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<NodeError>,
}

/// How far a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Items {
    /// Bodies in all; those begun, for a `loop`.
    pub count: u32,
    /// Bodies that ended.
    pub done: u32,
}

/// How undoing a node went.
#[derive(Debug, Clone, Serialize)]
pub struct Compensation {
    /// The node that undoes it.
    pub by: String,
    /// Whether it is over.
    pub finished: bool,
    /// Why it could not be undone.
    pub error: Option<NodeError>,
}

/// A recorded log line.
#[derive(Debug, Clone)]
pub struct Log {
    /// Its place in the execution's log.
    pub id: i64,
    /// Who wrote it.
    pub path: NodePath,
    /// How serious.
    pub level: LogLevel,
    /// The line.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// A question to a person.
#[derive(Debug, Clone)]
pub struct Approval {
    /// The execution that asks.
    pub execution_id: ExecutionId,
    /// The `approval` node that asks.
    pub path: NodePath,
    /// The question, in a line.
    pub title: String,
    /// What the decision rests on.
    pub description: Option<String>,
    /// JSON Schema of the data that comes with the decision.
    pub form: Option<Value>,
    /// Who should decide.
    pub assignee: Option<String>,
    /// Until when.
    pub deadline: Option<Timestamp>,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// Who decided.
    pub decided_by: Option<String>,
    /// What they said about it.
    pub comment: Option<String>,
    /// When it was settled, by a person or otherwise.
    pub decided_at: Option<Timestamp>,
    /// When it was asked.
    pub created_at: Timestamp,
}

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// Nobody has answered.
    Open,
    /// Yes.
    Approved,
    /// No.
    Rejected,
    /// The deadline passed.
    Expired,
    /// The execution ended first.
    Closed,
}

impl ApprovalStatus {
    /// The word used in the API and in the stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Closed => "closed",
        }
    }
}

/// A word that is no approval status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no status of an approval; there are open, approved, rejected, expired, closed")]
pub struct UnknownApprovalStatus(String);

impl FromStr for ApprovalStatus {
    type Err = UnknownApprovalStatus;

    fn from_str(word: &str) -> Result<Self, UnknownApprovalStatus> {
        [Self::Open, Self::Approved, Self::Rejected, Self::Expired, Self::Closed]
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| UnknownApprovalStatus(word.chars().take(64).collect()))
    }
}
