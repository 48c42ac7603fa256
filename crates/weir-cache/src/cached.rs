//! One sort of cached things, with its type.

use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::Cache;
use crate::key::Key;
use crate::local::{Entry, Erased, Lead, Turn};
use crate::resources::Resource;

/// The things of one [`Resource`]. Cheap to clone.
///
/// An id may be followed by `:` and an attribute. That there is no such thing is not kept; who wants it kept takes an
/// `Option` as `T`.
#[derive(Debug)]
pub struct Cached<T> {
    cache: Cache,
    resource: Resource,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), resource: self.resource, of: PhantomData }
    }
}

/// What a load brings, for one and for all who wait.
type Loaded<T, E> = Result<Option<Arc<T>>, Arc<E>>;

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Cached<T> {
    pub(crate) const fn new(cache: Cache, resource: Resource) -> Self {
        Self { cache, resource, of: PhantomData }
    }

    /// The thing: from memory, from Redis, or as `load` brings it. However many ask at the same time, one of them
    /// loads, in this process; if that one is cancelled, another does. A `load` must not ask for the same key.
    ///
    /// # Errors
    /// What `load` failed with, for everybody who waited for it; nothing of it is kept.
    pub async fn get_or_load<E, F>(&self, id: impl Display, load: impl FnOnce() -> F) -> Loaded<T, E>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Option<T>, E>>,
    {
        let key = Key::new(&self.resource, id);
        let (local, counts) = (self.cache.local(), self.cache.counts());
        if let Some(value) = local.get(&key) {
            counts.memory_hits.add();
            return Ok(Some(value));
        }
        // Most find what they ask for: their future does not carry the way of the others with it.
        Box::pin(self.load(&key, load)).await
    }

    async fn load<E, F>(&self, key: &Key, load: impl FnOnce() -> F) -> Loaded<T, E>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Option<T>, E>>,
    {
        let (local, counts) = (self.cache.local(), self.cache.counts());
        loop {
            match local.turn(key) {
                Turn::Lead(lead) => {
                    // Between the look and the turn, another load may have landed.
                    if let Some(value) = local.get(key) {
                        counts.memory_hits.add();
                        return Ok(Some(value));
                    }
                    return self.lead(key, lead, load).await;
                }
                Turn::Follow(mut landed) => {
                    let Ok(result) = landed.wait_for(Option::is_some).await.map(|result| result.clone()) else {
                        continue;
                    };
                    if let Some(result) = result.and_then(|result| result.downcast::<Loaded<T, E>>().ok()) {
                        counts.shared_loads.add();
                        return result.as_ref().clone();
                    }
                    // Whoever loaded fails with another type of error than we do.
                    counts.loads.add();
                    return load().await.map(|value| value.map(Arc::new)).map_err(Arc::new);
                }
            }
        }
    }

    async fn lead<E, F>(&self, key: &Key, lead: Lead<'_>, load: impl FnOnce() -> F) -> Loaded<T, E>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Option<T>, E>>,
    {
        let counts = self.cache.counts();
        let mut mark = None;
        if let Some(shared) = self.cache.shared()
            && let Some(found) = shared.fetch(key, &self.resource).await
        {
            if let Some((json, left)) = found.value
                && let Some(value) = read::<T>(key, &json)
            {
                counts.redis_hits.add();
                let value = Arc::new(value);
                let entry = self.cache.local().entry(Arc::clone(&value) as Erased, json.len(), self.resource.ttl, left);
                return land(lead, Some(entry), Ok(Some(value))).0;
            }
            mark = Some(found.mark);
        }
        counts.loads.add();
        let value = match load().await {
            Ok(Some(value)) => Arc::new(value),
            Ok(None) => return land(lead, None, Ok(None)).0,
            Err(error) => return land(lead, None, Err(Arc::new(error))).0,
        };
        let json = self.write(key, &value);
        let entry = json.as_ref().map(|json| {
            let ttl = self.resource.ttl;
            self.cache.local().entry(Arc::clone(&value) as Erased, json.len(), ttl, ttl.duration())
        });
        let (result, kept) = land(lead, entry, Ok(Some(value)));
        if let (true, Some(shared), Some(json), Some(mark)) = (kept, self.cache.shared(), json, mark) {
            shared.store(key, &self.resource, &json, &mark).await;
        }
        result
    }

    /// Keeps what was just written to the store, here and in Redis; other processes forget what they have.
    ///
    /// For things with one writer at a time: of two who write at once, the other's may stay.
    pub async fn put(&self, id: impl Display, value: T) {
        let key = Key::new(&self.resource, id);
        let value = Arc::new(value);
        let Some(json) = self.write(&key, &value) else { return self.forget(&key).await };
        let (local, ttl) = (self.cache.local(), self.resource.ttl);
        let value: Erased = value;
        // First here: a change of another process that follows ours in Redis must find it to forget it.
        local.put(&key, local.entry(Arc::clone(&value), json.len(), ttl, ttl.duration()));
        if let Some(shared) = self.cache.shared() {
            shared.change(&key, Some((&self.resource, &json))).await;
            // What was read from Redis just before is older.
            local.forget_other(&key, &value);
        }
    }

    /// Forgets a thing, in this process at once, in others as soon as they hear of it. To be called when the change is
    /// committed: a load that began before then is not kept.
    ///
    /// While Redis is away, others may keep what they have for 10 seconds, and what is in Redis is removed when it is
    /// back.
    pub async fn invalidate(&self, id: impl Display) {
        self.forget(&Key::new(&self.resource, id)).await;
    }

    async fn forget(&self, key: &Key) {
        self.cache.local().forget(key);
        if let Some(shared) = self.cache.shared() {
            shared.change(key, None).await;
            // Until then, somebody may have read it from Redis again.
            self.cache.local().forget(key);
        }
    }

    /// The value as JSON, if it is to be kept.
    fn write(&self, key: &Key, value: &T) -> Option<Vec<u8>> {
        match serde_json::to_vec(value) {
            Ok(json) => (json.len() <= self.resource.max_bytes).then_some(json),
            Err(error) => {
                tracing::error!(%key, %error, "a value cannot be cached");
                None
            }
        }
    }
}

/// A value that Redis holds; one that cannot be read is as good as none.
fn read<T: DeserializeOwned>(key: &Key, json: &[u8]) -> Option<T> {
    serde_json::from_slice(json)
        .inspect_err(|error| tracing::warn!(%key, %error, "a cached value has another shape than its version says"))
        .ok()
}

fn land<T, E>(lead: Lead<'_>, entry: Option<Entry>, result: Loaded<T, E>) -> (Loaded<T, E>, bool)
where
    T: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    let kept = lead.land(entry, Arc::new(result.clone()));
    (result, kept)
}
