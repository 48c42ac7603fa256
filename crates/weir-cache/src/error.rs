//! What can go wrong: only the address; everything later is got over.

use weir_base::ErrorKind;

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address names no kind of cache.
    #[error("a cache's address is `memory`, or starts with `redis://` or `rediss://`")]
    Scheme,
    /// The address is that of a Redis, but cannot be read. The address itself may hold a password and is not told.
    #[error("the cache's address cannot be read: {0}")]
    Address(&'static str),
}

impl Error {
    /// What sort of failure this is.
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}
