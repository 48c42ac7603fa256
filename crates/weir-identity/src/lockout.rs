//! What slows down whoever guesses passwords: after five failed logins with an address it is locked for a minute, and
//! with each further one for twice as long, up to a quarter of an hour.
//!
//! Addresses without an account are locked just the same, so that a lock tells nothing.

use std::time::Duration;

use serde_json::json;
use weir_base::{Actor, Timestamp};
use weir_db::{Dialect, Statement, args};
use weir_events::DomainEvent;

use crate::email::email_key;
use crate::events::{event, of_user, somebody};
use crate::identity::Core;
use crate::secret::digest;
use crate::user::Account;
use crate::{Client, Error};

/// So many failures are forgiven.
const FORGIVEN: i64 = 5;

const MINUTE: Duration = Duration::from_secs(60);

impl Core {
    /// Counts an attempt before it is looked at, so that many at the same time are not more than one after the other.
    /// Answers how many there were since the last success.
    pub(crate) async fn admit_login(&self, email: &str, now: Timestamp) -> Result<i64, Error> {
        let instant = match self.db.dialect() {
            Dialect::Sqlite => "INTEGER",
            Dialect::Postgres => "timestamptz",
        };
        let admit = format!(
            "INSERT INTO login_failures AS known (email_hash, failures, locked_until, last_at) VALUES ($1, 1, NULL, $2) \
             ON CONFLICT (email_hash) DO UPDATE SET failures = known.failures + 1, last_at = $2, locked_until = \
             CASE WHEN known.failures + 1 < {FORGIVEN} THEN NULL \
             WHEN known.failures + 1 = {FORGIVEN} THEN CAST($3 AS {instant}) \
             WHEN known.failures + 1 = {FORGIVEN} + 1 THEN CAST($4 AS {instant}) \
             WHEN known.failures + 1 = {FORGIVEN} + 2 THEN CAST($5 AS {instant}) \
             WHEN known.failures + 1 = {FORGIVEN} + 3 THEN CAST($6 AS {instant}) \
             ELSE CAST($7 AS {instant}) END \
             WHERE known.locked_until IS NULL OR known.locked_until <= $2 RETURNING failures"
        );
        let hash = email_hash(email);
        let args = args![
            &hash[..],
            now,
            now + MINUTE,
            now + 2 * MINUTE,
            now + 4 * MINUTE,
            now + 8 * MINUTE,
            now + 15 * MINUTE
        ];
        let written = self.db.write(Statement::new(admit, args)).await?;
        if let Some(row) = written.rows(0).first() {
            return Ok(row.get(0)?);
        }
        let query = "SELECT locked_until FROM login_failures WHERE email_hash = $1";
        let rows = self.db.query(query, args![&hash[..]]).await?;
        let until: Option<Timestamp> = rows.first().map(|row| row.get(0)).transpose()?.flatten();
        Err(Error::LockedOut { until: until.unwrap_or(now) })
    }

    /// Tells of a failed login; for an address without an account in the same way, as far as time is concerned.
    pub(crate) async fn tell_failed_login(
        &self,
        account: Option<&Account>,
        failures: i64,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), Error> {
        let who = somebody(Actor::Anonymous, account.and_then(|account| account.home), client.address);
        let events: Vec<DomainEvent> = match account {
            // What was typed may be a password in the wrong field: it is not told.
            None => vec![event(&who, "LoginFailed", "user/unknown".to_owned(), now, json!({}))],
            Some(account) => {
                let user = account.user.id;
                let failed = of_user(&who, "LoginFailed", user, now, json!({ "failures": failures }));
                let locked = (failures >= FORGIVEN)
                    .then(|| of_user(&who, "UserLockedOut", user, now, json!({ "failures": failures })));
                std::iter::once(failed).chain(locked).collect()
            }
        };
        self.db.write(weir_events::tell(&events)).await?;
        Ok(())
    }
}

/// Forgives all failures with this address.
pub(crate) fn forgive(email: &str) -> Statement {
    Statement::new("DELETE FROM login_failures WHERE email_hash = $1", args![&email_hash(email)[..]])
}

fn email_hash(email: &str) -> [u8; 32] {
    digest(&email_key(email))
}
