//! Letting go of what has expired.

use std::time::Duration;

use weir_base::Timestamp;
use weir_db::{Batch, Statement, args};

use crate::{Error, Identity};

/// How long ended sessions and expired invitations can still be looked at.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long failed logins count, at least.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

impl Identity {
    /// Removes sessions, links, invitations, counts of failed logins and signing keys whose time is over. Answers how
    /// many rows that were. Meant to be called daily.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn purge(&self, now: Timestamp) -> Result<u64, Error> {
        let before = now - KEPT;
        let batch = Batch::from(vec![
            // Their refresh tokens go with them.
            Statement::new("DELETE FROM sessions WHERE expires_at < $1 OR revoked_at < $1", args![before]),
            Statement::new("DELETE FROM one_time_tokens WHERE expires_at < $1", args![now]),
            Statement::new("DELETE FROM invitations WHERE expires_at < $1", args![before]),
            Statement::new("DELETE FROM login_failures WHERE last_at < $1", args![now - REMEMBERED]),
            Statement::new("DELETE FROM signing_keys WHERE retires_at < $1", args![now]),
        ]);
        let written = self.core.db.write(batch).await?;
        Ok(written.outcomes.iter().map(|outcome| outcome.affected).sum())
    }
}
