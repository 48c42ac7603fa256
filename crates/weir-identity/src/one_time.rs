//! Links that are good once: to set another password, and to prove that an address is one's own.

use std::time::Duration;

use weir_base::{Timestamp, UserId};
use weir_db::{Statement, args};

use crate::Error;
use crate::identity::Core;
use crate::secret::{digest, token};

/// So many links of one purpose a user can have at a time; more would only be a way to flood them with mails.
const MAX_OPEN: i64 = 3;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Setting another password.
    Reset,
    /// Proving that an address is one's own.
    Verify,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Verify => "verify",
        }
    }
}

/// A token with the statement that stores it.
pub(crate) fn issue(purpose: Purpose, user: UserId, now: Timestamp, life: Duration) -> (String, Statement) {
    let token = token();
    let insert = "INSERT INTO one_time_tokens (hash, purpose, user_id, created_at, expires_at) \
                  VALUES ($1, $2, $3, $4, $5)";
    let args = args![&digest(&token)[..], purpose.as_str(), user, now, now + life];
    (token, Statement::new(insert, args))
}

/// The statement that uses a token up; of two that do so at the same time one fails.
pub(crate) fn redemption(purpose: Purpose, token: &str, now: Timestamp) -> Statement {
    let update = "UPDATE one_time_tokens SET used_at = $1 \
                  WHERE hash = $2 AND purpose = $3 AND used_at IS NULL AND expires_at > $1";
    Statement::new(update, args![now, &digest(token)[..], purpose.as_str()]).exactly(1)
}

/// The statement that makes all other links of the purpose worthless.
pub(crate) fn withdrawal(purpose: Purpose, user: UserId) -> Statement {
    let delete = "DELETE FROM one_time_tokens WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL";
    Statement::new(delete, args![user, purpose.as_str()])
}

impl Core {
    /// Whose token it is, if it is good.
    pub(crate) async fn token_owner(&self, purpose: Purpose, token: &str) -> Result<UserId, Error> {
        let query = "SELECT user_id FROM one_time_tokens \
                     WHERE hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3";
        let rows = self.db.query(query, args![&digest(token)[..], purpose.as_str(), self.now()]).await?;
        rows.first().map(|row| row.get(0)).transpose()?.ok_or(Error::InvalidLink)
    }

    /// Whether the user has as many links as one may have.
    pub(crate) async fn has_enough_links(&self, purpose: Purpose, user: UserId) -> Result<bool, Error> {
        let query = "SELECT count(*) FROM one_time_tokens \
                     WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3";
        let rows = self.db.query(query, args![user, purpose.as_str(), self.now()]).await?;
        Ok(rows.first().map_or(Ok(0), |row| row.get::<i64>(0))? >= MAX_OPEN)
    }
}
