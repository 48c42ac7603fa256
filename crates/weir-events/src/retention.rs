//! How long things are kept.

use std::time::Duration;

use weir_base::Timestamp;
use weir_db::{Batch, Db};

use crate::deliveries::DeliveryStore;
use crate::log::Log;
use crate::{Audit, Error};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Rows that are removed in one transaction: others write in between.
const PART: u32 = 2000;

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events, for streams that were away; those that were not relayed are kept in any case.
    pub events: Duration,
    /// What was sent to webhooks and people.
    pub deliveries: Duration,
    /// The audit log.
    pub audit: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { events: 7 * DAY, deliveries: 30 * DAY, audit: 365 * DAY }
    }
}

/// How much was removed, being past its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Rows of the log of events.
    pub events: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Entries of the audit log.
    pub audit: u64,
}

impl Retention {
    /// Removes what is past its time; several processes may do so at once.
    ///
    /// # Errors
    /// [`Error::Db`]; what was removed by then stays removed.
    pub async fn enforce(&self, db: &Db, now: Timestamp) -> Result<Removed, Error> {
        Ok(Removed {
            events: Log { db: db.clone() }.purge(now - self.events).await?,
            deliveries: DeliveryStore::new(db.clone()).purge(now - self.deliveries).await?,
            audit: Audit::new(db.clone()).purge(now - self.audit).await?,
        })
    }
}

/// Runs a batch again and again whose statement at `place` removes at most so many rows, until there are no more.
/// Answers how many they were.
pub(crate) async fn remove_in_parts(db: &Db, part: impl Fn(u32) -> Batch, place: usize) -> Result<u64, Error> {
    let mut removed = 0;
    loop {
        let gone = db.write(part(PART)).await?.affected(place);
        removed += gone;
        if gone < u64::from(PART) {
            return Ok(removed);
        }
    }
}
