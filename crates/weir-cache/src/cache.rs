//! The cache itself: where it is, how it is, and how it is ended.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use redis::Client;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use weir_base::{Clock, SystemClock, Timestamp};

use crate::cached::Cached;
use crate::error::Error;
use crate::link;
use crate::local::Local;
use crate::resources::Resource;
use crate::shared::{PATIENCE, Shared};
use crate::window::SlidingWindow;

/// What is asked for often, kept near. Cheap to clone; ends with [`Self::close`] or its last clone.
#[derive(Clone)]
pub struct Cache(Arc<Parts>);

struct Parts {
    local: Arc<Local>,
    shared: Option<Arc<Shared>>,
    counts: Arc<Counts>,
    clock: Arc<dyn Clock>,
    since: Timestamp,
    keeper: Mutex<Option<JoinHandle<()>>>,
    stop: CancellationToken,
    _stop_at_last: DropGuard,
}

/// Where things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Only in this process.
    Memory,
    /// Also in Redis, which processes share.
    Redis,
}

/// How the cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Where things are kept.
    pub backend: Backend,
    /// False while there should be a Redis and is none: everything goes on, with more loads.
    pub up: bool,
    /// Since when that is so.
    pub since: Timestamp,
}

/// What the cache has done since it was made, and what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Found in memory.
    pub memory_hits: u64,
    /// Found in Redis.
    pub redis_hits: u64,
    /// Found nowhere and loaded.
    pub loads: u64,
    /// Not found, but somebody else was just loading it.
    pub shared_loads: u64,
    /// Times that Redis was lost or refused something.
    pub redis_failures: u64,
    /// Things in memory.
    pub entries: u64,
    /// Their weight, in bytes: of the JSON, not of what it takes in memory.
    pub bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) memory_hits: Count,
    pub(crate) redis_hits: Count,
    pub(crate) loads: Count,
    pub(crate) shared_loads: Count,
    pub(crate) redis_failures: Count,
}

#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Cache {
    /// A cache of this process alone, of at most so many bytes.
    pub fn memory(capacity: u64) -> Self {
        Self::in_memory(capacity, Arc::new(SystemClock))
    }

    /// The cache at an address: `memory`, `redis://...`, or `rediss://...` for TLS. `capacity` is what this process
    /// keeps in memory, in bytes. A Redis that is away is no error: it is used as soon as it is there. It needs to be
    /// of version 6.2 or later.
    ///
    /// # Errors
    /// If the address cannot be read.
    ///
    /// # Panics
    /// With a Redis, outside a tokio runtime.
    pub async fn connect(address: &str, capacity: u64) -> Result<Self, Error> {
        Self::connect_with(address, capacity, Arc::new(SystemClock), PATIENCE).await
    }

    pub(crate) fn in_memory(capacity: u64, clock: Arc<dyn Clock>) -> Self {
        let local = Arc::new(Local::new(capacity, Arc::clone(&clock), true));
        Self::of_parts(local, None, Arc::default(), clock, CancellationToken::new(), None)
    }

    pub(crate) async fn connect_with(
        address: &str,
        capacity: u64,
        clock: Arc<dyn Clock>,
        patience: Duration,
    ) -> Result<Self, Error> {
        if address == "memory" {
            return Ok(Self::in_memory(capacity, clock));
        }
        if !["redis://", "rediss://"].iter().any(|scheme| address.starts_with(scheme)) {
            return Err(Error::Scheme);
        }
        let client = Client::open(address).map_err(|_| Error::Address("it is no URL of a Redis"))?;
        let local = Arc::new(Local::new(capacity, Arc::clone(&clock), false));
        let counts = Arc::<Counts>::default();
        let shared = Arc::new(Shared::new(Arc::clone(&clock), Arc::clone(&counts), patience));
        let stop = CancellationToken::new();
        let mut up = shared.up.subscribe();
        let keeper = tokio::spawn(link::keep(client, Arc::clone(&shared), Arc::clone(&local), stop.clone()));
        let cache = Self::of_parts(local, Some(shared), counts, clock, stop, Some(keeper));
        // Whoever asks for the health right after the start shall be told how it is. The sender lives in `cache`.
        let _ = up.wait_for(Option::is_some).await;
        Ok(cache)
    }

    fn of_parts(
        local: Arc<Local>,
        shared: Option<Arc<Shared>>,
        counts: Arc<Counts>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
        keeper: Option<JoinHandle<()>>,
    ) -> Self {
        let since = clock.now();
        let _stop_at_last = stop.clone().drop_guard();
        Self(Arc::new(Parts { local, shared, counts, clock, since, keeper: Mutex::new(keeper), stop, _stop_at_last }))
    }

    /// The things of one sort.
    pub fn of<T: Serialize + DeserializeOwned + Send + Sync + 'static>(&self, resource: Resource) -> Cached<T> {
        Cached::new(self.clone(), resource)
    }

    /// A counter for limits: at most `limit` hits of a key in any `length`, as told with each hit. Counters of the same
    /// name count together in Redis; in memory each counts for itself, so it is made once and kept.
    pub fn window(&self, name: &'static str, length: Duration) -> SlidingWindow {
        SlidingWindow::new(name, length, self.0.shared.clone(), Arc::clone(&self.0.clock))
    }

    /// How it is, for who decides whether this process is ready.
    pub fn health(&self) -> Health {
        match &self.0.shared {
            None => Health { backend: Backend::Memory, up: true, since: self.0.since },
            Some(shared) => {
                let (up, since) = shared.health();
                Health { backend: Backend::Redis, up, since }
            }
        }
    }

    /// What it has done, for the metrics.
    pub fn stats(&self) -> Stats {
        let counts = &self.0.counts;
        let (entries, bytes) = self.0.local.size();
        Stats {
            memory_hits: counts.memory_hits.get(),
            redis_hits: counts.redis_hits.get(),
            loads: counts.loads.get(),
            shared_loads: counts.shared_loads.get(),
            redis_failures: counts.redis_failures.get(),
            entries,
            bytes,
        }
    }

    /// Gives the connections to Redis back. Whoever still uses the cache has only memory.
    pub async fn close(&self) {
        self.0.stop.cancel();
        let keeper = self.0.keeper.lock().take();
        if let Some(keeper) = keeper
            && let Err(error) = keeper.await
        {
            tracing::error!(%error, "the link to redis did not end in order");
        }
    }

    pub(crate) fn local(&self) -> &Local {
        &self.0.local
    }

    pub(crate) fn shared(&self) -> Option<&Shared> {
        self.0.shared.as_deref()
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.0.counts
    }
}

impl Debug for Cache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cache").field("health", &self.health()).finish_non_exhaustive()
    }
}
