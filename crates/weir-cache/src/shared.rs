//! What all processes share in Redis, as long as it is there.
//!
//! There is one state for that, the link: while it is up, calls wait for Redis a moment at most; the first one that
//! waits in vain, or loses its connection, takes the link down, and from then on nobody waits. `link.rs` brings it up
//! again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use weir_base::{Clock, Timestamp};

use crate::cache::Counts;
use crate::key::Key;
use crate::resources::{Resource, Ttl};

/// The channel on which processes tell each other what has changed.
pub(crate) const CHANNEL: &str = "weir:changed";

/// What is said on the channel when nothing that was cached holds any more.
pub(crate) const EVERYTHING: &str = "*";

/// So long a call waits for Redis: reading from the store takes hardly longer.
pub(crate) const PATIENCE: Duration = Duration::from_millis(50);

/// How long it is known that a thing has changed; loads take less.
const MARKED: Duration = Duration::from_secs(60 * 60);

/// So many changes are remembered while Redis is away; if there are more, everything is removed from it in the end.
const MAX_MISSED: usize = 100_000;

pub(crate) struct Shared {
    /// Names this process on the channel.
    pub(crate) origin: String,
    patience: Duration,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    state: Mutex<State>,
    /// Told when a call takes the link down.
    pub(crate) taken_down: Notify,
    /// Whether the link is up; nothing before the first attempt.
    pub(crate) up: watch::Sender<Option<bool>>,
    change: Script,
    store: Script,
    hit: Script,
}

struct State {
    link: Option<MultiplexedConnection>,
    /// Counts the links, so that a late answer of an old one does not take down the new one.
    number: u64,
    since: Timestamp,
    missed: Missed,
}

/// The changes that Redis does not know of yet.
#[derive(Default)]
struct Missed {
    keys: HashSet<Key>,
    too_many: bool,
}

/// What there is to do before the link can be up.
pub(crate) enum Owed {
    Key(Key),
    Everything,
    /// Nothing: the link is up now.
    Nothing,
}

/// What Redis knows of a thing.
pub(crate) struct Found {
    /// Its JSON, and how long it may be kept.
    pub(crate) value: Option<(Vec<u8>, Duration)>,
    /// What tells whether it is changed later on.
    pub(crate) mark: Vec<u8>,
}

impl Shared {
    pub(crate) fn new(clock: Arc<dyn Clock>, counts: Arc<Counts>, patience: Duration) -> Self {
        let state = State { link: None, number: 0, since: clock.now(), missed: Missed::default() };
        Self {
            origin: format!("{:016x}", rand::random::<u64>()),
            patience,
            clock,
            counts,
            state: Mutex::new(state),
            taken_down: Notify::new(),
            up: watch::Sender::new(None),
            change: Script::new(include_str!("change.lua")),
            store: Script::new(include_str!("store.lua")),
            hit: Script::new(include_str!("hit.lua")),
        }
    }

    /// Whether the link is up, and since when that is so.
    pub(crate) fn health(&self) -> (bool, Timestamp) {
        let state = self.state.lock();
        (state.link.is_some(), state.since)
    }

    /// The thing, if Redis has it; nothing if Redis is away.
    pub(crate) async fn fetch(&self, key: &Key, resource: &Resource) -> Option<Found> {
        let (value, mark) = (value_key(key), mark_key(key));
        let lasts = millis(resource.ttl.duration());
        let mut ask = redis::pipe();
        // The mark first: of a change in between, the mark must be the older half.
        ask.cmd("GET").arg(&mark);
        match resource.ttl {
            Ttl::Fixed(_) => ask.cmd("GET").arg(&value),
            Ttl::Sliding(_) => ask.cmd("GETEX").arg(&value).arg("PX").arg(lasts),
        };
        ask.cmd("PTTL").arg(&value);
        let (mark, value, left): (Option<Vec<u8>>, Option<Vec<u8>>, i64) =
            self.call(|mut link| async move { ask.query_async(&mut link).await }).await?;
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(resource.ttl.duration());
        let shape = shape(resource);
        let value = value
            .filter(|value| value.len() <= shape.len() + resource.max_bytes)
            .and_then(|value| Some((value.strip_prefix(shape.as_bytes())?.to_vec(), left)));
        Some(Found { value, mark: mark.unwrap_or_default() })
    }

    /// Keeps what was loaded, unless it was changed since [`Self::fetch`] gave the mark.
    pub(crate) async fn store(&self, key: &Key, resource: &Resource, json: &[u8], mark: &[u8]) {
        let mut script = self.store.key(value_key(key));
        script.key(mark_key(key)).arg(mark).arg(shaped(resource, json)).arg(millis(resource.ttl.duration()));
        // That it is not kept costs another load, no more.
        self.call(|mut link| async move { script.invoke_async::<()>(&mut link).await }).await;
    }

    /// Forgets a thing, or puts another in its place, and tells the other processes. If that fails, it is made up for
    /// as soon as Redis is back.
    pub(crate) async fn change(&self, key: &Key, new: Option<(&Resource, &[u8])>) {
        let Some(mut link) = self.link_or_owe(key) else { return };
        // Who asks may go away while we wait: then nobody knows whether Redis was told.
        let owing = Owing { shared: self, key, told: false };
        match timeout(self.patience, self.tell(&mut link, key, new)).await {
            Ok(Ok(())) => owing.told(),
            Ok(Err(error)) => tracing::warn!(%error, "redis did not take a change"),
            Err(_) => tracing::warn!("redis did not take a change in {:?}", self.patience),
        }
    }

    /// Tells Redis of a change over this link.
    pub(crate) async fn tell(
        &self,
        link: &mut MultiplexedConnection,
        key: &Key,
        new: Option<(&Resource, &[u8])>,
    ) -> RedisResult<()> {
        let mut script = self.change.key(value_key(key));
        script.key(mark_key(key)).arg(rand::random::<u64>()).arg(millis(MARKED));
        script.arg(CHANNEL).arg(format!("{} {key}", self.origin));
        if let Some((resource, json)) = new {
            script.arg(shaped(resource, json)).arg(millis(resource.ttl.duration()));
        }
        script.invoke_async(link).await
    }

    /// Removes some of the cached things from Redis, from this cursor on; the next cursor, or 0 at the end.
    pub(crate) async fn remove_some(&self, link: &mut MultiplexedConnection, cursor: u64) -> RedisResult<u64> {
        let mut ask = redis::cmd("SCAN");
        ask.arg(cursor).arg("MATCH").arg(value_key(EVERYTHING)).arg("COUNT").arg(1_000);
        let (next, keys): (u64, Vec<Vec<u8>>) = ask.query_async(link).await?;
        if !keys.is_empty() {
            redis::cmd("UNLINK").arg(keys).exec_async(link).await?;
        }
        Ok(next)
    }

    /// Tells the other processes that nothing they have holds any more.
    pub(crate) async fn tell_everything(&self, link: &mut MultiplexedConnection) -> RedisResult<()> {
        redis::cmd("PUBLISH").arg(CHANNEL).arg(format!("{} {EVERYTHING}", self.origin)).exec_async(link).await
    }

    /// Counts a hit for all processes. Answers whether it is let in, what the previous and the current window hold,
    /// and how many milliseconds of the current one are over.
    pub(crate) async fn hit(
        &self,
        counter: &str,
        window: Duration,
        limit: u32,
        cost: u32,
    ) -> Option<(bool, u64, u64, u64)> {
        let mut script = self.hit.key(format!("weir:window:{counter}"));
        script.arg(millis(window)).arg(limit).arg(cost);
        self.call(|mut link| async move { script.invoke_async(&mut link).await }).await
    }

    async fn call<T, F>(&self, ask: impl FnOnce(MultiplexedConnection) -> F) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let (number, link) = self.link()?;
        let failure = match timeout(self.patience, ask(link)).await {
            Ok(Ok(answer)) => return Some(answer),
            // Redis is there and refuses, for want of memory, say; that is not better over another connection.
            Ok(Err(error)) if !error.is_unrecoverable_error() && !error.is_timeout() => {
                self.counts.redis_failures.add();
                tracing::debug!(%error, "redis refused");
                return None;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer in {:?}", self.patience),
        };
        self.take_down(number, &failure);
        None
    }

    fn link(&self) -> Option<(u64, MultiplexedConnection)> {
        let state = self.state.lock();
        Some((state.number, state.link.clone()?))
    }

    fn link_or_owe(&self, key: &Key) -> Option<MultiplexedConnection> {
        let mut state = self.state.lock();
        if let Some(link) = &state.link {
            return Some(link.clone());
        }
        state.missed.add(key);
        None
    }

    /// Takes what is owed to Redis, for whoever makes up for it; if it is nothing, this link is up. It is taken before,
    /// so that another change of the same thing meanwhile is owed anew.
    pub(crate) fn owed(&self, link: &MultiplexedConnection) -> Owed {
        let mut state = self.state.lock();
        if std::mem::take(&mut state.missed.too_many) {
            return Owed::Everything;
        }
        if let Some(key) = state.missed.keys.iter().next().cloned() {
            state.missed.keys.remove(&key);
            return Owed::Key(key);
        }
        state.link = Some(link.clone());
        state.number += 1;
        state.since = self.clock.now();
        drop(state);
        self.up.send_replace(Some(true));
        Owed::Nothing
    }

    /// What was taken could not be made up for.
    pub(crate) fn still_owed(&self, owed: Owed) {
        let mut state = self.state.lock();
        match owed {
            Owed::Key(key) => state.missed.add(&key),
            Owed::Everything => state.missed.too_many = true,
            Owed::Nothing => {}
        }
    }

    /// A call has failed over the link of this number; a newer link stays up.
    fn take_down(&self, number: u64, failure: &str) {
        let mut state = self.state.lock();
        let was_up = state.number == number && state.end_link(self.clock.now());
        drop(state);
        if was_up {
            self.say_down(failure);
            self.taken_down.notify_one();
        }
    }

    /// Remembers a change that Redis may not know of; it is made up for with the next link.
    fn owe(&self, key: &Key) {
        let mut state = self.state.lock();
        state.missed.add(key);
        let was_up = state.end_link(self.clock.now());
        drop(state);
        if was_up {
            self.say_down("it may not know of a change");
            self.taken_down.notify_one();
        }
    }

    /// More changes are missed than can be remembered.
    #[cfg(test)]
    pub(crate) fn owe_everything(&self) {
        self.state.lock().missed.too_many = true;
        self.down("too much was missed");
        self.taken_down.notify_one();
    }

    /// The link is down, whoever finds so; true if it was up.
    pub(crate) fn down(&self, failure: &str) -> bool {
        let was_up = self.state.lock().end_link(self.clock.now());
        if was_up {
            self.say_down(failure);
        }
        self.up.send_replace(Some(false));
        was_up
    }

    fn say_down(&self, failure: &str) {
        self.counts.redis_failures.add();
        self.up.send_replace(Some(false));
        tracing::warn!(failure, "redis is away; going on without it");
    }
}

impl State {
    /// True if the link was up.
    fn end_link(&mut self, now: Timestamp) -> bool {
        let was_up = self.link.take().is_some();
        if was_up {
            self.since = now;
        }
        was_up
    }
}

/// A change that Redis has to be told of, and perhaps was not.
struct Owing<'a> {
    shared: &'a Shared,
    key: &'a Key,
    told: bool,
}

impl Owing<'_> {
    fn told(mut self) {
        self.told = true;
    }
}

impl Drop for Owing<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.shared.owe(self.key);
        }
    }
}

impl Missed {
    fn add(&mut self, key: &Key) {
        if self.keys.len() < MAX_MISSED {
            self.keys.insert(key.clone());
        } else if !self.keys.contains(key) {
            self.too_many = true;
        }
    }
}

fn value_key(key: impl std::fmt::Display) -> String {
    format!("weir:cache:{key}")
}

fn mark_key(key: &Key) -> String {
    format!("weir:mark:{key}")
}

/// What a value in Redis begins with. It is not part of the key: a change must reach the values of all builds.
fn shape(resource: &Resource) -> String {
    format!("{} ", resource.shape)
}

fn shaped(resource: &Resource, json: &[u8]) -> Vec<u8> {
    [shape(resource).as_bytes(), json].concat()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
