//! What holds in memory and with Redis alike.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::{Barrier, Notify, oneshot};

use super::{MINUTE, Store, both, resource};
use crate::{Cache, Cached, Error, Ttl};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_thing_is_loaded_once_and_handed_out_as_it_is() {
    for (cache, _) in both().await {
        let cached: Cached<String> = cache.of(resource("once", Ttl::Fixed(MINUTE)));
        let load = || async { Ok::<_, ()>(Some("value".to_owned())) };
        let first = cached.get_or_load(1, load).await.unwrap().unwrap();
        let second = cached.get_or_load(1, || async { Err("not asked") }).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let stats = cache.stats();
        assert_eq!((stats.loads, stats.memory_hits, stats.entries), (1, 1, 1));
        cache.close().await;
    }
}

#[tokio::test]
async fn a_fixed_time_ends_however_often_one_asks() {
    let (cache, clock) = both().await.swap_remove(0);
    let (store, cached) = (Store::default(), cache.of(resource("fixed", Ttl::Fixed(MINUTE))));
    for _ in 0..59 {
        store.through(&cached).await;
        clock.advance(SECOND);
    }
    store.through(&cached).await;
    assert_eq!(store.reads(), 1);
    clock.advance(SECOND);
    store.through(&cached).await;
    assert_eq!(store.reads(), 2);
}

#[tokio::test]
async fn a_sliding_time_ends_when_nobody_asks() {
    let (cache, clock) = both().await.swap_remove(0);
    let (store, cached) = (Store::default(), cache.of(resource("sliding", Ttl::Sliding(MINUTE))));
    for _ in 0..10 {
        store.through(&cached).await;
        clock.advance(59 * SECOND);
    }
    store.through(&cached).await;
    assert_eq!(store.reads(), 1);
    clock.advance(MINUTE);
    store.through(&cached).await;
    assert_eq!(store.reads(), 2);
}

#[tokio::test]
async fn a_hundred_concurrent_misses_are_one_load() {
    for (cache, _) in both().await {
        let cached: Cached<u32> = cache.of(resource("hundred", Ttl::Fixed(MINUTE)));
        let (loads, all, go_on) = (AtomicU32::new(0), Barrier::new(101), Notify::new());
        let askers = (0..100).map(|_| async {
            all.wait().await;
            let load = || async {
                loads.fetch_add(1, Ordering::SeqCst);
                go_on.notified().await;
                Ok::<_, ()>(Some(7))
            };
            *cached.get_or_load(1, load).await.unwrap().unwrap()
        });
        let (values, ()) = futures::join!(futures::future::join_all(askers), async {
            all.wait().await;
            go_on.notify_one();
        });
        assert_eq!((values, loads.into_inner()), (vec![7; 100], 1));
        cache.close().await;
    }
}

#[tokio::test]
async fn an_error_reaches_all_who_wait_and_is_not_kept() {
    for (cache, _) in both().await {
        let cached: Cached<u32> = cache.of(resource("error", Ttl::Fixed(MINUTE)));
        let (loads, go_on) = (AtomicU32::new(0), Notify::new());
        let ask = || {
            cached.get_or_load(1, || async {
                loads.fetch_add(1, Ordering::SeqCst);
                go_on.notified().await;
                Err("broken")
            })
        };
        let (first, second, ()) = futures::join!(ask(), ask(), async {
            tokio::task::yield_now().await;
            go_on.notify_one();
        });
        assert_eq!((*first.unwrap_err(), *second.unwrap_err(), loads.into_inner()), ("broken", "broken", 1));
        let later = cached.get_or_load(1, || async { Ok::<_, ()>(Some(1)) }).await.unwrap();
        assert_eq!(later.as_deref(), Some(&1));
        cache.close().await;
    }
}

#[tokio::test]
async fn who_waits_for_a_cancelled_load_loads() {
    for (cache, _) in both().await {
        let cached: Cached<u32> = cache.of(resource("cancelled", Ttl::Fixed(MINUTE)));
        let began = Arc::new(Notify::new());
        let leader = tokio::spawn({
            let (cached, began) = (cached.clone(), Arc::clone(&began));
            async move {
                let load = || async {
                    began.notify_one();
                    futures::future::pending::<Result<Option<u32>, ()>>().await
                };
                cached.get_or_load(1, load).await
            }
        });
        began.notified().await;
        let followers = (0..10).map(|_| cached.get_or_load(1, || async { Ok::<_, ()>(Some(2)) }));
        let (values, ()) = futures::join!(futures::future::join_all(followers), async { leader.abort() });
        assert!(values.into_iter().all(|value| value.unwrap().as_deref() == Some(&2)));
        assert_eq!(cache.stats().loads, 2);
        cache.close().await;
    }
}

#[tokio::test]
async fn that_there_is_nothing_is_kept_only_if_asked_for() {
    for (cache, _) in both().await {
        let loads = AtomicU32::new(0);
        let load = || loads.fetch_add(1, Ordering::SeqCst);
        let cached: Cached<u32> = cache.of(resource("nothing", Ttl::Fixed(MINUTE)));
        for _ in 0..2 {
            let found = cached
                .get_or_load(1, || async {
                    load();
                    Ok::<_, ()>(None)
                })
                .await;
            assert_eq!(found, Ok(None));
        }
        assert_eq!(loads.swap(0, Ordering::SeqCst), 2);
        let cached: Cached<Option<u32>> = cache.of(resource("perhaps", Ttl::Fixed(MINUTE)));
        for _ in 0..2 {
            let found = cached
                .get_or_load(1, || async {
                    load();
                    Ok::<_, ()>(Some(None))
                })
                .await;
            assert_eq!(found, Ok(Some(Arc::new(None))));
        }
        assert_eq!(loads.into_inner(), 1);
        cache.close().await;
    }
}

#[tokio::test]
async fn what_is_too_large_is_handed_out_and_not_kept() {
    for (cache, _) in both().await {
        let cached: Cached<String> = cache.of(resource("large", Ttl::Fixed(MINUTE)));
        for loads in 1..=2 {
            let value = cached.get_or_load(1, || async { Ok::<_, ()>(Some("x".repeat(1_000))) }).await.unwrap();
            assert_eq!((value.unwrap().len(), cache.stats().loads), (1_000, loads));
        }
        cache.close().await;
    }
}

#[tokio::test]
async fn what_is_put_is_there_until_it_is_forgotten() {
    for (cache, _) in both().await {
        let (store, cached) = (Store::default(), cache.of(resource("put", Ttl::Fixed(MINUTE))));
        cached.put(1, 5).await;
        assert_eq!((store.through(&cached).await, store.reads()), (5, 0));
        cached.invalidate(1).await;
        assert_eq!((store.through(&cached).await, store.reads()), (0, 1));
        cache.close().await;
    }
}

#[tokio::test]
async fn memory_is_bounded() {
    let cache = Cache::memory(100_000);
    let cached: Cached<u32> = cache.of(resource("bounded", Ttl::Fixed(MINUTE)));
    for id in 0..20_000_u32 {
        cached.put(id, id).await;
    }
    let stats = cache.stats();
    assert!(stats.bytes <= 100_000 && stats.entries > 100, "{stats:?}");
}

#[tokio::test]
async fn only_addresses_of_caches_are_taken_and_their_passwords_not_told() {
    for address in ["", "memcached://host", "redis:/host", "http://host"] {
        assert!(matches!(Cache::connect(address, 1).await, Err(Error::Scheme)), "{address}");
    }
    let error = Cache::connect("redis://:secret@host:port", 1).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
}

/// What happens, in some order, to one thing.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A load begins: it reads the store and lands later.
    Begin,
    /// The load that began first lands.
    Land,
    /// The store is written and the thing forgotten.
    Change,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_load_brings_back_what_was_changed_since(
        steps in proptest::collection::vec(prop_oneof![Just(Step::Begin), Just(Step::Land), Just(Step::Change)], 1..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for (cache, _) in both().await {
                let cached: Cached<u32> = cache.of(resource("race", Ttl::Fixed(MINUTE)));
                cached.invalidate(1).await;
                let store = Arc::new(Store::default());
                let (mut landings, mut tasks) = (VecDeque::new(), Vec::new());
                for &step in &steps {
                    match step {
                        Step::Begin => {
                            let (land, landing) = oneshot::channel::<()>();
                            let (cached, store) = (cached.clone(), Arc::clone(&store));
                            landings.push_back(land);
                            tasks.push(tokio::spawn(async move {
                                let load = || async {
                                    let value = store.read().await;
                                    // Also if it is dropped, at the end.
                                    let _ = landing.await;
                                    value
                                };
                                cached.get_or_load(1, load).await.map(drop)
                            }));
                            tokio::task::yield_now().await;
                        }
                        Step::Land => drop(landings.pop_front()),
                        Step::Change => {
                            store.set(store.value.load(Ordering::SeqCst) + 1);
                            cached.invalidate(1).await;
                        }
                    }
                }
                drop(landings);
                for task in tasks {
                    task.await.unwrap().unwrap();
                }
                let now = store.value.load(Ordering::SeqCst);
                // Whatever is kept, here or in Redis, is what the store says.
                prop_assert_eq!(store.through(&cached).await, now);
                cache.local().clear();
                prop_assert_eq!(store.through(&cached).await, now);
                cache.close().await;
            }
            Ok(())
        })?;
    }
}
