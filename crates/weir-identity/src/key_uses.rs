//! When each key was last used, written down at most once a minute.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use weir_base::{ApiKeyId, Timestamp};
use weir_db::{Statement, args};

use crate::identity::Core;

/// A use within this time of the last that was written down is not.
const EVERY: Duration = Duration::from_secs(60);

/// So many keys are remembered before the old ones are let go of.
const MAX_KEYS: usize = 10_000;

/// When the use of each key was last written down by this process.
#[derive(Default)]
pub(crate) struct KeyUses(Mutex<HashMap<ApiKeyId, Timestamp>>);

impl KeyUses {
    /// Whether this use is to be written down.
    fn is_due(&self, key: ApiKeyId, now: Timestamp) -> bool {
        let mut noted = self.0.lock();
        if noted.get(&key).is_some_and(|at| now < *at + EVERY) {
            return false;
        }
        if noted.len() >= MAX_KEYS {
            noted.retain(|_, at| now < *at + EVERY);
        }
        noted.insert(key, now);
        true
    }
}

impl Core {
    /// Notes that the key is used. A request does not fail because that cannot be written down.
    pub(crate) async fn note_key_use(&self, key: ApiKeyId, now: Timestamp) {
        if !self.key_uses.is_due(key, now) {
            return;
        }
        let update =
            "UPDATE api_keys SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)";
        if let Err(error) = Box::pin(self.db.write(Statement::new(update, args![now, key]))).await {
            tracing::warn!(%key, %error, "the last use of an api key was not written down");
        }
    }
}
