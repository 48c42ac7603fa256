//! The rules of accounts, as who administers the installation changes them.

use std::sync::Arc;

use serde_json::json;
use weir_base::{Page, PageRequest, Principal, Role, UserId};
use weir_db::{Batch, Statement, args};

use crate::api_keys::within_own;
use crate::email::{checked_email, checked_name};
use crate::events::{of_user, tell};
use crate::identity::Core;
use crate::sessions::{Ending, end, ended};
use crate::user::{Account, NewUser, USER, User, read_user, stored_version};
use crate::{Error, member, secret};

/// The accounts. Cheap to clone.
#[derive(Clone)]
pub struct Users {
    pub(crate) core: Arc<Core>,
}

/// What to change of an account; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct UserUpdate {
    /// The person's name.
    pub name: Option<String>,
    /// Whether they can sign in; who cannot any more is signed out at once.
    pub is_active: Option<bool>,
    /// Whether they may administer the installation.
    pub is_operator: Option<bool>,
}

/// Whether there is another active operator than user $1.
const ANOTHER_OPERATOR: &str = "EXISTS (SELECT 1 FROM users o WHERE o.id <> $1 AND o.is_operator AND o.is_active)";

impl Users {
    /// All accounts, in the order they were made.
    ///
    /// # Errors
    /// [`Error::Cursor`].
    pub async fn list(&self, page: &PageRequest) -> Result<Page<User>, Error> {
        let after = match &page.cursor {
            Some(cursor) => cursor.decode()?,
            None => UserId::from_uuid(uuid::Uuid::nil()),
        };
        let query = format!("SELECT {USER} FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2");
        let rows = self.core.db.query(query, args![after, page.limit + 1]).await?;
        let items = rows.iter().map(read_user).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |user| user.id))
    }

    /// One account.
    ///
    /// # Errors
    /// [`Error::NoUser`].
    pub async fn get(&self, id: UserId) -> Result<User, Error> {
        Ok(Account::by_id(&self.core.db, id).await?.ok_or(Error::NoUser(id))?.user)
    }

    /// The account of an address.
    ///
    /// # Errors
    /// [`Error::NoEmail`].
    pub async fn by_email(&self, email: &str) -> Result<User, Error> {
        Ok(Account::by_email(&self.core.db, email).await?.ok_or_else(|| Error::NoEmail(email.to_owned()))?.user)
    }

    /// Makes an account and a member of the workspace that is asked in. Answers the password for the first sign-in,
    /// which must then be changed.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::Invalid`], [`Error::BeyondOwn`] for a role with rights that who asks lacks.
    pub async fn create(&self, who: &Principal, email: &str, name: &str, role: Role) -> Result<(User, String), Error> {
        within_own(who, role.permissions())?;
        let (email, name) = (checked_email(email)?, checked_name(name)?);
        let password = secret::one_time_password();
        let hash = self.core.hashing.hash(&password).await?;
        let (id, now) = (UserId::new(), self.core.now());
        let new = NewUser {
            id,
            email: &email,
            name: &name,
            password_hash: Some(&hash),
            must_change_password: true,
            email_verified: true,
            is_operator: false,
        };
        let events = [
            of_user(who, "UserRegistered", id, now, json!({ "email": email, "name": name })),
            member::joined(who, id, role, now),
        ];
        let batch = Batch::from(vec![
            new.insertion(now),
            member::insertion(who.workspace, id, role, now),
            weir_events::tell(&events),
        ]);
        match self.core.db.write(batch).await {
            Ok(_) => Ok((self.get(id).await?, password)),
            Err(weir_db::Error::Unique { .. }) => Err(Error::EmailTaken),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets a password for one sign-in, which must then be changed, and ends all sessions. Answers the password.
    ///
    /// # Errors
    /// [`Error::NoUser`].
    pub async fn reset_password(&self, who: &Principal, id: UserId) -> Result<String, Error> {
        self.core.set_one_time_password(who, id).await
    }

    /// Changes an account, if it still has the `expected` version (any, without one).
    ///
    /// # Errors
    /// [`Error::LastOperator`], [`Error::Stale`], [`Error::NoUser`], [`Error::Invalid`].
    pub async fn update(
        &self,
        who: &Principal,
        id: UserId,
        expected: Option<u64>,
        update: UserUpdate,
    ) -> Result<User, Error> {
        let core = &self.core;
        let name = update.name.as_deref().map(checked_name).transpose()?;
        loop {
            let old = self.get(id).await?;
            if expected.is_some_and(|expected| expected != old.version) {
                return Err(Error::Stale { what: "user", version: old.version });
            }
            let name = name.clone().unwrap_or_else(|| old.name.clone());
            let is_active = update.is_active.unwrap_or(old.is_active);
            let is_operator = update.is_operator.unwrap_or(old.is_operator);
            let now = core.now();
            let mut change = "UPDATE users SET name = $2, is_active = $3, is_operator = $4, version = version + 1, \
                              updated_at = $5 WHERE id = $1 AND version = $6"
                .to_owned();
            if !(is_active && is_operator) {
                change.push_str(&format!(" AND (NOT (is_operator AND is_active) OR {ANOTHER_OPERATOR})"));
            }
            let args = args![id, name.clone(), is_active, is_operator, now, stored_version(old.version)];
            let data = json!({ "name": name, "is_active": is_active, "is_operator": is_operator });
            let mut batch = Batch::from(vec![
                // One at a time: two operators who remove each other must not both see the other as the one who stays.
                Statement::new("UPDATE installation SET claimed_at = claimed_at", args![]),
                Statement::new(change, args).exactly(1),
            ]);
            if !is_active {
                batch.push(end(id, Ending::AllBut(None), now));
            }
            batch.push(tell(of_user(who, "UserUpdated", id, now, data)));
            match core.db.write(batch).await {
                Ok(written) => {
                    if !is_active {
                        core.forget_sessions(&ended(written.rows(2))?).await;
                    }
                    core.forget_users(&[id]).await;
                    return self.get(id).await;
                }
                Err(weir_db::Error::Expectation { statement: 1, .. }) => {
                    if self.get(id).await?.version == old.version {
                        return Err(Error::LastOperator);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
