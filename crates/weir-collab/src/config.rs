//! How rooms behave in time.

use std::time::Duration;

/// How rooms behave in time; the default is right for production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How long a room that changes goes without a snapshot.
    pub snapshot: Duration,
    /// How long a room stays in memory after its last member has left.
    pub idle: Duration,
    /// The least time between two calls of [`Drafts::changed`](crate::Drafts::changed) for one room, but for those at a
    /// snapshot or after [`Collab::edit`](crate::Collab::edit).
    pub materialize: Duration,
    /// How long presence is held back, to be sent together.
    pub presence: Duration,
    /// How long a member that does not read may be behind before it is disconnected.
    pub patience: Duration,
    /// How often a room looks for what other processes wrote, in case nobody told it; never without.
    pub refresh: Option<Duration>,
    /// How long [`Collab::close`](crate::Collab::close) tries to write down what is not.
    pub closing: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            snapshot: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            materialize: Duration::from_secs(1),
            presence: Duration::from_millis(50),
            patience: Duration::from_secs(30),
            refresh: Some(Duration::from_secs(10)),
            closing: Duration::from_secs(10),
        }
    }
}
