//! The handle on domain events that the parts of a process share.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use weir_base::{Clock, Timestamp};
use weir_db::Db;

use crate::Health;
use crate::live::Live;
use crate::log::Log;

/// How often the log is looked at for what other processes told.
pub(crate) const POLL: Duration = Duration::from_millis(500);

/// The domain events of an installation. Cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<Inner>);

struct Inner {
    log: Log,
    clock: Arc<dyn Clock>,
    told: watch::Sender<()>,
    live: Live,
    health: Mutex<Health>,
}

impl Events {
    /// The events of a database that [`MIGRATIONS`](crate::MIGRATIONS) were applied to. Nothing moves by itself: see
    /// [`relay`](Self::relay) and [`follow`](Self::follow).
    pub fn new(db: Db, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner {
            log: Log { db },
            clock,
            told: watch::Sender::new(()),
            live: Live::default(),
            health: Mutex::default(),
        };
        Self(Arc::new(inner))
    }

    /// Says that events were told in this process. Without it they are found within half a second.
    pub fn wake(&self) {
        self.0.told.send_replace(());
    }

    /// How the relay of this process is doing.
    pub fn health(&self) -> Health {
        self.0.health.lock().clone()
    }

    pub(crate) fn log(&self) -> &Log {
        &self.0.log
    }

    pub(crate) fn live(&self) -> &Live {
        &self.0.live
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn told(&self) -> watch::Receiver<()> {
        self.0.told.subscribe()
    }

    pub(crate) fn figures<T>(&self, change: impl FnOnce(&mut Health) -> T) -> T {
        change(&mut self.0.health.lock())
    }
}
