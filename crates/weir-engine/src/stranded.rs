//! Executions that this process may drive and yet does not: they could not be read, recorded or gone on with.
//!
//! The store says that they are driven here, so nobody else takes them up. They are tried again, ever more rarely, and
//! each try is told in the log.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use weir_base::ExecutionId;

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// When to try which of them again.
#[derive(Debug, Default)]
pub(crate) struct Stranded(Mutex<HashMap<ExecutionId, Next>>);

#[derive(Debug)]
struct Next {
    at: Instant,
    wait: Duration,
}

impl Stranded {
    /// Tries this one again later; one that is known keeps its turn.
    pub(crate) fn add(&self, id: ExecutionId) {
        let next = || Next { at: Instant::now() + FIRST_WAIT, wait: FIRST_WAIT };
        self.0.lock().entry(id).or_insert_with(next);
    }

    /// It is driven again, or another's.
    pub(crate) fn forget(&self, id: ExecutionId) {
        self.0.lock().remove(&id);
    }

    /// Those whose turn it is.
    pub(crate) fn due(&self) -> Vec<ExecutionId> {
        let now = Instant::now();
        let mut stranded = self.0.lock();
        let due = stranded.iter_mut().filter(|(_, next)| next.at <= now);
        due.map(|(id, next)| {
            next.wait = (next.wait * 2).min(LONGEST_WAIT);
            next.at = now + next.wait;
            *id
        })
        .collect()
    }
}
