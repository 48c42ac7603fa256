//! The state an execution folds its events into.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use weir_base::Timestamp;

use crate::node_error::NodeError;
use crate::node_type::DEFAULT_HANDLE;
use crate::outcome::{OnItemError, Wait};
use crate::path::NodePath;
use crate::payload::Payload;
use crate::plan::{LevelIx, NodeIx};

/// Where an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted; no node has run yet.
    Pending,
    /// Nodes run.
    Running,
    /// Nothing runs: everything left waits for a timer, a signal, a person or another execution.
    Waiting,
    /// Nothing new is started until it is resumed.
    Paused,
    /// It ended well.
    Completed,
    /// A node failed for good.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// It ran out of time.
    Timeout,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Running,
        Self::Waiting,
        Self::Paused,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Timeout,
    ];

    /// Whether it is over (a failed one can still be retried).
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Timeout)
    }

    /// The word used in the API and in the stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no status; there are pending, running, waiting, paused, completed, failed, cancelled, timeout")]
pub struct UnknownStatus(String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == word);
        known.ok_or_else(|| UnknownStatus(word.chars().take(64).collect()))
    }
}

/// A scope's number; never used twice in an execution. 0 is the outermost level.
pub(super) type ScopeId = u32;

/// A node of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeRef {
    pub(super) scope: ScopeId,
    pub(super) node: NodeIx,
}

/// A level come to life: the outermost one, the body of one item, the body of one iteration.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) level: LevelIx,
    /// The container's node and the body's index; `None` for the outermost level.
    pub(super) within: Option<(NodeRef, u32)>,
    /// By the plan's slots.
    pub(super) nodes: Box<[NodeState]>,
    /// Nodes that are neither finished nor skipped.
    pub(super) unresolved: usize,
    /// Its result is taken, or it failed: nothing in it runs any more.
    pub(super) closed: bool,
    /// Nodes of it, or of the bodies inside of it, may have to be undone: its values outlive its end.
    pub(super) kept: bool,
    /// Opened beyond the `map`'s concurrency, which only a journal copied by a re-run does: it waits for its turn.
    pub(super) parked: bool,
}

/// A node's state within its scope.
#[derive(Debug, Default)]
pub(super) struct NodeState {
    /// Incoming edges that were taken.
    pub(super) taken: u32,
    /// Incoming edges that never will be.
    pub(super) dead: u32,
    /// Attempts begun.
    pub(super) attempt: u32,
    /// Attempts begun before the execution was last retried: they do not count against the node's retries.
    pub(super) spent: u32,
    /// Some of its bodies are kept, so what they read of the container is, too.
    pub(super) keeps_bodies: bool,
    pub(super) phase: Phase,
    /// Present from expansion on, when it is a container.
    pub(super) container: Option<Box<Container>>,
}

#[derive(Debug, Default)]
pub(super) enum Phase {
    /// Its edges are not all resolved, or it waits for a place.
    #[default]
    Idle,
    /// Queued to run.
    Ready,
    /// An attempt is under way.
    Running,
    /// It waits for its next attempt.
    BackingOff {
        timer: Option<u32>,
    },
    /// It waits for something outside.
    Waiting {
        wait: Wait,
        timer: Option<u32>,
        expired: bool,
        decided: Option<Box<crate::event::Decision>>,
    },
    /// Its bodies run.
    Expanded,
    Completed {
        handle: Option<Arc<str>>,
        output: Payload,
    },
    Skipped,
    Failed,
    /// Stopped because something else failed or the execution was cancelled.
    Stopped,
}

impl Phase {
    /// Whether its outgoing edges are resolved.
    pub(super) const fn is_resolved(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Skipped)
    }

    /// Whether the node left by this handle.
    pub(super) fn left_by(&self, edge_handle: &str) -> bool {
        match self {
            Self::Completed { handle, .. } => handle.as_deref().unwrap_or(DEFAULT_HANDLE) == edge_handle,
            _ => false,
        }
    }
}

/// The bodies of a container.
#[derive(Debug)]
pub(super) enum Container {
    Map(MapRun),
    Loop(LoopRun),
}

#[derive(Debug)]
pub(super) struct MapRun {
    pub(super) items: Payload,
    pub(super) count: u32,
    pub(super) keys: Option<Vec<String>>,
    pub(super) concurrency: u32,
    pub(super) on_item_error: OnItemError,
    /// The next item without a scope.
    pub(super) next: u32,
    /// Items whose bodies run.
    pub(super) open: BTreeMap<u32, ScopeId>,
    pub(super) done: u32,
    pub(super) results: Vec<Option<Payload>>,
    pub(super) errors: BTreeMap<u32, NodeError>,
    /// The failure that ends the whole `map`.
    pub(super) failure: Option<NodeError>,
}

#[derive(Debug)]
pub(super) struct LoopRun {
    /// Iterations begun.
    pub(super) begun: u32,
    /// The body that runs.
    pub(super) open: Option<ScopeId>,
    /// The result of the last finished iteration.
    pub(super) last: Payload,
    /// What kept iterations saw as the result of the one before.
    pub(super) earlier: BTreeMap<u32, Payload>,
    /// The node is being asked whether to go on.
    pub(super) asked: bool,
    /// The failure that ends the whole `loop`.
    pub(super) failure: Option<NodeError>,
}

impl Container {
    pub(super) fn failure(&self) -> Option<&NodeError> {
        match self {
            Self::Map(run) => run.failure.as_ref(),
            Self::Loop(run) => run.failure.as_ref(),
        }
    }

    pub(super) fn scope(&self, index: u32) -> Option<ScopeId> {
        match self {
            Self::Map(run) => run.open.get(&index).copied(),
            Self::Loop(run) => run.open.filter(|_| run.begun == index + 1),
        }
    }

    /// The scopes of the bodies that run, or that failed and may be retried.
    pub(super) fn open_scopes(&self) -> Vec<ScopeId> {
        match self {
            Self::Map(run) => run.open.values().copied().collect(),
            Self::Loop(run) => run.open.into_iter().collect(),
        }
    }
}

/// Why an execution is coming to its end before its time.
#[derive(Debug, Clone)]
pub(super) enum Ending {
    /// At this node, or as a whole.
    Failed {
        error: NodeError,
        path: Option<NodePath>,
    },
    TimedOut,
    Cancelled,
}

/// A finished node that would have to be undone.
#[derive(Debug, Clone)]
pub(super) struct Undoable {
    pub(super) at: NodeRef,
    pub(super) path: NodePath,
}

/// The undoing that is under way.
#[derive(Debug)]
pub(super) struct Undoing {
    pub(super) of: Undoable,
    pub(super) attempt: u32,
    pub(super) phase: UndoPhase,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum UndoPhase {
    Running,
    BackingOff {
        timer: Option<u32>,
    },
    /// The wait is over; the next attempt is to begin.
    Due,
}

#[derive(Debug)]
pub(super) struct BufferedSignal {
    pub(super) data: Payload,
    pub(super) received_at: Timestamp,
}
