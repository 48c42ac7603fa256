//! One suite over both backends, what two processes do to each other, what happens without Redis, and the windows.

mod away;
mod both;
mod processes;
mod windows;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use weir_base::{Clock, ManualClock, SystemClock, Timestamp};
use weir_testkit::TestRedis;

use crate::{Cache, Cached, Resource, Ttl};

const MIB: u64 = 1024 * 1024;

/// These tests share a busy machine; only those of the patience itself have the real one.
const PATIENT: Duration = Duration::from_secs(5);

const MINUTE: Duration = Duration::from_secs(60);

/// A sort of things of one test's own.
fn resource(name: &'static str, ttl: Ttl) -> Resource {
    Resource { service: "test", name, shape: 1, ttl, max_bytes: 1_000 }
}

async fn redis(server: &TestRedis, clock: Arc<dyn Clock>) -> Cache {
    let cache = Cache::connect_with(&server.url(), MIB, clock, PATIENT).await.unwrap();
    link_is(&cache, true).await;
    cache
}

async fn process(server: &TestRedis) -> Cache {
    redis(server, Arc::new(SystemClock)).await
}

/// Both backends, each with a clock of its own to move.
async fn both() -> Vec<(Cache, Arc<ManualClock>)> {
    let clocks = [(); 2].map(|()| Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH + MINUTE)));
    let memory = Cache::in_memory(MIB, clocks[0].clone());
    let redis = redis(TestRedis::shared(), clocks[1].clone()).await;
    [memory, redis].into_iter().zip(clocks).collect()
}

/// Waits until the link is up or down.
async fn link_is(cache: &Cache, up: bool) {
    let mut changes = cache.shared().unwrap().up.subscribe();
    tokio::time::timeout(MINUTE, changes.wait_for(|now| *now == Some(up))).await.unwrap().unwrap();
}

/// Waits for what another process does.
async fn until<F: Future<Output = bool>>(what: impl Fn() -> F) {
    tokio::time::timeout(MINUTE, async {
        while !what().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .unwrap();
}

/// A store that counts how often it is read.
#[derive(Default)]
struct Store {
    value: AtomicU32,
    reads: AtomicU32,
}

impl Store {
    fn set(&self, value: u32) {
        self.value.store(value, Ordering::SeqCst);
    }

    fn reads(&self) -> u32 {
        self.reads.load(Ordering::SeqCst)
    }

    async fn read(&self) -> Result<Option<u32>, Infallible> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(Some(self.value.load(Ordering::SeqCst)))
    }

    /// The value as the cache gives it.
    async fn through(&self, cached: &Cached<u32>) -> u32 {
        *cached.get_or_load(1, || self.read()).await.unwrap().unwrap()
    }
}
