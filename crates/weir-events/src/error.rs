//! Why something could not be done with events or those who want them.

use weir_base::{ErrorKind, InvalidCursor, WebhookId};

use crate::RuleId;

/// Why something could not be done with events or those who want them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such webhook.
    #[error("there is no webhook {0}")]
    NoWebhook(WebhookId),
    /// No such notification rule.
    #[error("there is no notification rule {0}")]
    NoRule(RuleId),
    /// No such delivery.
    #[error("event {0:?} was not sent there, or that is forgotten")]
    NoDelivery(String),
    /// A delivery that is still under way was to be sent again.
    #[error("event {0:?} is still being delivered")]
    StillPending(String),
    /// The caller's copy is out of date.
    #[error("it has changed: it is at version {version}")]
    Stale {
        /// Its version now.
        version: i64,
    },
    /// Settings that break rules; all of them are told.
    #[error("{}", list(.0))]
    Invalid(Vec<Mistake>),
    /// A workspace has as many as it may.
    #[error("a workspace has at most {0} of these")]
    TooMany(u64),
    /// More is searched for than is sensible.
    #[error("`{what}` takes at most {most} bytes")]
    LongFilter {
        /// In which filter.
        what: &'static str,
        /// The longest that it takes, in bytes.
        most: usize,
    },
    /// A cursor of another list.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// A stored value is not what was stored.
    #[error("{what} cannot be read back: {message}")]
    Corrupt {
        /// Which value.
        what: String,
        /// Why.
        message: String,
    },
    /// A secret cannot be opened.
    #[error("a signing secret cannot be used: {0}")]
    Secret(#[from] weir_vault::Error),
    /// The database.
    #[error(transparent)]
    Db(#[from] weir_db::Error),
}

/// One thing that is wrong with what was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// A JSON pointer to it.
    pub pointer: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Error {
    /// How a caller must react.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoWebhook(_) | Self::NoRule(_) | Self::NoDelivery(_) => ErrorKind::NotFound,
            Self::StillPending(_) | Self::TooMany(_) => ErrorKind::Conflict,
            Self::Stale { .. } => ErrorKind::Stale,
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::Cursor(_) | Self::LongFilter { .. } => ErrorKind::Malformed,
            Self::Corrupt { .. } => ErrorKind::Internal,
            Self::Secret(error) => error.kind(),
            Self::Db(error) => error.kind(),
        }
    }
}

fn list(mistakes: &[Mistake]) -> String {
    let told: Vec<String> =
        mistakes.iter().map(|mistake| format!("{}: {}", mistake.pointer, mistake.message)).collect();
    told.join("; ")
}
