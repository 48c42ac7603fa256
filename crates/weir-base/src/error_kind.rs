//! What sort of failure an error is; each crate's error names its kind, only the API maps kinds to HTTP.

/// The sort of a failure, as a caller must react to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request cannot be read at all.
    Malformed,
    /// The request was read and breaks a rule.
    Invalid,
    /// Nobody is signed in, or the proof of it does not hold.
    Unauthenticated,
    /// Whoever is signed in may not do this.
    Forbidden,
    /// No such thing, or none the caller may know of.
    NotFound,
    /// The thing's present state does not allow this.
    Conflict,
    /// The caller's copy is out of date.
    Stale,
    /// More bytes or items than allowed.
    TooLarge,
    /// More often, or more of it, than allowed; later it may be possible.
    Exhausted,
    /// A dependency is away; trying again later is sensible.
    Unavailable,
    /// Ours to mend.
    Internal,
}
