//! Redis away: at the start, amid traffic, silent; and back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use weir_base::{ManualClock, SystemClock, Timestamp};
use weir_testkit::{Stop, TestRedis};

use super::{MIB, MINUTE, Store, link_is, process, redis, resource, until};
use crate::local::UNTOLD;
use crate::shared::{Owed, PATIENCE};
use crate::{Backend, Cache, Cached, Ttl};

#[tokio::test]
async fn a_redis_that_comes_later_is_used_then() {
    let mut server = TestRedis::own();
    server.stop(Stop::Fast);
    let cache = Cache::connect(&server.url(), MIB).await.unwrap();
    let health = cache.health();
    assert_eq!((health.backend, health.up), (Backend::Redis, false));
    let (store, cached) = (Store::default(), cache.of(resource("later", Ttl::Fixed(MINUTE))));
    store.through(&cached).await;
    store.through(&cached).await;
    assert_eq!(store.reads(), 1);
    server.start();
    link_is(&cache, true).await;
    assert!(cache.health().up && cache.health().since > health.since);
    cache.close().await;
    assert!(!cache.health().up);
    store.through(&cached).await;
}

#[tokio::test]
async fn redis_stopped_amid_traffic_stops_nothing_and_what_was_missed_is_forgotten() {
    for how in [Stop::Fast, Stop::Crash] {
        let mut server = TestRedis::own();
        let (one, other) = (process(&server).await, process(&server).await);
        let (store, row) = (Store::default(), resource("traffic", Ttl::Fixed(MINUTE)));
        let (here, there): (Cached<u32>, Cached<u32>) = (one.of(row), other.of(row));
        for value in 1..200 {
            match value {
                50 => server.stop(how),
                150 => server.start(),
                _ => {}
            }
            store.set(value);
            here.invalidate(1).await;
            assert_eq!(store.through(&here).await, value);
            store.through(&there).await;
        }
        link_is(&one, true).await;
        link_is(&other, true).await;
        // All that was missed is over: both see the last value, without waiting for any time to live.
        until(|| async { store.through(&there).await == 199 }).await;
        assert_eq!(store.through(&here).await, 199);
        assert!(one.stats().redis_failures > 0);
    }
}

#[tokio::test]
async fn without_redis_memory_is_good_for_ten_seconds() {
    let mut server = TestRedis::own();
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH + MINUTE));
    let cache = redis(&server, clock.clone()).await;
    let (store, cached) = (Store::default(), cache.of(resource("untold", Ttl::Fixed(MINUTE))));
    store.through(&cached).await;
    server.stop(Stop::Crash);
    link_is(&cache, false).await;
    clock.advance(UNTOLD - Duration::from_millis(1));
    store.through(&cached).await;
    assert_eq!(store.reads(), 1);
    clock.advance(Duration::from_millis(1));
    store.through(&cached).await;
    assert_eq!(store.reads(), 2);
}

#[tokio::test]
async fn a_change_that_redis_missed_reaches_it_when_it_is_back() {
    let server = TestRedis::own();
    let (one, other) = (process(&server).await, process(&server).await);
    let (store, row) = (Store::default(), resource("missed", Ttl::Fixed(MINUTE)));
    let (here, there): (Cached<u32>, Cached<u32>) = (one.of(row), other.of(row));
    store.through(&here).await;
    store.through(&there).await;
    // The server stays, with what it knows; only this process loses it.
    one.shared().unwrap().down("cut off by the test");
    store.set(1);
    here.invalidate(1).await;
    assert_eq!(store.through(&there).await, 0);
    one.shared().unwrap().taken_down.notify_one();
    until(|| async { store.through(&there).await == 1 }).await;
}

#[tokio::test]
async fn too_many_missed_changes_empty_redis() {
    let server = TestRedis::own();
    let (one, other) = (process(&server).await, process(&server).await);
    let (store, row) = (Store::default(), resource("many", Ttl::Fixed(MINUTE)));
    store.through(&one.of(row)).await;
    store.through(&other.of(row)).await;
    store.set(1);
    one.shared().unwrap().owe_everything();
    until(|| async { store.through(&other.of(row)).await == 1 }).await;
}

#[tokio::test]
async fn a_silent_redis_costs_one_short_wait() {
    // It accepts connections and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("redis://{}", listener.local_addr().unwrap());
    let cache = Cache::connect_with(&address, MIB, Arc::new(SystemClock), PATIENCE).await.unwrap();
    let (store, cached) = (Store::default(), cache.of(resource("silent", Ttl::Fixed(MINUTE))));
    let window = cache.window("silent", MINUTE);
    let begun = Instant::now();
    for value in 0..100 {
        store.set(value);
        cached.invalidate(1).await;
        assert_eq!(store.through(&cached).await, value);
        assert!(window.hit("somebody", 1_000, 1).await.allowed);
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    cache.close().await;
}

#[tokio::test]
async fn a_change_during_the_making_up_for_an_older_one_is_made_up_for_as_well() {
    let server = TestRedis::own();
    let cache = process(&server).await;
    cache.close().await;
    let (shared, cached) = (cache.shared().unwrap(), cache.of::<u32>(resource("twice", Ttl::Fixed(MINUTE))));
    let client = redis::Client::open(server.url()).unwrap();
    let mut link = client.get_multiplexed_async_connection().await.unwrap();
    cached.invalidate(1).await;
    let Owed::Key(key) = shared.owed(&link) else { panic!("a change is owed") };
    shared.tell(&mut link, &key, None).await.unwrap();
    // Redis has the first change and not this one.
    cached.invalidate(1).await;
    assert!(matches!(shared.owed(&link), Owed::Key(_)));
}

#[tokio::test]
async fn a_redis_slower_than_the_patience_does_not_make_memory_useless() {
    let server = TestRedis::own();
    let cache = Cache::connect_with(&server.url(), MIB, Arc::new(SystemClock), Duration::ZERO).await.unwrap();
    let (store, cached) = (Store::default(), cache.of(resource("slow", Ttl::Fixed(MINUTE))));
    let window = cache.window("slow", MINUTE);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        store.through(&cached).await;
        window.hit("somebody", 1_000_000, 1).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(store.reads() <= 15, "{}", store.reads());
}
