//! What was read for one request and holds for the next ones, as long as nobody changes it.
//!
//! Only a process that has the database to itself may remember: nobody would tell it of what another process changed.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::RwLock;

/// How long a thing is remembered that nobody asks for.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// So many things of a sort are remembered at most.
const MAX_THINGS: u64 = 100_000;

/// Things of one sort by their ids.
pub(crate) struct Memory<K, V> {
    known: Cache<K, Arc<V>>,
    /// Counts the changes. What was read before one may be out of date after it.
    changes: RwLock<u64>,
    remembers: bool,
}

impl<K: Hash + Eq + Copy + Send + Sync + 'static, V: Send + Sync + 'static> Memory<K, V> {
    pub(crate) fn new(remembers: bool) -> Self {
        let known = Cache::builder().max_capacity(MAX_THINGS).time_to_idle(IDLE).build();
        Self { known, changes: RwLock::new(0), remembers }
    }

    /// The thing, if it is remembered; else as it is read, if it is there.
    pub(crate) async fn get<E>(
        &self,
        key: K,
        read: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<Arc<V>>, E> {
        if let Some(known) = self.known.get(&key) {
            return Ok(Some(known));
        }
        let before = *self.changes.read();
        let Some(found) = read.await?.map(Arc::new) else { return Ok(None) };
        if self.remembers {
            // No change can come between the comparison and the insertion: it waits for this lock.
            let changes = self.changes.read();
            if *changes == before {
                self.known.insert(key, Arc::clone(&found));
            }
        }
        Ok(Some(found))
    }

    /// Forgets things that were changed; from then on they are read as they are.
    pub(crate) fn forget(&self, keys: impl IntoIterator<Item = K>) {
        let mut changes = self.changes.write();
        *changes += 1;
        for key in keys {
            self.known.invalidate(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(memory: &Memory<u32, &'static str>, value: &'static str) -> &'static str {
        *memory.get(1, async { Ok::<_, ()>(Some(value)) }).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_thing_is_read_once_until_it_changes() {
        let memory = Memory::new(true);
        assert_eq!(get(&memory, "old").await, "old");
        assert_eq!(get(&memory, "new").await, "old");
        memory.forget([1]);
        assert_eq!(get(&memory, "new").await, "new");
    }

    #[tokio::test]
    async fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let memory = Memory::new(true);
        let read = async {
            memory.forget([1]);
            Ok::<_, ()>(Some("old"))
        };
        assert_eq!(*memory.get(1, read).await.unwrap().unwrap(), "old");
        assert_eq!(get(&memory, "new").await, "new");
    }

    #[tokio::test]
    async fn who_shares_the_database_remembers_nothing() {
        let memory = Memory::new(false);
        assert_eq!(get(&memory, "old").await, "old");
        assert_eq!(get(&memory, "new").await, "new");
    }
}
