//! What this process keeps in memory, and who is loading what.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use weir_base::Clock;

use crate::key::Key;
use crate::resources::Ttl;

/// A value or the result of a load, of a type that only who asked for it knows.
pub(crate) type Erased = Arc<dyn Any + Send + Sync>;

/// So long a thing is good while nobody would tell us that another process has changed it.
pub(crate) const UNTOLD: Duration = Duration::from_secs(10);

/// What an entry takes beside its value and its key, roughly.
const OVERHEAD: usize = 200;

/// One thing in memory. Times are microseconds of the clock.
pub(crate) struct Entry {
    value: Erased,
    bytes: usize,
    read_at: i64,
    expires_at: AtomicI64,
    /// How far every look at it moves its end.
    slides: Option<i64>,
}

pub(crate) struct Local {
    entries: moka::sync::Cache<Key, Arc<Entry>>,
    /// Who loads what. A load that is not in here any more was overtaken by an invalidation: what it brings may be out
    /// of date and is not kept.
    flights: Mutex<Flights>,
    clock: Arc<dyn Clock>,
    /// Whether this process hears of what others change, or there are no others.
    told: AtomicBool,
}

#[derive(Default)]
struct Flights {
    by_key: HashMap<Key, Flight>,
    begun: u64,
}

struct Flight {
    number: u64,
    landed: watch::Receiver<Option<Erased>>,
}

/// Who asks for a thing that is not there.
pub(crate) enum Turn<'a> {
    /// ... loads it, for everybody.
    Lead(Lead<'a>),
    /// ... waits for who loads it. If that one is cancelled, the channel closes.
    Follow(watch::Receiver<Option<Erased>>),
}

/// The duty to load a thing. If it is dropped, those who wait try again.
pub(crate) struct Lead<'a> {
    local: &'a Local,
    key: Key,
    number: u64,
    tell: watch::Sender<Option<Erased>>,
}

impl Local {
    /// At most so many bytes, as estimated by the JSON of what is kept.
    pub(crate) fn new(capacity: u64, clock: Arc<dyn Clock>, told: bool) -> Self {
        let entries = moka::sync::Cache::builder()
            .max_capacity(capacity)
            .weigher(|key: &Key, entry: &Arc<Entry>| {
                u32::try_from(entry.bytes + key.as_str().len() + OVERHEAD).unwrap_or(u32::MAX)
            })
            .build();
        Self { entries, flights: Mutex::default(), clock, told: AtomicBool::new(told) }
    }

    /// A thing for [`Lead::land`] or [`Self::put`]. `left` is how long it may be kept from now.
    pub(crate) fn entry(&self, value: Erased, bytes: usize, ttl: Ttl, left: Duration) -> Entry {
        let now = self.now();
        let slides = match ttl {
            Ttl::Fixed(_) => None,
            Ttl::Sliding(duration) => Some(micros(duration)),
        };
        let expires_at = AtomicI64::new(now.saturating_add(micros(left)));
        Entry { value, bytes, read_at: now, expires_at, slides }
    }

    /// The thing, if it is here and good.
    pub(crate) fn get<T: Send + Sync + 'static>(&self, key: &Key) -> Option<Arc<T>> {
        let entry = self.entries.get(key)?;
        let now = self.now();
        let old = || now.saturating_sub(entry.read_at) >= micros(UNTOLD);
        if now >= entry.expires_at.load(Ordering::Relaxed) || (!self.told.load(Ordering::Acquire) && old()) {
            return None;
        }
        if let Some(slides) = entry.slides {
            entry.expires_at.store(now.saturating_add(slides), Ordering::Relaxed);
        }
        Arc::clone(&entry.value).downcast().ok()
    }

    /// Makes one of those who ask for the key the one who loads it.
    pub(crate) fn turn(&self, key: &Key) -> Turn<'_> {
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.by_key.get(key) {
            return Turn::Follow(flight.landed.clone());
        }
        flights.begun += 1;
        let number = flights.begun;
        let (tell, landed) = watch::channel(None);
        flights.by_key.insert(key.clone(), Flight { number, landed });
        Turn::Lead(Lead { local: self, key: key.clone(), number, tell })
    }

    /// Keeps a thing as it is from now on.
    pub(crate) fn put(&self, key: &Key, entry: Entry) {
        let mut flights = self.flights.lock();
        flights.by_key.remove(key);
        self.entries.insert(key.clone(), Arc::new(entry));
    }

    /// Forgets a thing, and what is being loaded of it.
    pub(crate) fn forget(&self, key: &Key) {
        self.forget_unless(key, |_| false);
    }

    /// Forgets a thing unless it is this very value, and what is being loaded of it.
    pub(crate) fn forget_other(&self, key: &Key, value: &Erased) {
        self.forget_unless(key, |kept| Arc::ptr_eq(kept, value));
    }

    fn forget_unless(&self, key: &Key, keep: impl FnOnce(&Erased) -> bool) {
        let mut flights = self.flights.lock();
        flights.by_key.remove(key);
        if !self.entries.get(key).is_some_and(|entry| keep(&entry.value)) {
            self.entries.invalidate(key);
        }
    }

    /// Forgets everything, and what is being loaded.
    pub(crate) fn clear(&self) {
        let mut flights = self.flights.lock();
        flights.by_key.clear();
        self.entries.invalidate_all();
    }

    /// Whether others' invalidations arrive from now on.
    pub(crate) fn set_told(&self, told: bool) {
        self.told.store(told, Ordering::Release);
    }

    /// How many things, and their weight in bytes; both lag behind a little.
    pub(crate) fn size(&self) -> (u64, u64) {
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), self.entries.weighted_size())
    }

    fn now(&self) -> i64 {
        self.clock.now().timestamp_micros()
    }
}

impl Lead<'_> {
    /// Tells everybody who waits what came of it, and keeps what is to be kept unless an invalidation came in between;
    /// true if it is kept.
    pub(crate) fn land(self, entry: Option<Entry>, result: Erased) -> bool {
        let mut flights = self.local.flights.lock();
        let mut kept = false;
        if flights.by_key.get(&self.key).is_some_and(|flight| flight.number == self.number) {
            if let Some(entry) = entry {
                self.local.entries.insert(self.key.clone(), Arc::new(entry));
                kept = true;
            }
            flights.by_key.remove(&self.key);
        }
        drop(flights);
        self.tell.send_replace(Some(result));
        kept
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut flights = self.local.flights.lock();
        if flights.by_key.get(&self.key).is_some_and(|flight| flight.number == self.number) {
            flights.by_key.remove(&self.key);
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
