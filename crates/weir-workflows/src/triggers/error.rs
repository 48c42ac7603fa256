//! Why something could not be done with a trigger, or by one.

use weir_base::{ErrorKind, InvalidCursor, TriggerId};
use weir_core::node_error::NodeError;

use super::{Mistake, Trigger};

/// Why something could not be done with a trigger, or by one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such trigger.
    #[error("there is no trigger {0}")]
    NoTrigger(TriggerId),
    /// Nothing listens at this address.
    #[error("nothing listens at {0:?}")]
    NoAddress(String),
    /// The test address of a trigger that nobody is testing.
    #[error(
        "nobody is testing the webhook {0:?}: ask for it by POST /api/v1/triggers/{{id}}/listen, then send the request \
         again"
    )]
    NotListening(String),
    /// The webhook does not take this method.
    #[error("this webhook takes {taken} only")]
    Method {
        /// The methods it takes, separated by commas.
        taken: String,
    },
    /// The request does not prove that it comes from whom the trigger expects.
    #[error("the request is not signed as this webhook asks: {0}")]
    Unproven(&'static str),
    /// The trigger names a credential that is missing or of another type.
    #[error("the webhook's credential {name:?} {what}")]
    Credential {
        /// The credential's name.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The source of credentials is away.
    #[error("{}", .0.message)]
    Source(NodeError),
    /// The form is for members who may run executions.
    #[error("this form is for members of the workspace: sign in")]
    MembersOnly,
    /// What was filled in does not fit the form.
    #[error("what was filled in does not fit the form")]
    Answers(Vec<Mistake>),
    /// The trigger cannot be kept as it is.
    #[error("the trigger has {} mistakes", .0.len())]
    Invalid(Vec<Mistake>),
    /// Another trigger has this address.
    #[error("another trigger listens at {0:?}: choose another path, or leave it out")]
    Taken(String),
    /// The workspace has as many triggers as it may have.
    #[error("the workspace has {0} triggers, and more are not possible: delete some")]
    TooMany(u64),
    /// Executions start each other by their events without end.
    #[error(
        "{longest} executions have started one another by their events: this looks like a loop, and ends here; narrow \
         the trigger's events or its filter"
    )]
    Chain {
        /// The most executions in a chain.
        longest: u32,
    },
    /// The caller's copy is out of date.
    #[error("trigger {} has changed: it is at version {}", current.id, current.version)]
    Stale {
        /// The trigger as it is now.
        current: Box<Trigger>,
    },
    /// A stored trigger is not what was stored.
    #[error("trigger {id} cannot be read back: {message}")]
    Corrupt {
        /// Which.
        id: TriggerId,
        /// Why.
        message: String,
    },
    /// A cursor of another list.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// The workflow could not be run.
    #[error(transparent)]
    Workflow(#[from] crate::Error),
    /// The database.
    #[error(transparent)]
    Db(#[from] weir_db::Error),
}

impl Error {
    /// How a caller must react.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoTrigger(_) | Self::NoAddress(_) | Self::NotListening(_) => ErrorKind::NotFound,
            Self::Unproven(_) | Self::MembersOnly => ErrorKind::Unauthenticated,
            Self::Answers(_) | Self::Invalid(_) => ErrorKind::Invalid,
            Self::Method { .. } | Self::Taken(_) | Self::Chain { .. } | Self::TooMany(_) | Self::Credential { .. } => {
                ErrorKind::Conflict
            }
            Self::Stale { .. } => ErrorKind::Stale,
            Self::Source(_) => ErrorKind::Unavailable,
            Self::Corrupt { .. } => ErrorKind::Internal,
            Self::Cursor(_) => ErrorKind::Malformed,
            Self::Workflow(error) => error.kind(),
            Self::Db(error) => error.kind(),
        }
    }

    /// Whether trying the same again later may help.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.kind(), ErrorKind::Unavailable)
    }
}
