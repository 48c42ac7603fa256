//! Whether somebody may still see what goes on for longer than their request.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;
use weir_base::{ErrorKind, Principal};
use weir_identity::Identity;

use crate::listeners::LONGEST_STREAM;

/// What became of somebody who was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Their sign-in or membership has ended.
    Revoked,
    /// They may do more or less than before.
    OtherRights,
}

/// Is ready when this person may not be here any more, or with other rights; looks every so often.
pub(crate) async fn change(identity: &Identity, who: &Principal, every: Duration) -> Change {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match identity.check_again(who).await {
            Ok(now) if now.permissions == who.permissions => {}
            Ok(_) => return Change::OtherRights,
            Err(error) if matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::Forbidden) => {
                return Change::Revoked;
            }
            // The database is away: nobody is sent off for that.
            Err(error) => tracing::debug!(%error, "cannot look at somebody's rights"),
        }
    }
}

/// Knows when a stream of events has to end. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Streams {
    identity: Identity,
    shutdown: CancellationToken,
    every: Duration,
}

impl Streams {
    /// Rights are looked at this often.
    pub(crate) fn new(identity: Identity, shutdown: CancellationToken, every: Duration) -> Self {
        Self { identity, shutdown, every }
    }

    /// Is ready when the server stops, when this person's sign-in or rights are not what they were, or when the stream
    /// has lasted as long as one may. Whoever still may comes back with the id of the last event they got.
    pub(crate) async fn over(self, who: Principal) {
        let ended = async {
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                _ = change(&self.identity, &who, self.every) => {}
            }
        };
        // Either way it is over.
        let _ = timeout(LONGEST_STREAM, ended).await;
    }
}
