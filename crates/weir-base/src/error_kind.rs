//! What sort of failure an error is; each crate's error names its kind, only the API maps kinds to HTTP.

/// The sort of a failure, as a caller must react to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request cannot be read at all.
    Malformed,
    /// The request was read and breaks a rule.
    Invalid,
    /// No such thing, or none the caller may know of.
    NotFound,
    /// The thing's present state does not allow this.
    Conflict,
    /// The caller's copy is out of date.
    Stale,
    /// More bytes or items than allowed.
    TooLarge,
    /// A dependency is away; trying again later is sensible.
    Unavailable,
    /// Ours to mend.
    Internal,
}
