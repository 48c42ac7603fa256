//! Connections that wait for the next query of the same credential, for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use super::error::Error;

/// How many connections one URL may have.
const MAX_CONNECTIONS: usize = 4;

/// How long a connection waits for another query.
const MAX_IDLE: Duration = Duration::from_secs(60);

/// The URL's hash: what is kept holds no password, and a changed password is another key.
type Key = [u8; 32];

/// A pool for each URL.
pub(crate) struct Pool<S> {
    places: Arc<Mutex<HashMap<Key, Place<S>>>>,
}

struct Place<S> {
    slots: Arc<Semaphore>,
    idle: Vec<(S, Instant)>,
}

/// The right to one connection, and the one to use if there is one.
pub(crate) struct Taken<S> {
    pub(crate) session: Option<S>,
    key: Key,
    _slot: OwnedSemaphorePermit,
}

impl<S> Default for Pool<S> {
    fn default() -> Self {
        Self { places: Arc::default() }
    }
}

impl<S: Send + 'static> Pool<S> {
    /// Waits for a free connection to the database of this URL.
    pub(crate) async fn take(&self, url: &str) -> Result<Taken<S>, Error> {
        let key: Key = Sha256::digest(url).into();
        let slots = Arc::clone(&self.places.lock().entry(key).or_insert_with(Place::new).slots);
        let slot = slots.acquire_owned().await.map_err(|_| Error::Transient("the pool was closed".to_owned()))?;
        let session = self.places.lock().get_mut(&key).and_then(|place| place.idle.pop()).map(|(session, _)| session);
        Ok(Taken { session, key, _slot: slot })
    }

    /// Keeps a connection that is as good as new. One that is not given back is closed by being dropped.
    pub(crate) fn give_back(&self, taken: &Taken<S>, session: S) {
        let mut places = self.places.lock();
        places.entry(taken.key).or_insert_with(Place::new).idle.push((session, Instant::now()));
        drop(places);
        // Ends by itself, and holds nothing alive meanwhile.
        let places = Arc::downgrade(&self.places);
        tokio::spawn(async move {
            sleep(MAX_IDLE).await;
            if let Some(places) = places.upgrade() {
                places.lock().retain(|_, place| {
                    place.idle.retain(|(_, since)| since.elapsed() < MAX_IDLE);
                    !place.idle.is_empty() || place.slots.available_permits() < MAX_CONNECTIONS
                });
            }
        });
    }
}

impl<S> Place<S> {
    fn new() -> Self {
        Self { slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)), idle: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_used_again_by_its_own_url_until_it_was_idle_for_long() {
        let pool = Pool::default();
        let taken = pool.take("a").await.expect("a slot");
        assert_eq!(taken.session, None);
        pool.give_back(&taken, 1);
        drop(taken);
        assert_eq!(pool.take("b").await.expect("a slot").session, None);
        let taken = pool.take("a").await.expect("a slot");
        assert_eq!(taken.session, Some(1));
        pool.give_back(&taken, 2);
        drop(taken);
        sleep(MAX_IDLE * 2).await;
        assert!(pool.places.lock().get(&Key::from(Sha256::digest("a"))).is_none());
        assert_eq!(pool.take("a").await.expect("a slot").session, None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_all_connections_taken_waits() {
        let pool = Pool::<u8>::default();
        let mut taken = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            taken.push(pool.take("a").await.expect("a slot"));
        }
        assert!(tokio::time::timeout(Duration::from_secs(5), pool.take("a")).await.is_err());
        taken.pop();
        assert!(tokio::time::timeout(Duration::from_secs(5), pool.take("a")).await.is_ok());
    }
}
