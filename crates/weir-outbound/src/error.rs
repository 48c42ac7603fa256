//! What can go wrong on the way to another system and back.

use weir_base::ErrorKind;

use crate::Refusal;

/// Why a request was not sent, or got no whole answer. Names the host alone: a URL may hold secrets.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// It may not go there.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What was to be sent cannot be.
    #[error("{host} cannot be asked: {cause}")]
    Unsendable {
        /// The host of the URL.
        host: String,
        /// What is wrong.
        cause: String,
    },
    /// No connection could be made.
    #[error("{host} cannot be reached: {cause}")]
    Unreachable {
        /// The host of the URL.
        host: String,
        /// What failed.
        cause: String,
    },
    /// There was no whole answer in time.
    #[error("{host} took too long: {cause}")]
    Timeout {
        /// The host of the URL.
        host: String,
        /// What was waited for.
        cause: String,
    },
    /// The connection ended before the answer did.
    #[error("{host} broke off: {cause}")]
    BrokeOff {
        /// The host of the URL.
        host: String,
        /// What failed.
        cause: String,
    },
    /// One redirect led to the next.
    #[error("{host} redirects more than {limit} times")]
    Redirects {
        /// The host of the last redirect.
        host: String,
        /// How many are followed.
        limit: u32,
    },
}

impl Error {
    /// The sort of this failure.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Client(_) | Self::Tls(_) => ErrorKind::Internal,
            Self::Refused(_) => ErrorKind::Forbidden,
            Self::Unsendable { .. } | Self::Redirects { .. } => ErrorKind::Invalid,
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::BrokeOff { .. } => ErrorKind::Unavailable,
        }
    }

    /// Whether the same request may succeed later.
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind(), ErrorKind::Unavailable)
    }

    /// What became of a request to `host`.
    pub fn of_request(host: &str, error: &reqwest::Error) -> Self {
        let mut deepest: &(dyn std::error::Error + 'static) = error;
        loop {
            if let Some(refusal) = deepest.downcast_ref::<Refusal>() {
                return refusal.clone().into();
            }
            let Some(deeper) = deepest.source() else { break };
            deepest = deeper;
        }
        let (host, cause) = (host.to_owned(), deepest.to_string());
        if error.is_timeout() {
            Self::Timeout { host, cause }
        } else if error.is_builder() {
            Self::Unsendable { host, cause }
        } else if error.is_connect() {
            Self::Unreachable { host, cause }
        } else {
            Self::BrokeOff { host, cause }
        }
    }
}
