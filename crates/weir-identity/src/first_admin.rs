//! The first person: who administers the installation.

use serde_json::json;
use weir_base::{Actor, Role, UserId, WorkspaceId};
use weir_db::{Batch, Statement, args};

use crate::email::checked_email;
use crate::events::{of_user, somebody};
use crate::identity::Core;
use crate::user::NewUser;
use crate::{Client, Error, Identity, member, password, secret, workspace, workspaces};

/// The name of the workspace every installation begins with.
const FIRST_NAME: &str = "Default";

/// Its name in addresses.
const FIRST_SLUG: &str = "default";

/// The name of an admin who was not asked for theirs.
const ADMIN_NAME: &str = "Administrator";

/// What came of seeing to it that there is an admin.
#[derive(Clone, PartialEq, Eq)]
pub enum FirstAdmin {
    /// There was one.
    Present,
    /// Made, with the password that was given.
    Made,
    /// Made, with this password for the first sign-in; it must then be changed.
    MadeWith(String),
}

impl Identity {
    /// Makes the first workspace, and an admin of it who administers the installation as well, unless there was ever
    /// one. Of several processes that do so at the same time, one makes them. Without a password one is made up.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that is none, [`Error::WeakPassword`]; only if the admin is to be made.
    pub async fn ensure_first_admin(&self, email: &str, password: Option<&str>) -> Result<FirstAdmin, Error> {
        let core = &self.core;
        if core.is_claimed().await? {
            return Ok(FirstAdmin::Present);
        }
        let email = checked_email(email)?;
        if let Some(password) = password {
            password::check(password, &email, ADMIN_NAME)?;
        }
        let chosen = password.map_or_else(secret::one_time_password, str::to_owned);
        let hash = core.hashing.hash(&chosen).await?;
        let new = core.first_user(UserId::new(), &email, ADMIN_NAME, &hash, password.is_none());
        match (core.claim(&new, &Client::default()).await?, password) {
            (false, _) => Ok(FirstAdmin::Present),
            (true, Some(_)) => Ok(FirstAdmin::Made),
            (true, None) => Ok(FirstAdmin::MadeWith(chosen)),
        }
    }
}

impl Core {
    pub(crate) fn first_user<'a>(
        &self,
        id: UserId,
        email: &'a str,
        name: &'a str,
        hash: &'a str,
        must_change_password: bool,
    ) -> NewUser<'a> {
        // Nobody was there before them whose address it could be.
        NewUser {
            id,
            email,
            name,
            password_hash: Some(hash),
            must_change_password,
            email_verified: true,
            is_operator: true,
        }
    }

    /// Makes this user the first. Answers whether they are.
    pub(crate) async fn claim(&self, new: &NewUser<'_>, client: &Client) -> Result<bool, Error> {
        let now = self.now();
        let actor = if client.address.is_some() { Actor::Anonymous } else { Actor::Operator };
        let who = somebody(actor, Some(WorkspaceId::FIRST), client.address);
        let batch = Batch::from(vec![
            Statement::new("INSERT INTO installation (id, claimed_at) VALUES (1, $1)", args![now]),
            workspace::insertion(WorkspaceId::FIRST, FIRST_NAME, FIRST_SLUG, now),
            new.insertion(now),
            member::insertion(WorkspaceId::FIRST, new.id, Role::Admin, now),
            weir_events::tell(&[
                workspaces::created(&who, FIRST_NAME, now),
                of_user(&who, "UserRegistered", new.id, now, json!({ "email": new.email, "name": new.name })),
                member::joined(&who, new.id, Role::Admin, now),
            ]),
        ]);
        match self.db.write(batch).await {
            Ok(_) => Ok(true),
            // Somebody else was first.
            Err(weir_db::Error::Unique { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
