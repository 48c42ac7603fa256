//! What can go wrong with a live document.

use weir_base::{ErrorKind, WorkflowId};

use crate::SnapshotId;

/// A failure of a live document, or of a request to it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// There is no such workflow.
    #[error("there is no workflow {0}")]
    NotFound(WorkflowId),
    /// The workflow has no such snapshot, or not any more.
    #[error("the workflow has no snapshot {0}")]
    NoSnapshot(SnapshotId),
    /// The document was changed since the caller saw it.
    #[error("the document is at {current}, not at {expected}")]
    Stale {
        /// Where the caller saw it.
        expected: u64,
        /// Where it is.
        current: u64,
    },
    /// The document would be too large.
    #[error("the document would have more than {} bytes", crate::MAX_DOCUMENT)]
    TooLarge,
    /// A name that cannot be given.
    #[error("the name of a snapshot has 1 to {} characters, without control characters", crate::limits::MAX_NAME)]
    Name,
    /// A page's cursor that was never given out.
    #[error(transparent)]
    Cursor(#[from] weir_base::InvalidCursor),
    /// More is waiting to be written down than is allowed.
    #[error("the document takes no edits until those it has are written down")]
    Busy,
    /// What holds the documents was closed.
    #[error("live documents were closed")]
    Closed,
    /// The drafts of the workflows cannot be read or written.
    #[error("{message}")]
    Drafts {
        /// How a caller must react.
        kind: ErrorKind,
        /// What is wrong.
        message: String,
    },
    /// What was read is not what was written, or the CRDT gave up.
    #[error("the document of workflow {workflow} cannot be read: {reason}")]
    Broken {
        /// Of which workflow.
        workflow: WorkflowId,
        /// What is wrong.
        reason: String,
    },
    /// The address of Redis cannot be used; it is not repeated, for it may hold a password.
    #[error("the address of redis cannot be used: it is no URL of a Redis")]
    Address,
    /// The database.
    #[error(transparent)]
    Db(#[from] weir_db::Error),
}

impl Error {
    /// How a caller must react.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::NoSnapshot(_) => ErrorKind::NotFound,
            Self::Stale { .. } => ErrorKind::Stale,
            Self::TooLarge => ErrorKind::TooLarge,
            Self::Name | Self::Address => ErrorKind::Invalid,
            Self::Cursor(_) => ErrorKind::Malformed,
            Self::Busy | Self::Closed => ErrorKind::Unavailable,
            Self::Drafts { kind, .. } => *kind,
            Self::Broken { .. } => ErrorKind::Internal,
            Self::Db(error) => error.kind(),
        }
    }
}
