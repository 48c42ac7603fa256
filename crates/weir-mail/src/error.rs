//! What can go wrong between Weir and a mail server.

use lettre::transport::smtp;
use weir_base::ErrorKind;

/// How much of a server's answer is told.
const MAX_TOLD: usize = 500;

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The mail server's URL cannot be used.
    #[error("cannot use the url of the mail server: {reason}")]
    Url {
        /// What is wrong with it; never the URL itself, which may hold a password.
        reason: &'static str,
    },
    /// The message cannot be sent to anybody as it is.
    #[error("{field} {reason}")]
    Message {
        /// Which part of it.
        field: &'static str,
        /// What is wrong with that.
        reason: String,
    },
    /// The server refused for good.
    #[error("{host} refused the message: {answer}")]
    Refused {
        /// The server.
        host: String,
        /// Its code and words.
        answer: String,
    },
    /// The server refused for now.
    #[error("{host} cannot take the message now: {answer}")]
    Deferred {
        /// The server.
        host: String,
        /// Its code and words.
        answer: String,
    },
    /// The server wants the password without encryption.
    #[error("{host} offers no encryption; `?tls=none` in the url does without")]
    Unencrypted {
        /// The server.
        host: String,
    },
    /// The server cannot be reached, or the connection broke.
    #[error("{host} cannot be reached: {cause}")]
    Unreachable {
        /// The server.
        host: String,
        /// What failed.
        cause: String,
    },
    /// The server took too long.
    #[error("{host} took longer than {seconds} s to {step}")]
    Timeout {
        /// The server.
        host: String,
        /// How long it was waited for.
        seconds: u64,
        /// What for.
        step: &'static str,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl Error {
    /// The sort of this failure.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Url { .. } | Self::Message { .. } | Self::Refused { .. } | Self::Unencrypted { .. } => {
                ErrorKind::Invalid
            }
            Self::Deferred { .. } | Self::Unreachable { .. } | Self::Timeout { .. } => ErrorKind::Unavailable,
            Self::Tls(_) => ErrorKind::Internal,
        }
    }

    /// Whether the same message may be taken later.
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind(), ErrorKind::Unavailable)
    }

    /// What came of talking to `host`.
    pub(crate) fn from_smtp(host: &str, error: &smtp::Error) -> Self {
        let host = host.to_owned();
        let words = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        let answer = |words: &str| {
            let words: String = words.chars().take(MAX_TOLD).collect();
            error.status().map_or_else(|| words.clone(), |code| format!("{code} {words}"))
        };
        if error.is_permanent() {
            Self::Refused { host, answer: answer(&words) }
        } else if error.is_transient() {
            Self::Deferred { host, answer: answer(&words) }
        } else if error.is_client() {
            // What this message needs and the server does not have, such as addresses beyond ASCII.
            Self::Refused { host, answer: words }
        } else {
            Self::Unreachable { host, cause: words.chars().take(MAX_TOLD).collect() }
        }
    }
}
