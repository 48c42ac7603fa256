//! Refreshing: each refresh token is good once; one that comes again ends its session.

use serde_json::json;
use weir_base::{Actor, SessionId, Timestamp, UserId};
use weir_db::{Batch, Statement, args};

use crate::events::{of_user, somebody, tell};
use crate::identity::Core;
use crate::secret::{digest, token};
use crate::sessions::Ending;
use crate::tokens::{Beginning, new_refresh_token};
use crate::user::Account;
use crate::{Client, Denial, Error, Identity, Tokens};

/// A refresh token with its session and its user.
struct Found {
    session: SessionId,
    user: UserId,
    used: bool,
    revoked: bool,
    active: bool,
    must_change_password: bool,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
}

impl Identity {
    /// Gives new tokens for a refresh token, which is used up by it. Of two that come with the same token at the same
    /// time one gets new tokens; the other, as whoever comes with a used one, ends the session: one of the two is a
    /// thief, and nobody knows which.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`].
    pub async fn refresh(&self, refresh_token: &str, client: &Client) -> Result<Tokens, Error> {
        let core = &self.core;
        let hash = digest(refresh_token);
        let now = core.now();
        let found = core.refresh_token(&hash).await?.ok_or(Denial::Forged)?;
        if found.used {
            return core.stop_reuse(&found, client).await;
        }
        if found.revoked {
            return Err(Denial::Revoked.into());
        }
        if found.expires_at <= now || found.last_seen_at + core.config.session_idle <= now {
            return Err(Denial::Expired.into());
        }
        if !found.active {
            return Err(Denial::Inactive.into());
        }
        let beginning = Beginning { session: found.session, refresh_token: token(), expires_at: found.expires_at };
        let take = "UPDATE refresh_tokens SET used_at = $1 WHERE hash = $2 AND used_at IS NULL";
        let go_on = "UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND revoked_at IS NULL";
        let batch = Batch::from(vec![
            Statement::new(take, args![now, &hash[..]]).exactly(1),
            Statement::new(go_on, args![now, found.session]).exactly(1),
            new_refresh_token(found.session, &beginning.refresh_token, now),
        ]);
        match core.db.write(batch).await {
            Ok(_) => core.tokens(found.user, found.must_change_password, beginning, now).await,
            Err(weir_db::Error::Expectation { statement: 0, .. }) => core.stop_reuse(&found, client).await,
            Err(weir_db::Error::Expectation { .. }) => Err(Denial::Revoked.into()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Core {
    async fn refresh_token(&self, hash: &[u8; 32]) -> Result<Option<Found>, Error> {
        let query = "SELECT s.id, s.user_id, t.used_at IS NOT NULL, s.revoked_at IS NOT NULL, u.is_active, \
                     u.must_change_password, s.last_seen_at, s.expires_at \
                     FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id JOIN users u ON u.id = s.user_id \
                     WHERE t.hash = $1";
        let rows = self.db.query(query, args![&hash[..]]).await?;
        let read = |row: &weir_db::Row| {
            Ok(Found {
                session: row.get(0)?,
                user: row.get(1)?,
                used: row.get(2)?,
                revoked: row.get(3)?,
                active: row.get(4)?,
                must_change_password: row.get(5)?,
                last_seen_at: row.get(6)?,
                expires_at: row.get(7)?,
            })
        };
        rows.first().map(read).transpose()
    }

    /// Ends the session of a token that came again.
    async fn stop_reuse(&self, found: &Found, client: &Client) -> Result<Tokens, Error> {
        let home = Account::by_id(&self.db, found.user).await?.and_then(|account| account.home);
        let who = somebody(Actor::Anonymous, home, client.address);
        let data = json!({ "session": found.session });
        let told = of_user(&who, "RefreshTokenReused", found.user, self.now(), data);
        self.end_sessions(found.user, Ending::One(found.session), Batch::from(tell(told))).await?;
        Err(Denial::Reused.into())
    }
}
