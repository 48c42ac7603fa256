//! Counting in sliding windows.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use weir_testkit::{Stop, TestRedis};

use super::{MINUTE, both, link_is, process};
use crate::tally::Tally;

const LENGTH: u64 = 60_000;

#[tokio::test]
async fn a_limit_lets_in_so_many_and_tells_when_to_come_back() {
    let (cache, clock) = both().await.swap_remove(0);
    let window = cache.window("limit", MINUTE);
    for left in (0..10).rev() {
        let verdict = window.hit("a", 10, 1).await;
        assert_eq!((verdict.allowed, verdict.remaining, verdict.limit), (true, left, 10));
        assert_eq!(verdict.reset_after, MINUTE);
    }
    let refused = window.hit("a", 10, 1).await;
    // Six seconds into the next window, a tenth of the ten has faded.
    assert_eq!((refused.allowed, refused.remaining, refused.reset_after), (false, 0, Duration::from_secs(66)));
    assert!(window.hit("b", 10, 1).await.allowed);
    clock.advance(refused.reset_after - Duration::from_millis(1));
    let refused = window.hit("a", 10, 1).await;
    assert_eq!((refused.allowed, refused.reset_after), (false, Duration::from_millis(1)));
    clock.advance(Duration::from_millis(1));
    assert!(window.hit("a", 10, 1).await.allowed);
    assert!(!window.hit("a", 10, 1).await.allowed);
    assert!(!window.hit("c", 10, 11).await.allowed);
    assert!(window.hit("c", 10, 10).await.allowed);
}

#[tokio::test]
async fn processes_count_together_and_each_for_itself_without_redis() {
    let mut server = TestRedis::own();
    let (one, other) = (process(&server).await, process(&server).await);
    // So long that the test does not reach its end.
    let length = Duration::from_secs(1_000_000);
    let windows = [one.window("together", length), other.window("together", length)];
    let mut allowed = 0;
    for hit in 0..40 {
        allowed += u32::from(windows[hit % 2].hit("somebody", 25, 1).await.allowed);
    }
    assert_eq!((allowed, windows[0].keys()), (25, 0));
    let refused = windows[0].hit("somebody", 25, 1).await;
    assert!(refused.remaining == 0 && refused.reset_after > Duration::ZERO, "{refused:?}");
    server.stop(Stop::Crash);
    link_is(&one, false).await;
    for hit in 0..40 {
        assert_eq!(windows[0].hit("somebody", 25, 1).await.allowed, hit < 25);
    }
}

#[tokio::test]
async fn redis_slides_as_memory_does() {
    let cache = process(TestRedis::shared()).await;
    let window = cache.window("slides", Duration::from_millis(200));
    let begun = Instant::now();
    let mut allowed = 0_u32;
    while begun.elapsed() < Duration::from_secs(2) {
        allowed += u32::from(window.hit("somebody", 10, 1).await.allowed);
    }
    // Ten windows of ten, and where one is cut, by how busy the machine is.
    assert!((50..=130).contains(&allowed), "{allowed}");
}

#[test]
fn a_million_strangers_take_no_more_memory_and_do_not_free_who_is_at_the_limit() {
    let tally = Tally::new();
    for _ in 0..100 {
        assert!(tally.hit("greedy", 0, LENGTH, 100, 1).0);
    }
    for stranger in 0..1_000_000_u32 {
        assert!(tally.hit(&stranger.to_string(), 1, LENGTH, 100, 1).0);
    }
    assert!(tally.keys() <= 131_072);
    assert!(!tally.hit("greedy", 2, LENGTH, 100, 1).0);
}

proptest! {
    #[test]
    fn no_fixed_window_gets_more_than_the_limit_and_no_sliding_one_twice_as_much(
        limit in 1_u32..50,
        hits in proptest::collection::vec((0_u64..20_000, 1_u32..4), 1..300),
    ) {
        let (tally, mut now) = (Tally::new(), LENGTH);
        let mut let_in: Vec<(u64, u32)> = Vec::new();
        for (pause, cost) in hits {
            now += pause;
            let (allowed, counts) = tally.hit("key", now, LENGTH, limit, cost);
            prop_assert!(counts.fit(LENGTH, limit, 0));
            if allowed {
                let_in.push((now, cost));
            }
            let within = |from: u64| let_in.iter().filter(|(at, _)| *at >= from).map(|(_, cost)| cost).sum::<u32>();
            prop_assert!(within(now / LENGTH * LENGTH) <= limit);
            prop_assert!(within(now - LENGTH + 1) < 2 * limit.max(1) + 1);
        }
    }

    #[test]
    fn who_comes_evenly_gets_the_limit_in_any_window(limit in 1_u32..200, pause in 1_u64..2_000) {
        let tally = Tally::new();
        let mut let_in: std::collections::VecDeque<u64> = [].into();
        for hit in 0..2_000_u64 {
            let now = 5 * LENGTH + hit * pause;
            if tally.hit("key", now, LENGTH, limit, 1).0 {
                let_in.push_back(now);
            }
            while let_in.front().is_some_and(|at| at + LENGTH <= now) {
                let_in.pop_front();
            }
            // A burst at the start is spread over the next window as if it had been even: never more than a quarter.
            let most = limit + limit / 4 + 1;
            prop_assert!(let_in.len() as u32 <= most, "{} of {limit}", let_in.len());
        }
    }
}
