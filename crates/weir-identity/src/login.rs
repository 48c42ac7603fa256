//! Signing in with a password, and out again.

use serde_json::json;
use weir_base::Principal;
use weir_db::{Batch, Statement, args};

use crate::events::{of_user, tell};
use crate::identity::signed_in;
use crate::lockout::forgive;
use crate::password::MAX_BYTES;
use crate::sessions::Ending;
use crate::user::Account;
use crate::{Client, Error, Identity, Tokens};

/// How often a login begins anew because the account was changed in the midst of it.
const ATTEMPTS: u32 = 3;

impl Identity {
    /// Signs in. Answer and effort are the same for a wrong password, an address without an account, and an account
    /// that is not active, has no password, or has yet to be verified.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`]; [`Error::LockedOut`] after too many failures; [`Error::Busy`].
    pub async fn login(&self, email: &str, password: &str, client: &Client) -> Result<Tokens, Error> {
        let core = &self.core;
        let failures = core.admit_login(email, core.now()).await?;
        // Nobody has a longer password, but it must not cost less to find out.
        let (password, possible) = if password.len() > MAX_BYTES { ("", false) } else { (password, true) };
        for _ in 0..ATTEMPTS {
            let account = Account::by_email(&core.db, email).await?;
            let stored = account.as_ref().and_then(|account| account.password_hash.as_deref());
            let verdict = core.hashing.verify(password, stored).await?;
            let account = match account {
                Some(account) if verdict.fits && possible && self.lets_in(&account) => account,
                account => {
                    core.tell_failed_login(account.as_ref(), failures, client, core.now()).await?;
                    return Err(Error::InvalidCredentials);
                }
            };
            let mut batch = Batch::from(forgive(email));
            if verdict.outdated {
                let rehash = "UPDATE users SET password_hash = $1 WHERE id = $2";
                batch.push(Statement::new(rehash, args![core.hashing.hash(password).await?, account.user.id]));
            }
            if let Some(tokens) = core.sign_in(&account, batch, client).await? {
                return Ok(tokens);
            }
        }
        Err(Error::InvalidCredentials)
    }

    /// An account made by its owner proves first that the address is theirs, where there is a way to.
    fn lets_in(&self, account: &Account) -> bool {
        account.user.is_active && (account.user.email_verified || self.core.mails.is_none())
    }

    /// Ends the session that asks.
    ///
    /// # Errors
    /// [`Error::NoPerson`] unless somebody is signed in by a session.
    pub async fn logout(&self, who: &Principal) -> Result<(), Error> {
        let (user, session) = signed_in(who)?;
        let now = self.core.now();
        let told = of_user(who, "UserLoggedOut", user, now, json!({ "session": session }));
        self.core.end_sessions(user, Ending::One(session), Batch::from(tell(told))).await?;
        Ok(())
    }

    /// Ends all sessions of whoever asks. Answers how many there were.
    ///
    /// # Errors
    /// [`Error::NoPerson`] unless somebody is signed in by a session.
    pub async fn logout_everywhere(&self, who: &Principal) -> Result<u64, Error> {
        let (user, _) = signed_in(who)?;
        let told = of_user(who, "UserLoggedOut", user, self.core.now(), json!({ "everywhere": true }));
        self.core.end_sessions(user, Ending::AllBut(None), Batch::from(tell(told))).await
    }
}
