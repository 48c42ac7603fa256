//! Sessions: seeing and ending them.

use serde_json::json;
use weir_base::{Principal, SessionId, Timestamp, UserId};
use weir_db::{Batch, Statement, args};

use crate::events::{of_user, tell};
use crate::identity::{Core, signed_in};
use crate::{Error, Identity};

/// One sign-in that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// What program it was begun with, in its own words.
    pub user_agent: Option<String>,
    /// From which address it was begun.
    pub address: Option<String>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last refreshed.
    pub last_seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Which sessions of a user end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// This one.
    One(SessionId),
    /// All but this one, if there is one.
    AllBut(Option<SessionId>),
}

impl Identity {
    /// The sessions of whoever asks that have not ended, the newest first.
    ///
    /// # Errors
    /// [`Error::NoPerson`] unless somebody is signed in by a session.
    pub async fn sessions(&self, who: &Principal) -> Result<Vec<Session>, Error> {
        let (core, (user, current)) = (&self.core, signed_in(who)?);
        let query = "SELECT id, user_agent, address, created_at, last_seen_at, expires_at FROM sessions \
                     WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 AND last_seen_at > $3 \
                     ORDER BY id DESC LIMIT 200";
        let now = core.now();
        let rows = core.db.query(query, args![user, now, now - core.config.session_idle]).await?;
        let read = |row: &weir_db::Row| {
            let id = row.get(0)?;
            Ok(Session {
                id,
                user_agent: row.get(1)?,
                address: row.get(2)?,
                created_at: row.get(3)?,
                last_seen_at: row.get(4)?,
                expires_at: row.get(5)?,
                current: id == current,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Ends one of the sessions of whoever asks.
    ///
    /// # Errors
    /// [`Error::NoSession`] if it is not theirs or has ended; [`Error::NoPerson`].
    pub async fn revoke_session(&self, who: &Principal, session: SessionId) -> Result<(), Error> {
        let (user, _) = signed_in(who)?;
        let told = of_user(who, "SessionRevoked", user, self.core.now(), json!({ "session": session }));
        match self.core.end_sessions(user, Ending::One(session), Batch::from(tell(told))).await? {
            0 => Err(Error::NoSession(session)),
            _ => Ok(()),
        }
    }
}

/// The statement that ends sessions of a user; it returns their ids.
pub(crate) fn end(user: UserId, which: Ending, now: Timestamp) -> Statement {
    let (condition, session) = match which {
        Ending::One(session) => ("id = $3", session),
        // No session has the nil id.
        Ending::AllBut(session) => ("id <> $3", session.unwrap_or(SessionId::from_uuid(uuid::Uuid::nil()))),
    };
    let update = format!(
        "UPDATE sessions SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL AND {condition} RETURNING id"
    );
    Statement::new(update, args![now, user, session])
}

impl Core {
    /// Ends sessions, and tells of it if there were any. Answers how many.
    pub(crate) async fn end_sessions(&self, user: UserId, which: Ending, told: Batch) -> Result<u64, Error> {
        let ended = match which {
            Ending::One(session) => {
                let mut batch = Batch::from(end(user, which, self.now()).exactly(1));
                batch.append(told);
                match self.db.write(batch).await {
                    Ok(_) => vec![session],
                    Err(weir_db::Error::Expectation { statement: 0, .. }) => vec![],
                    Err(error) => return Err(error.into()),
                }
            }
            Ending::AllBut(_) => {
                let mut batch = Batch::from(end(user, which, self.now()));
                batch.append(told);
                ended(self.db.write(batch).await?.rows(0))?
            }
        };
        self.forget_sessions(&ended).await;
        Ok(ended.len() as u64)
    }
}

/// The sessions that [`end`] ended.
pub(crate) fn ended(rows: &[weir_db::Row]) -> Result<Vec<SessionId>, Error> {
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}
