//! What people do with their own account: seeing it, changing the password, proving the address.

use serde_json::json;
use weir_base::{Actor, Principal, Timestamp, UserId};
use weir_db::{Batch, Statement, args};
use weir_mail::Message;

use crate::events::{event, of_user, somebody, tell};
use crate::identity::{Core, person, signed_in};
use crate::lockout::forgive;
use crate::one_time::{Purpose, issue, redemption, withdrawal};
use crate::password::{self, MAX_BYTES};
use crate::sessions::{Ending, end, ended};
use crate::user::{Account, stored_version};
use crate::{Client, Error, Identity, User};

impl Identity {
    /// The account of whoever asks.
    ///
    /// # Errors
    /// [`Error::NoPerson`].
    pub async fn me(&self, who: &Principal) -> Result<User, Error> {
        let user = person(who)?;
        Ok(Account::by_id(&self.core.db, user).await?.ok_or(Error::NoUser(user))?.user)
    }

    /// Changes the password of whoever is signed in, and ends their other sessions.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] if `present` is not the present one, [`Error::LockedOut`] after too many of those,
    /// [`Error::WeakPassword`]; [`Error::NoPerson`] unless somebody is signed in by a session.
    pub async fn change_password(&self, who: &Principal, present: &str, new: &str) -> Result<(), Error> {
        let (user, session) = signed_in(who)?;
        let core = &self.core;
        let account = Account::by_id(&core.db, user).await?.ok_or(Error::NoUser(user))?;
        let User { email, name, .. } = &account.user;
        password::check(new, email, name)?;
        if new == present {
            return Err(Error::WeakPassword("must not be the present one"));
        }
        let failures = core.admit_login(email, core.now()).await?;
        let possible = present.len() <= MAX_BYTES;
        let verdict =
            core.hashing.verify(if possible { present } else { "" }, account.password_hash.as_deref()).await?;
        if !verdict.fits || !possible {
            let client = Client { address: who.address, user_agent: None };
            core.tell_failed_login(Some(&account), failures, &client, core.now()).await?;
            return Err(Error::WrongPassword);
        }
        let told = of_user(who, "PasswordChanged", user, core.now(), json!({}));
        core.set_password(&account, new, Ending::AllBut(Some(session)), Batch::from(tell(told))).await
    }

    /// Mails a link to set another password, if the address has an account with one. The answer is the same if not.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn request_reset(&self, email: &str, client: &Client) -> Result<(), Error> {
        let core = &self.core;
        let now = core.now();
        let account = Account::by_email(&core.db, email).await?;
        let account = account.filter(|account| account.user.is_active && account.user.has_password);
        let who = somebody(Actor::Anonymous, account.as_ref().and_then(|account| account.home), client.address);
        let Some(account) = account else {
            // As much is written as for an account.
            let told = event(&who, "PasswordResetRequested", "user/unknown".to_owned(), now, json!({}));
            core.db.write(tell(told)).await?;
            return Ok(());
        };
        let user = account.user.id;
        let enough = core.has_enough_links(Purpose::Reset, user).await?;
        let (token, stored) = issue(Purpose::Reset, user, now, core.config.reset_life);
        let mut batch = Batch::new();
        if !enough {
            batch.push(stored);
        }
        batch.push(tell(of_user(&who, "PasswordResetRequested", user, now, json!({}))));
        core.db.write(batch).await?;
        match &core.mails {
            Some(mails) if !enough => mails.post(reset_mail(&account.user, &core.config.link("reset", &token))),
            Some(_) => {}
            None => tracing::warn!(%user, "a password reset was asked for, but no mail server is configured"),
        }
        Ok(())
    }

    /// Sets another password by the link that was mailed, and ends all sessions.
    ///
    /// # Errors
    /// [`Error::InvalidLink`], [`Error::WeakPassword`].
    pub async fn reset(&self, token: &str, new: &str, client: &Client) -> Result<(), Error> {
        let core = &self.core;
        let user = core.token_owner(Purpose::Reset, token).await?;
        let account = Account::by_id(&core.db, user).await?.filter(|account| account.user.is_active);
        let account = account.ok_or(Error::InvalidLink)?;
        password::check(new, &account.user.email, &account.user.name)?;
        let now = core.now();
        let who = somebody(Actor::Anonymous, account.home, client.address);
        let verified = "UPDATE users SET email_verified = TRUE WHERE id = $1";
        let batch = Batch::from(vec![
            redemption(Purpose::Reset, token, now),
            withdrawal(Purpose::Reset, user),
            // Whoever read the mail reads the mails of this address.
            Statement::new(verified, args![user]),
            tell(of_user(&who, "PasswordChanged", user, now, json!({ "by": "reset" }))),
        ]);
        match core.set_password(&account, new, Ending::AllBut(None), batch).await {
            Err(Error::Db(weir_db::Error::Expectation { .. })) => Err(Error::InvalidLink),
            result => result,
        }
    }

    /// Takes the address for proven by the link that was mailed to it.
    ///
    /// # Errors
    /// [`Error::InvalidLink`].
    pub async fn verify_email(&self, token: &str, client: &Client) -> Result<(), Error> {
        let core = &self.core;
        let user = core.token_owner(Purpose::Verify, token).await?;
        let account = Account::by_id(&core.db, user).await?.ok_or(Error::InvalidLink)?;
        let now = core.now();
        let who = somebody(Actor::Anonymous, account.home, client.address);
        let update = "UPDATE users SET email_verified = TRUE, version = version + 1, updated_at = $1 WHERE id = $2";
        let batch = Batch::from(vec![
            redemption(Purpose::Verify, token, now),
            withdrawal(Purpose::Verify, user),
            Statement::new(update, args![now, user]).exactly(1),
            tell(of_user(&who, "EmailVerified", user, now, json!({}))),
        ]);
        match core.db.write(batch).await {
            Ok(_) => Ok(()),
            Err(weir_db::Error::Expectation { .. }) => Err(Error::InvalidLink),
            Err(error) => Err(error.into()),
        }
    }
}

impl Core {
    /// Sets the password if the account is still as it was read, ends sessions, and does the rest of the batch.
    async fn set_password(&self, account: &Account, new: &str, which: Ending, rest: Batch) -> Result<(), Error> {
        let hash = self.hashing.hash(new).await?;
        let now = self.now();
        let mut batch = Batch::from(end(account.user.id, which, now));
        batch.push(password_change(account, &hash, false, now));
        batch.push(forgive(&account.user.email));
        batch.append(rest);
        let written = self.db.write(batch).await.map_err(|error| changed(error, &account.user))?;
        self.forget_sessions(&ended(written.rows(0))?).await;
        self.forget_users(&[account.user.id]).await;
        Ok(())
    }

    /// Ends all sessions and sets a password that must be changed at the next sign-in. Answers it.
    pub(crate) async fn set_one_time_password(&self, who: &Principal, user: UserId) -> Result<String, Error> {
        let account = Account::by_id(&self.db, user).await?.ok_or(Error::NoUser(user))?;
        let password = crate::secret::one_time_password();
        let hash = self.hashing.hash(&password).await?;
        let now = self.now();
        let mut batch = Batch::from(end(user, Ending::AllBut(None), now));
        batch.push(password_change(&account, &hash, true, now));
        batch.push(forgive(&account.user.email));
        batch.push(tell(of_user(who, "PasswordChanged", user, now, json!({ "by": "operator" }))));
        let written = self.db.write(batch).await.map_err(|error| changed(error, &account.user))?;
        self.forget_sessions(&ended(written.rows(0))?).await;
        self.forget_users(&[user]).await;
        Ok(password)
    }
}

/// A change that came upon an account that somebody else has changed meanwhile.
fn changed(error: weir_db::Error, user: &User) -> Error {
    match error {
        weir_db::Error::Expectation { .. } => Error::Stale { what: "user", version: user.version + 1 },
        error => error.into(),
    }
}

fn password_change(account: &Account, hash: &str, must_change: bool, now: Timestamp) -> Statement {
    let update = "UPDATE users SET password_hash = $1, must_change_password = $2, version = version + 1, \
                  updated_at = $3 WHERE id = $4 AND version = $5";
    let version = stored_version(account.user.version);
    Statement::new(update, args![hash, must_change, now, account.user.id, version]).exactly(1)
}

fn reset_mail(user: &User, link: &str) -> Message {
    let text = format!(
        "Somebody asked to set another password for your account on Weir.\n\n\
         If it was you, open this link within half an hour:\n\n{link}\n\n\
         If it was not you, ignore this: your password stays as it is.\n"
    );
    Message { to: vec![user.email.clone()], subject: "Set another password".to_owned(), text, ..Message::default() }
}
