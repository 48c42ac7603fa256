//! Counting hits in a window that slides, for limits.
//!
//! The approximation is the one Cloudflare counts with (blog.cloudflare.com/counting-things-a-lot-of-different-things):
//! two fixed windows, of which the previous counts by the part of it that the sliding window still covers, as if its
//! hits had come evenly. So two numbers a key are enough. Hits that are not let in do not count.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use weir_base::Clock;

use crate::shared::Shared;
use crate::tally::Tally;

/// Counts the hits of keys in one window: in Redis for all processes while it is there, else in this process.
pub struct SlidingWindow {
    name: &'static str,
    length: Duration,
    shared: Option<Arc<Shared>>,
    clock: Arc<dyn Clock>,
    tally: Tally,
}

/// What became of a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is let in.
    pub allowed: bool,
    /// The limit it was held against.
    pub limit: u32,
    /// So much more would be let in right now.
    pub remaining: u32,
    /// Of a hit that was not let in: how long until it would be, if no others come. Else: how long until nothing is
    /// left of what was counted in the running window's beginning, that is, until the running window ends.
    pub reset_after: Duration,
}

/// What is counted for a key at an instant. Times are milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) previous: u64,
    pub(crate) current: u64,
    /// Of the current window.
    pub(crate) elapsed: u64,
}

impl SlidingWindow {
    pub(crate) fn new(
        name: &'static str,
        length: Duration,
        shared: Option<Arc<Shared>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        // Windows are counted in whole milliseconds, and there must be one.
        let length = Duration::from_millis(millis(length).max(1));
        Self { name, length, shared, clock, tally: Tally::new() }
    }

    /// Counts a hit of this cost, if it fits into the limit. Keys are short: they name somebody.
    pub async fn hit(&self, key: &str, limit: u32, cost: u32) -> Verdict {
        let length = millis(self.length);
        if let Some(shared) = &self.shared {
            let counter = format!("{}:{key}", self.name);
            if let Some((allowed, previous, current, elapsed)) =
                Box::pin(shared.hit(&counter, self.length, limit, cost)).await
            {
                return Counts { previous, current, elapsed }.verdict(allowed, length, limit, cost);
            }
        }
        let now = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0);
        let (allowed, counts) = self.tally.hit(key, now, length, limit, cost);
        counts.verdict(allowed, length, limit, cost)
    }

    /// How many keys are counted in this process.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> usize {
        self.tally.keys()
    }
}

impl fmt::Debug for SlidingWindow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SlidingWindow").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Counts {
    /// Whether so much more fits into the limit. `hit.lua` says the same.
    pub(crate) const fn fit(self, length: u64, limit: u32, cost: u32) -> bool {
        self.weighed(length) + cost as u128 * length as u128 <= limit as u128 * length as u128
    }

    /// What the sliding window holds, times its length.
    const fn weighed(self, length: u64) -> u128 {
        let covered = length.saturating_sub(self.elapsed) as u128;
        self.previous as u128 * covered + self.current as u128 * length as u128
    }

    /// These are the counts after the hit.
    fn verdict(self, allowed: bool, length: u64, limit: u32, cost: u32) -> Verdict {
        let room = (u128::from(limit) * u128::from(length)).saturating_sub(self.weighed(length)) / u128::from(length);
        let wait = if allowed { length.saturating_sub(self.elapsed) } else { self.wait(length, limit, cost) };
        Verdict {
            allowed,
            limit,
            remaining: u32::try_from(room).unwrap_or(u32::MAX),
            reset_after: Duration::from_millis(wait),
        }
    }

    /// How long until so much would fit, if nothing else comes. What never fits is told to come back when everything
    /// else is gone.
    fn wait(self, length: u64, limit: u32, cost: u32) -> u64 {
        let (limit, cost) = (u64::from(limit), u64::from(cost));
        let left = length.saturating_sub(self.elapsed);
        // While the current window runs, the previous fades.
        if self.current + cost <= limit
            && let Some(covered) = ((limit - self.current - cost) * length).checked_div(self.previous)
        {
            return left.saturating_sub(covered);
        }
        // Then the current one does.
        if cost <= limit
            && let Some(covered) = ((limit - cost) * length).checked_div(self.current)
        {
            return left + length.saturating_sub(covered);
        }
        left + length
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
