//! What is cached, and for how long: the one table of it.

use std::time::Duration;

/// How long a thing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// So long after it was put there.
    Fixed(Duration),
    /// So long after it was last asked for.
    Sliding(Duration),
}

impl Ttl {
    /// The time, from whenever it counts.
    pub const fn duration(self) -> Duration {
        match self {
            Self::Fixed(duration) | Self::Sliding(duration) => duration,
        }
    }
}

/// A sort of things that are cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// The context it belongs to.
    pub service: &'static str,
    /// Its name in there.
    pub name: &'static str,
    /// Grows with every change of the type's JSON: what another build has written in another shape is not read.
    pub shape: u16,
    /// How long one is kept.
    pub ttl: Ttl,
    /// The largest one that is kept, in bytes of JSON. A larger one is handed out, and loaded again the next time.
    pub max_bytes: usize,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const KIB: usize = 1024;

const fn row(service: &'static str, name: &'static str, ttl: Ttl, max_bytes: usize) -> Resource {
    Resource { service, name, shape: 1, ttl, max_bytes }
}

const fn fixed(seconds: u64) -> Ttl {
    Ttl::Fixed(Duration::from_secs(seconds))
}

/// A persona; forgotten when it is written.
pub const PERSONA: Resource = row("persona", "persona", fixed(HOUR), 256 * KIB);
/// An agent's metadata; forgotten when it is written.
pub const AGENT: Resource = row("agent", "agent", fixed(30 * MINUTE), 64 * KIB);
/// The schema of a connected database; forgotten when it is refreshed or changed.
pub const DATABASE_SCHEMA: Resource = row("sql", "schema", fixed(24 * HOUR), 1024 * KIB);
/// Who is signed in, small on purpose: it is about people. Forgotten when they sign out.
pub const SESSION: Resource = row("identity", "session", Ttl::Sliding(Duration::from_secs(15 * MINUTE)), 4 * KIB);
/// What somebody may do, and where; forgotten when that changes.
pub const USER: Resource = row("identity", "user", Ttl::Sliding(Duration::from_secs(15 * MINUTE)), 64 * KIB);
/// What an API key opens; forgotten when it is revoked.
pub const API_KEY: Resource = row("identity", "key", Ttl::Sliding(Duration::from_secs(15 * MINUTE)), 4 * KIB);
/// The rows of a query; forgotten when something is written, or on request.
pub const SQL_RESULT: Resource = row("sql", "result", fixed(5 * MINUTE), 1024 * KIB);
/// The status and result of an execution; written through.
pub const EXECUTION: Resource = Resource { shape: 2, ..row("workflow", "execution", fixed(HOUR), 256 * KIB) };
/// The report on a batch; forgotten when the batch is processed again.
pub const BATCH_REPORT: Resource = row("batch", "report", fixed(10 * MINUTE), 1024 * KIB);
/// The mark that a message was worked off.
pub const PROCESSED: Resource = row("messages", "processed", fixed(24 * HOUR), KIB);
