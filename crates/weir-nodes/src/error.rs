//! What can go wrong before any node runs.

use weir_base::ErrorKind;

/// Why the node types cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Error {
    /// The sort of this failure.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Client(_) | Self::Tls(_) => ErrorKind::Internal,
        }
    }
}
