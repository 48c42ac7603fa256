//! What somebody who signed in gets, and how a session begins.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;
use weir_base::{Actor, SessionId, Timestamp, UserId, WorkspaceId};
use weir_db::{Batch, Statement, args};

use crate::Error;
use crate::events::{of_user, somebody, tell};
use crate::identity::Core;
use crate::secret::{digest, token};
use crate::user::{Account, stored_version};

/// The longest description of a program that is kept, in characters.
const MAX_USER_AGENT: usize = 200;

/// From where, and with what, somebody signs in.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The address the request came from.
    pub address: Option<IpAddr>,
    /// What the program says it is.
    pub user_agent: Option<String>,
}

/// What proves who somebody is from now on.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// To be sent with each request, as a bearer token.
    pub access_token: String,
    /// How long the access token is good for.
    pub expires_in: Duration,
    /// Good for one [`refresh`](crate::Identity::refresh).
    pub refresh_token: String,
    /// The session they belong to.
    pub session: SessionId,
    /// Whose they are.
    pub user: UserId,
    /// Whether nothing is allowed until the password is changed.
    pub must_change_password: bool,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("session", &self.session).field("user", &self.user).finish_non_exhaustive()
    }
}

/// A session that begins with the batch.
pub(crate) struct Beginning {
    pub(crate) session: SessionId,
    pub(crate) refresh_token: String,
    pub(crate) expires_at: Timestamp,
}

impl Core {
    /// Adds to the batch what begins a session of this user.
    pub(crate) fn begin_session(
        &self,
        batch: &mut Batch,
        user: UserId,
        home: Option<WorkspaceId>,
        client: &Client,
        now: Timestamp,
    ) -> Beginning {
        let beginning =
            Beginning { session: SessionId::new(), refresh_token: token(), expires_at: now + self.config.session_life };
        let insert = "INSERT INTO sessions (id, user_id, user_agent, address, created_at, last_seen_at, expires_at) \
                      VALUES ($1, $2, $3, $4, $5, $5, $6)";
        let user_agent = client
            .user_agent
            .as_deref()
            .map(|text| -> String { text.chars().filter(|char| !char.is_control()).take(MAX_USER_AGENT).collect() });
        let address = client.address.map(|address| address.to_string());
        let args = args![beginning.session, user, user_agent, address, now, beginning.expires_at];
        batch.push(Statement::new(insert, args));
        batch.push(new_refresh_token(beginning.session, &beginning.refresh_token, now));
        batch.push(tell(of_user(
            &somebody(Actor::User { user, session: beginning.session }, home, client.address),
            "UserLoggedIn",
            user,
            now,
            json!({ "session": beginning.session }),
        )));
        beginning
    }

    /// Signs in the owner of the account as it was read. Answers nothing if it has changed since.
    pub(crate) async fn sign_in(
        &self,
        account: &Account,
        batch: Batch,
        client: &Client,
    ) -> Result<Option<Tokens>, Error> {
        let (user, now) = (&account.user, self.now());
        let guard = "UPDATE users SET last_login_at = $1 WHERE id = $2 AND version = $3 AND is_active";
        let guard = Statement::new(guard, args![now, user.id, stored_version(user.version)]).exactly(1);
        let mut whole = Batch::from(guard);
        whole.append(batch);
        let beginning = self.begin_session(&mut whole, user.id, account.home, client, now);
        match self.db.write(whole).await {
            Ok(_) => Ok(Some(self.tokens(user.id, user.must_change_password, beginning, now).await?)),
            Err(weir_db::Error::Expectation { statement: 0, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The tokens of a session that has begun, or goes on.
    pub(crate) async fn tokens(
        &self,
        user: UserId,
        must_change_password: bool,
        beginning: Beginning,
        now: Timestamp,
    ) -> Result<Tokens, Error> {
        let Beginning { session, refresh_token, expires_at } = beginning;
        let left = (expires_at - now).to_std().unwrap_or_default();
        let expires_in = self.config.access_token_life.min(left);
        let access_token = self.access_token(user, session, now, expires_in).await?;
        Ok(Tokens { access_token, expires_in, refresh_token, session, user, must_change_password })
    }
}

pub(crate) fn new_refresh_token(session: SessionId, token: &str, now: Timestamp) -> Statement {
    let insert = "INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES ($1, $2, $3)";
    Statement::new(insert, args![&digest(token)[..], session, now])
}
