//! Making an account for oneself: as the first person, by an invitation, or where it is open to everybody.

use serde_json::json;
use weir_base::{Actor, Role, UserId, WorkspaceId};
use weir_db::{Batch, args};
use weir_mail::Message;

use crate::config::Registration;
use crate::email::{checked_email, checked_name, email_key};
use crate::events::{event, of_user, somebody, tell};
use crate::identity::Core;
use crate::one_time::{Purpose, issue};
use crate::user::{Account, NewUser};
use crate::workspace::slug_for;
use crate::{Client, Error, Identity, Tokens, member, password, workspace, workspaces};

/// Somebody who wants an account.
#[derive(Clone)]
pub struct NewAccount {
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// The password they chose.
    pub password: String,
    /// The token of the invitation they have.
    pub invitation: Option<String>,
}

/// What became of a registration.
#[derive(Debug)]
pub enum Registered {
    /// The account is there, and they are signed in.
    SignedIn(Tokens),
    /// Taken note of. What follows comes by mail, where there is mail; the answer does not tell whether the address
    /// had an account already.
    Accepted,
}

/// An account that fulfils the rules, with its password hashed.
struct Checked {
    email: String,
    name: String,
    hash: String,
}

impl Identity {
    /// Makes an account. The first one administers the installation and its first workspace; with an invitation one
    /// joins the workspace it is for; where registration is open, one gets a workspace of one's own.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`], [`Error::Invalid`], [`Error::WeakPassword`]; with an invitation
    /// [`Error::InvalidLink`], [`Error::WrongAddress`], and [`Error::EmailTaken`], which only who holds the invitation
    /// of this address learns.
    pub async fn register(&self, new: NewAccount, client: &Client) -> Result<Registered, Error> {
        let core = &self.core;
        let (email, name) = (checked_email(&new.email)?, checked_name(&new.name)?);
        password::check(&new.password, &email, &name)?;
        let registration = core.config.registration;
        let first = !core.is_claimed().await?;
        let invited = new.invitation.is_some() && registration != Registration::First;
        if !first && !invited && registration != Registration::Open {
            return Err(Error::RegistrationClosed);
        }
        // Before anything else that takes time, and in every case: the effort does not tell who has an account.
        let hash = core.hashing.hash(&new.password).await?;
        let checked = Checked { email, name, hash };
        if first {
            let user = UserId::new();
            if core.claim(&core.first_user(user, &checked.email, &checked.name, &checked.hash, false), client).await? {
                return core.welcome(user, client).await;
            }
        }
        match new.invitation {
            Some(token) if invited => core.register_invited(&checked, &token, client).await,
            _ if registration == Registration::Open => core.register_openly(&checked, client).await,
            _ => Err(Error::RegistrationClosed),
        }
    }
}

impl Core {
    async fn register_invited(&self, new: &Checked, token: &str, client: &Client) -> Result<Registered, Error> {
        let invitation = self.invitation_by_token(token).await?;
        if email_key(&invitation.email) != email_key(&new.email) {
            return Err(Error::WrongAddress);
        }
        let (user, now) = (UserId::new(), self.now());
        let who = somebody(Actor::Anonymous, Some(invitation.workspace), client.address);
        let events = [
            of_user(&who, "UserRegistered", user, now, json!({ "email": new.email, "name": new.name })),
            member::joined(&who, user, invitation.role, now),
        ];
        let batch = Batch::from(vec![
            invitation.acceptance(now),
            // The link was sent to this address, or handed over by somebody who may invite.
            new.user(user, true).insertion(now),
            member::insertion(invitation.workspace, user, invitation.role, now),
            weir_events::tell(&events),
        ]);
        match self.db.write(batch).await {
            Ok(_) => self.welcome(user, client).await,
            Err(weir_db::Error::Expectation { .. }) => Err(Error::InvalidLink),
            Err(weir_db::Error::Unique { .. }) => Err(Error::EmailTaken),
            Err(error) => Err(error.into()),
        }
    }

    async fn register_openly(&self, new: &Checked, client: &Client) -> Result<Registered, Error> {
        if Account::by_email(&self.db, &new.email).await?.is_some() {
            return self.register_again(new, client).await;
        }
        let (user, home, now) = (UserId::new(), WorkspaceId::new(), self.now());
        let (token, stored) = issue(Purpose::Verify, user, now, self.config.verification_life);
        let who = somebody(Actor::Anonymous, Some(home), client.address);
        let mut batch = Batch::from(new.user(user, false).insertion(now));
        self.found_workspace(&mut batch, home, user, &new.name);
        batch.push(stored);
        batch.push(weir_events::tell(&[
            of_user(&who, "UserRegistered", user, now, json!({ "email": new.email, "name": new.name })),
            workspaces::created(&who, &new.name, now),
            member::joined(&who, user, Role::Admin, now),
        ]));
        match self.db.write(batch).await {
            Ok(_) => {}
            // The same address came twice at the same time.
            Err(weir_db::Error::Unique { .. }) => return self.register_again(new, client).await,
            Err(error) => return Err(error.into()),
        }
        if let Some(mails) = &self.mails {
            mails.post(verification_mail(&new.email, &self.config.link("verify", &token)));
        }
        Ok(Registered::Accepted)
    }

    /// The address has an account: its owner is told, and nobody else.
    async fn register_again(&self, new: &Checked, client: &Client) -> Result<Registered, Error> {
        let who = somebody(Actor::Anonymous, None, client.address);
        let told = event(&who, "LoginFailed", "user/unknown".to_owned(), self.now(), json!({ "by": "registration" }));
        self.db.write(tell(told)).await?;
        if let Some(mails) = &self.mails {
            mails.post(again_mail(&new.email, self.config.public_url.as_str()));
        }
        Ok(Registered::Accepted)
    }

    /// Adds to the batch a workspace of this user's own.
    pub(crate) fn found_workspace(&self, batch: &mut Batch, id: WorkspaceId, owner: UserId, name: &str) {
        let now = self.now();
        batch.push(workspace::insertion(id, name, &slug_for(name), now));
        batch.push(member::insertion(id, owner, Role::Admin, now));
    }

    /// Signs in somebody whose account was made just now.
    async fn welcome(&self, user: UserId, client: &Client) -> Result<Registered, Error> {
        let account = Account::by_id(&self.db, user).await?.ok_or(Error::NoUser(user))?;
        let tokens = self.sign_in(&account, Batch::new(), client).await?;
        Ok(Registered::SignedIn(tokens.ok_or(Error::InvalidCredentials)?))
    }

    /// Whether somebody administers the installation.
    pub(crate) async fn is_claimed(&self) -> Result<bool, Error> {
        Ok(!self.db.query("SELECT id FROM installation", args![]).await?.is_empty())
    }
}

impl Checked {
    fn user(&self, id: UserId, email_verified: bool) -> NewUser<'_> {
        NewUser {
            id,
            email: &self.email,
            name: &self.name,
            password_hash: Some(&self.hash),
            must_change_password: false,
            email_verified,
            is_operator: false,
        }
    }
}

fn verification_mail(email: &str, link: &str) -> Message {
    let text = format!(
        "Welcome to Weir.\n\nTo prove that this address is yours, open this link within a day:\n\n{link}\n\n\
         If you did not register, ignore this.\n"
    );
    Message { to: vec![email.to_owned()], subject: "Verify your address".to_owned(), text, ..Message::default() }
}

fn again_mail(email: &str, url: &str) -> Message {
    let text = format!(
        "Somebody registered on Weir with this address, which has an account already.\n\n\
         If it was you, sign in at {url}; you can set another password there.\n\
         If it was not you, ignore this: nothing has changed.\n"
    );
    Message { to: vec![email.to_owned()], subject: "You have an account".to_owned(), text, ..Message::default() }
}
