//! The relay: what subscribers make of events is written together with how far the events were read.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use weir_base::Timestamp;
use weir_db::{Batch, Statement};

use crate::events::POLL;
use crate::log::Log;
use crate::{Error, Events, Located, Position};

/// Rows that are read at once.
const ROWS: u32 = 256;

/// The wait after a failure doubles up to this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Who wants to know of events and keeps something because of them.
///
/// The statements must bear being asked for again, as they are after a failure; they are kept exactly once, in the
/// order of the events.
pub trait Subscriber: Send + Sync {
    /// A word for logs and health figures.
    fn name(&self) -> &'static str;

    /// What to write because of these events, which are in their order; without expected row counts, and so that a
    /// second event of the same id changes nothing.
    ///
    /// # Errors
    /// Whatever keeps it from saying so; the events are offered again, and meanwhile nobody gets any.
    fn consequences<'a>(&'a self, events: &'a [Located]) -> BoxFuture<'a, Result<Vec<Statement>, SubscriberError>>;

    /// Its statements are kept; a hint to look what there is to do.
    fn kept(&self) {}
}

/// Why a subscriber cannot take events now.
pub type SubscriberError = Box<dyn std::error::Error + Send + Sync>;

/// How the relay of this process is doing.
#[derive(Debug, Clone, Default)]
pub struct Health {
    /// How old the oldest event is that was not relayed when the relay last looked; zero when there was none.
    pub lag: Duration,
    /// Events this process relayed.
    pub relayed: u64,
    /// Rows and events that were passed over, being damaged.
    pub unreadable: u64,
    /// What holds the relay up, if anything does.
    pub failing: Option<Failing>,
}

/// What holds the relay up.
#[derive(Debug, Clone)]
pub struct Failing {
    /// A subscriber's name, or `database`.
    pub who: &'static str,
    /// What it says.
    pub error: String,
    /// Since when.
    pub since: Timestamp,
    /// How often it was tried.
    pub times: u32,
}

/// Why a round came to nothing.
struct Failure {
    who: &'static str,
    error: String,
}

impl Events {
    /// Hands events to the subscribers until `stop`. Any number of processes may do so at once.
    pub async fn relay(&self, subscribers: Vec<Arc<dyn Subscriber>>, stop: CancellationToken) {
        let mut told = self.told();
        let mut settled = false;
        while !stop.is_cancelled() {
            told.mark_unchanged();
            let pause = match self.settled_round(&subscribers, &mut settled).await {
                Ok(more) => {
                    self.figures(|health| health.failing = None);
                    if more {
                        continue;
                    }
                    None
                }
                Err(failure) => Some(self.note(failure)),
            };
            let woken = async {
                match pause {
                    // Whoever is told of something new cannot mend what failed.
                    Some(pause) => tokio::time::sleep(pause).await,
                    // The clock is for what other processes tell; the sender lives as long as we do.
                    None => drop(tokio::time::timeout(POLL, told.changed()).await),
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = woken => {}
            }
        }
    }

    async fn settled_round(&self, subscribers: &[Arc<dyn Subscriber>], settled: &mut bool) -> Result<bool, Failure> {
        if !*settled {
            self.log().settle().await.map_err(Failure::of_database)?;
            *settled = true;
        }
        self.round(subscribers).await
    }

    /// Relays some events; answers whether there may be more.
    async fn round(&self, subscribers: &[Arc<dyn Subscriber>]) -> Result<bool, Failure> {
        let from = self.log().cursor().await.map_err(Failure::of_database)?;
        let slice = self.log().read(from, None, ROWS).await.map_err(Failure::of_database)?;
        let now = self.now();
        self.figures(|health| {
            let oldest = slice.events.first().map(|located| now - located.event.at);
            health.lag = oldest.and_then(|age| age.to_std().ok()).unwrap_or_default();
        });
        if slice.rows == 0 {
            return Ok(false);
        }
        if !self.keep(from, slice.end, &slice.events, subscribers).await? {
            return Ok(true);
        }
        self.figures(|health| {
            health.relayed += slice.events.len() as u64;
            health.unreadable += slice.unreadable;
        });
        for subscriber in subscribers {
            subscriber.kept();
        }
        Ok(slice.more)
    }

    /// Writes what the subscribers make of the events; answers whether it was this process that did.
    async fn keep(
        &self,
        from: Position,
        to: Position,
        events: &[Located],
        subscribers: &[Arc<dyn Subscriber>],
    ) -> Result<bool, Failure> {
        let mut batch = Batch::from(Log::advance(from, to));
        // The batch's statements up to here are of this subscriber or those before it.
        let mut ends = Vec::with_capacity(subscribers.len());
        if !events.is_empty() {
            for subscriber in subscribers {
                let made = subscriber.consequences(events).await;
                let made = made.map_err(|error| Failure { who: subscriber.name(), error: error.to_string() })?;
                made.into_iter().for_each(|statement| batch.push(statement));
                ends.push((batch.len(), subscriber.name()));
            }
        }
        match self.log().db.write(batch).await {
            Ok(_) => Ok(true),
            Err(weir_db::Error::Expectation { statement: 0, .. }) => Ok(false),
            Err(error) => {
                let culprit = match &error {
                    weir_db::Error::Expectation { statement, .. } => ends.iter().find(|(end, _)| statement < end),
                    _ => None,
                };
                let who = culprit.map_or("database", |(_, name)| *name);
                Err(Failure { who, error: error.to_string() })
            }
        }
    }

    /// Notes what failed; answers how long to leave it alone.
    fn note(&self, failure: Failure) -> Duration {
        let Failure { who, error } = failure;
        let now = self.now();
        let times = self.figures(|health| {
            let before = health.failing.take().filter(|failing| failing.who == who);
            let (since, times) = before.map_or((now, 0), |failing| (failing.since, failing.times));
            health.failing = Some(Failing { who, error: error.clone(), since, times: times + 1 });
            times + 1
        });
        tracing::warn!(who, error, times, "events cannot be relayed");
        (Duration::from_millis(100) * 2_u32.pow(times.min(10))).min(LONGEST_BACKOFF)
    }
}

impl Failure {
    fn of_database(error: Error) -> Self {
        Self { who: "database", error: error.to_string() }
    }
}
