//! The counts of many keys in memory, bounded: strangers decide how many keys there are.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use parking_lot::Mutex;

use crate::window::Counts;

/// Shards, so that cores do not wait for each other. A power of two.
const SHARDS: usize = 64;

/// The most keys of a shard; all in all 131,072, of some 50 bytes each.
const MAX_KEYS: usize = 2_048;

/// So many slots are looked at to find the one to give up.
const LOOKED_AT: usize = 8;

pub(crate) struct Tally {
    shards: Vec<Mutex<Shard>>,
    /// Secret, so that nobody can choose keys that fall together. Two keys of one hash would count as one; among so
    /// few of 64 bits that does not happen.
    hasher: RandomState,
}

#[derive(Default)]
struct Shard {
    places: HashMap<u64, usize>,
    slots: Vec<Slot>,
    /// Where the search for a slot to give up goes on.
    hand: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    key: u64,
    /// The number of the window in which `current` is counted.
    window: u64,
    previous: u32,
    current: u32,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hasher: RandomState::new() }
    }

    /// Counts a hit if it fits; answers whether it did, and the counts after it. Times are milliseconds, `now` since
    /// the epoch.
    pub(crate) fn hit(&self, key: &str, now: u64, length: u64, limit: u32, cost: u32) -> (bool, Counts) {
        let key = self.hasher.hash_one(key);
        let (window, elapsed) = (now / length, now % length);
        let mut shard = self.shards[key as usize % SHARDS].lock();
        let place = shard.place(key, window);
        let slot = &mut shard.slots[place];
        slot.turn_to(window);
        let mut counts = Counts { previous: slot.previous.into(), current: slot.current.into(), elapsed };
        let allowed = counts.fit(length, limit, cost);
        if allowed {
            // What fits into a limit of 32 bits fits in here.
            slot.current = slot.current.saturating_add(cost);
            counts.current = slot.current.into();
        }
        (allowed, counts)
    }

    #[cfg(test)]
    pub(crate) fn keys(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().slots.len()).sum()
    }
}

impl Shard {
    /// Where the key is counted from now on.
    fn place(&mut self, key: u64, window: u64) -> usize {
        if let Some(&place) = self.places.get(&key) {
            return place;
        }
        let slot = Slot { key, window, previous: 0, current: 0 };
        let place = if self.slots.len() < MAX_KEYS {
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            let place = self.victim(window);
            self.places.remove(&self.slots[place].key);
            self.slots[place] = slot;
            place
        };
        self.places.insert(key, place);
        place
    }

    /// The slot to give up: of the next few, one that is idle, else the one that counted least. So a flood of
    /// strangers pushes out strangers, not those who are near their limit.
    fn victim(&mut self, window: u64) -> usize {
        let mut best = (u64::MAX, self.hand);
        for step in 0..LOOKED_AT {
            let place = (self.hand + step) % self.slots.len();
            let slot = &self.slots[place];
            let counted = match window.saturating_sub(slot.window) {
                0 => u64::from(slot.previous) + u64::from(slot.current),
                1 => u64::from(slot.current),
                _ => 0,
            };
            if counted < best.0 {
                best = (counted, place);
            }
        }
        self.hand = (self.hand + LOOKED_AT) % self.slots.len();
        best.1
    }
}

impl Slot {
    /// A clock that was set back goes on counting in the later window.
    fn turn_to(&mut self, window: u64) {
        match window.saturating_sub(self.window) {
            0 => return,
            1 => self.previous = self.current,
            _ => self.previous = 0,
        }
        self.current = 0;
        self.window = window;
    }
}
