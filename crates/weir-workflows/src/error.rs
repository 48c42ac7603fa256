//! Why something could not be done with a workflow.

use weir_base::{ErrorKind, InvalidCursor, WorkflowId};
use weir_core::problem::Problem;

use crate::{Status, Workflow};

/// Why something could not be done with a workflow.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such workflow, or it is deleted.
    #[error("there is no workflow {0}")]
    NoWorkflow(WorkflowId),
    /// No workflow of this name.
    #[error("there is no workflow named {0:?}")]
    NoName(String),
    /// A name that does not tell which workflow is meant.
    #[error("several workflows are named {name:?}: name one by its id ({})", list(ids))]
    Ambiguous {
        /// The name.
        name: String,
        /// Some of those that have it.
        ids: Vec<WorkflowId>,
    },
    /// No such version.
    #[error("workflow {workflow} has no version {number}")]
    NoVersion {
        /// Which workflow.
        workflow: WorkflowId,
        /// The version asked for.
        number: u32,
    },
    /// The document breaks rules that must hold here.
    #[error("the document has {} errors", problems.iter().filter(|problem| is_error(problem)).count())]
    NotValid {
        /// Everything that was found, warnings included.
        problems: Vec<Problem>,
    },
    /// Tags that cannot be kept.
    #[error("{0}")]
    Tags(String),
    /// The caller's copy of the workflow is out of date.
    #[error("workflow {} has changed: it is at revision {}", current.summary.id, current.summary.revision)]
    Stale {
        /// The workflow as it is now.
        current: Box<Workflow>,
    },
    /// A step the status does not allow.
    #[error("workflow {id} is {from} and cannot become {to}; {}", allowed(*from))]
    Transition {
        /// Which workflow.
        id: WorkflowId,
        /// Its status.
        from: Status,
        /// The status asked for.
        to: Status,
    },
    /// An archived workflow was to be changed or run.
    #[error("workflow {0} is archived: it can be read, but neither changed nor run")]
    Archived(WorkflowId),
    /// A paused workflow was to be run.
    #[error("workflow {0} is paused: resume it to run it")]
    Paused(WorkflowId),
    /// A workflow without a version was to be run.
    #[error("workflow {0} has no published version: publish it, or run its draft")]
    Unpublished(WorkflowId),
    /// The live draft.
    #[error(transparent)]
    Live(#[from] weir_collab::Error),
    /// A cursor of another list.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// A stored value is not what was stored.
    #[error("{what} of workflow {id} cannot be read back: {message}")]
    Corrupt {
        /// Which workflow.
        id: WorkflowId,
        /// Which value.
        what: &'static str,
        /// Why.
        message: String,
    },
    /// The database.
    #[error(transparent)]
    Db(#[from] weir_db::Error),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] weir_engine::Error),
}

impl Error {
    /// How a caller must react.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoWorkflow(_) | Self::NoName(_) | Self::NoVersion { .. } => ErrorKind::NotFound,
            Self::NotValid { .. } | Self::Tags(_) => ErrorKind::Invalid,
            Self::Stale { .. } => ErrorKind::Stale,
            Self::Ambiguous { .. }
            | Self::Transition { .. }
            | Self::Archived(_)
            | Self::Paused(_)
            | Self::Unpublished(_) => ErrorKind::Conflict,
            Self::Cursor(_) => ErrorKind::Malformed,
            Self::Corrupt { .. } => ErrorKind::Internal,
            Self::Live(error) => error.kind(),
            Self::Db(error) => error.kind(),
            Self::Engine(error) => error.kind(),
        }
    }
}

/// Whether a problem forbids running the document.
pub(crate) fn is_error(problem: &Problem) -> bool {
    problem.severity == weir_core::problem::Severity::Error
}

fn list(ids: &[WorkflowId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn allowed(from: Status) -> String {
    match from.next() {
        [] => "no change of status is allowed".to_owned(),
        next => {
            let steps: Vec<String> =
                next.iter().map(|status| format!("{status} (by {})", from.action(*status))).collect();
            format!("allowed: {}", steps.join(", "))
        }
    }
}
