//! What can go wrong between a request to the engine and its answer.

use weir_base::{ErrorKind, ExecutionId, InvalidCursor, Timestamp};
use weir_core::execution::{Refusal, ReplayError, RerunError, Status};
use weir_core::path::NodePath;
use weir_core::plan::PlanError;

use crate::files::FileError;

/// Why the engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such execution.
    #[error("there is no execution {0}")]
    NoExecution(ExecutionId),
    /// The engine does not keep the document that an execution runs.
    #[error("there is no document {0}")]
    NoDocument(String),
    /// The document cannot be run.
    #[error("the document cannot be run: {0}")]
    Plan(#[from] PlanError),
    /// The input breaks the document's `inputs` schema.
    #[error("the input does not fit the workflow's inputs")]
    Input(Vec<InputProblem>),
    /// The execution's state does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A re-run needs an execution that has ended.
    #[error("execution {id} is {status}: cancel it or wait for its end before re-running it")]
    NotEnded {
        /// Which.
        id: ExecutionId,
        /// Its status.
        status: Status,
    },
    /// It cannot be re-run from there.
    #[error(transparent)]
    Rerun(#[from] RerunError),
    /// No such dead letter.
    #[error("execution {0} is not a dead letter")]
    NoDeadLetter(ExecutionId),
    /// No approval was asked for there.
    #[error("no approval was asked for at {path} of execution {id}")]
    NoApproval {
        /// Which execution.
        id: ExecutionId,
        /// Where.
        path: NodePath,
    },
    /// The journal does not tell of such a node execution.
    #[error("execution {id} has not come to {path}")]
    NoNodeExecution {
        /// Which execution.
        id: ExecutionId,
        /// Where.
        path: NodePath,
    },
    /// A cursor that the list never gave out.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// Another process drives the execution at the moment.
    #[error("execution {0} is driven by another process at the moment; try again")]
    DrivenElsewhere(ExecutionId),
    /// This process lost the right to drive the execution.
    #[error("execution {0} has been taken over by another driver")]
    Fenced(ExecutionId),
    /// The engine is stopping.
    #[error("the server is stopping; try again")]
    Stopping,
    /// Executions start one another too deeply.
    #[error("sub-workflows are nested more than {limit} deep; does a workflow call itself?")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A value is larger than the engine takes.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// Which value.
        what: String,
        /// The limit.
        limit: usize,
    },
    /// As many executions were started today as may be.
    #[error("the workspace may start {limit} executions a day and has started {used}; more may start at {}",
        resets_at.format("%Y-%m-%dT%H:%M:%SZ"))]
    ExecutionQuota {
        /// How many may start.
        limit: u64,
        /// How many did.
        used: u64,
        /// When the next day begins.
        resets_at: Timestamp,
    },
    /// As much is stored as may be.
    #[error("the workspace may store {limit} bytes of files and large values and has stored {used}")]
    StorageQuota {
        /// How many bytes may be stored.
        limit: u64,
        /// How many are.
        used: u64,
    },
    /// What the engine has to know of a workspace cannot be had.
    #[error("the workspace's settings cannot be read: {message}")]
    Settings {
        /// How a caller must react.
        kind: ErrorKind,
        /// Why.
        message: String,
    },
    /// A recorded journal cannot be read.
    #[error("the journal of execution {id} cannot be replayed: {source}")]
    Replay {
        /// Which execution.
        id: ExecutionId,
        /// Why.
        source: ReplayError,
    },
    /// A stored value is not what was stored.
    #[error("{what} cannot be read back: {message}")]
    Corrupt {
        /// Which value.
        what: String,
        /// Why.
        message: String,
    },
    /// The database.
    #[error(transparent)]
    Db(#[from] weir_db::Error),
    /// The object storage.
    #[error(transparent)]
    Objects(#[from] weir_objects::Error),
    /// An execution's files.
    #[error(transparent)]
    Files(#[from] FileError),
}

/// One thing wrong with an execution's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputProblem {
    /// Where in the input.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

impl Error {
    /// How a caller must react.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoExecution(_)
            | Self::NoDocument(_)
            | Self::NoDeadLetter(_)
            | Self::NoApproval { .. }
            | Self::NoNodeExecution { .. } => ErrorKind::NotFound,
            Self::Plan(_) | Self::Input(_) | Self::Cursor(_) | Self::Rerun(_) | Self::TooDeep { .. } => {
                ErrorKind::Invalid
            }
            Self::Refused(_) | Self::NotEnded { .. } => ErrorKind::Conflict,
            Self::DrivenElsewhere(_) | Self::Fenced(_) | Self::Stopping => ErrorKind::Unavailable,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::ExecutionQuota { .. } | Self::StorageQuota { .. } => ErrorKind::Exhausted,
            Self::Settings { kind, .. } => *kind,
            Self::Replay { .. } | Self::Corrupt { .. } => ErrorKind::Internal,
            Self::Db(error) => error.kind(),
            Self::Objects(error) => error.kind(),
            Self::Files(error) => error.kind(),
        }
    }
}
