//! What can go wrong with objects.

use weir_base::ErrorKind;

/// A failure of the object store, or of a request to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The URL of the store cannot be used.
    #[error("cannot use the objects url: {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// There is no object under this key.
    #[error("there is no object {key:?}")]
    NotFound {
        /// The key asked for.
        key: String,
    },
    /// The object has more bytes than allowed.
    #[error("object {key:?} is larger than {limit} bytes")]
    TooLarge {
        /// The key asked for.
        key: String,
        /// The bytes allowed.
        limit: u64,
    },
    /// The key or prefix breaks a rule.
    #[error("{key:?} is not a key of an object: {reason}")]
    InvalidKey {
        /// The beginning of the key.
        key: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The stream to be stored failed before its end; nothing was stored.
    #[error("what was to be stored as {key:?} ended too early: {message}")]
    Source {
        /// The key asked for.
        key: String,
        /// The stream's own words.
        message: String,
    },
    /// The store cannot be reached, or refused the request.
    #[error("the objects are not available: {message}")]
    Unavailable {
        /// The store's or the operating system's own words.
        message: String,
    },
}

impl Error {
    /// How a caller must react.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Url { .. } | Self::InvalidKey { .. } => ErrorKind::Invalid,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Source { .. } => ErrorKind::Malformed,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
        }
    }

    pub(crate) fn from_store(error: &object_store::Error, key: &str) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) {
            return Self::NotFound { key: key.to_owned() };
        }
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(error);
        // Many of the store's errors say their cause themselves.
        while let Some(inner) = cause {
            let words = inner.to_string();
            if !message.contains(&words) {
                message.push_str(": ");
                message.push_str(&words);
            }
            cause = inner.source();
        }
        Self::Unavailable { message }
    }
}
