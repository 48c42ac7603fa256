//! What two processes with one Redis see of each other.

use std::convert::Infallible;

use redis::AsyncCommands as _;
use tokio::sync::oneshot;
use weir_testkit::TestRedis;

use super::{MINUTE, Store, process, resource, until};
use crate::{Cached, Resource, Ttl};

async fn raw(server: &TestRedis) -> redis::aio::MultiplexedConnection {
    redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test]
async fn what_one_has_loaded_the_other_finds() {
    let server = TestRedis::shared();
    let (one, other) = (process(server).await, process(server).await);
    let (store, row) = (Store::default(), resource("found", Ttl::Fixed(MINUTE)));
    store.set(3);
    assert_eq!(store.through(&one.of(row)).await, 3);
    assert_eq!(store.through(&other.of(row)).await, 3);
    assert_eq!((store.reads(), other.stats().redis_hits), (1, 1));
}

#[tokio::test]
async fn redis_forgets_by_itself() {
    let server = TestRedis::shared();
    let (cache, mut raw, store) = (process(server).await, raw(server).await, Store::default());
    for (name, ttl) in [("fixed-end", Ttl::Fixed(MINUTE)), ("sliding-end", Ttl::Sliding(MINUTE))] {
        let key = format!("weir:cache:test:{name}:1");
        store.through(&cache.of(resource(name, ttl))).await;
        let left: i64 = raw.pttl(&key).await.unwrap();
        assert!((1..=60_000).contains(&left), "{left}");
        // Somebody reads it when only a little is left.
        raw.pexpire::<_, ()>(&key, 30_000).await.unwrap();
        cache.local().clear();
        store.through(&cache.of(resource(name, ttl))).await;
        let left: i64 = raw.pttl(&key).await.unwrap();
        assert_eq!(left > 30_000, matches!(ttl, Ttl::Sliding(_)), "{left}");
    }
}

#[tokio::test]
async fn what_one_invalidates_or_puts_the_other_reads_anew() {
    let server = TestRedis::shared();
    let (one, other) = (process(server).await, process(server).await);
    let (store, row) = (Store::default(), resource("told", Ttl::Fixed(MINUTE)));
    let (here, there): (Cached<u32>, Cached<u32>) = (one.of(row), other.of(row));
    for value in 1..20 {
        store.set(value);
        here.invalidate(1).await;
        assert_eq!(store.through(&here).await, value);
        until(|| async { store.through(&there).await == value }).await;
        there.put(1, value + 100).await;
        assert_eq!(store.through(&there).await, value + 100);
        until(|| async { store.through(&here).await == value + 100 }).await;
    }
}

#[tokio::test]
async fn a_load_of_one_that_the_other_overtakes_is_kept_nowhere() {
    let server = TestRedis::shared();
    let (one, other) = (process(server).await, process(server).await);
    let (store, row) = (Store::default(), resource("overtaken", Ttl::Fixed(MINUTE)));
    let (slow, changed): (Cached<u32>, Cached<u32>) = (one.of(row), other.of(row));
    for value in 1..20 {
        let (began, beginning) = oneshot::channel();
        let (land, landing) = oneshot::channel::<()>();
        let load = || async {
            let read = store.read().await;
            began.send(()).unwrap();
            landing.await.unwrap();
            read
        };
        let (_, ()) = futures::join!(slow.get_or_load(1, load), async {
            beginning.await.unwrap();
            store.set(value);
            changed.invalidate(1).await;
            land.send(()).unwrap();
        });
        // Nothing old is in Redis, and what the slow one has in memory goes when the message arrives.
        assert_eq!(store.through(&changed).await, value);
        until(|| async { store.through(&slow).await == value }).await;
        changed.invalidate(1).await;
        until(|| async { slow_forgot(&slow).await }).await;
    }
}

/// Whether a value has to be looked for.
async fn slow_forgot(cached: &Cached<u32>) -> bool {
    matches!(cached.get_or_load(1, || async { Ok::<_, Infallible>(None) }).await, Ok(None))
}

#[tokio::test]
async fn what_another_build_wrote_in_another_shape_is_not_read_but_invalidated() {
    let server = TestRedis::shared();
    let (one, other, mut raw) = (process(server).await, process(server).await, raw(server).await);
    let old = resource("shape", Ttl::Fixed(MINUTE));
    let new: Cached<String> = other.of(Resource { shape: 2, ..old });
    one.of::<u32>(old).put(1, 5).await;
    let load = || async { Ok::<_, ()>(Some("new".to_owned())) };
    assert_eq!(*new.get_or_load(1, load).await.unwrap().unwrap(), "new");
    one.of::<u32>(old).invalidate(1).await;
    assert!(!raw.exists::<_, bool>("weir:cache:test:shape:1").await.unwrap());
    // What claims to be of the shape and is not, is replaced.
    raw.set::<_, _, ()>("weir:cache:test:shape:2", "2 {").await.unwrap();
    assert_eq!(*new.get_or_load(2, load).await.unwrap().unwrap(), "new");
    assert_eq!(raw.get::<_, String>("weir:cache:test:shape:2").await.unwrap(), "2 \"new\"");
}
