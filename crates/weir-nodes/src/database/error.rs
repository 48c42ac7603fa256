//! What can go wrong between a query and its rows.

use weir_core::node_error::{ErrorClass, NodeError};

/// Why there are no rows. Never holds the URL, nor a value that was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The query, its params or the credential are wrong.
    #[error("{0}")]
    Invalid(String),
    /// The database, or Weir for it, does not allow this.
    #[error("{0}")]
    Refused(String),
    /// The same query may succeed later.
    #[error("{0}")]
    Transient(String),
    /// It took longer than it may.
    #[error("{0}")]
    Timeout(String),
}

impl Error {
    /// The query wants to change something that it may only read.
    pub(crate) fn read_only(what: &str) -> Self {
        Self::Refused(format!("{what}: without allow_writes a query may only read"))
    }

    pub(crate) fn too_slow(seconds: f64) -> Self {
        Self::Timeout(format!("the query took longer than {seconds} s, as statement_timeout_seconds says"))
    }
}

impl From<weir_outbound::Error> for Error {
    fn from(error: weir_outbound::Error) -> Self {
        match &error {
            weir_outbound::Error::Refused(_) => Self::Refused(error.to_string()),
            error if error.is_transient() => Self::Transient(error.to_string()),
            error => Self::Invalid(error.to_string()),
        }
    }
}

impl From<Error> for NodeError {
    fn from(error: Error) -> Self {
        let class = match error {
            Error::Invalid(_) => ErrorClass::Invalid,
            Error::Refused(_) => ErrorClass::Refused,
            Error::Transient(_) => ErrorClass::Transient,
            Error::Timeout(_) => ErrorClass::Timeout,
        };
        Self::new(class, error.to_string()).with_source("database")
    }
}
