//! Whose account it is that an identity provider vouches for.

use serde_json::json;
use weir_base::{Actor, Role, UserId, WorkspaceId};
use weir_db::{Batch, Statement, args};
use weir_events::DomainEvent;

use crate::config::Registration;
use crate::email::{checked_email, checked_name};
use crate::events::{of_user, somebody};
use crate::identity::Core;
use crate::oidc::Vouched;
use crate::user::{Account, NewUser};
use crate::{Client, Denial, Error, Tokens, member, workspaces};

/// How often it is begun anew because something changed in the midst of it.
const ATTEMPTS: u32 = 3;

impl Core {
    /// Signs in whoever this is, with a new account if need be.
    pub(crate) async fn sign_in_vouched(&self, vouched: Vouched, client: &Client) -> Result<Tokens, Error> {
        for _ in 0..ATTEMPTS {
            let (account, batch) = match self.linked(&vouched).await? {
                Some(account) => (account, Batch::new()),
                None => match self.owner(&vouched).await? {
                    Some(account) => {
                        let link = self.link(&vouched, account.user.id);
                        (account, Batch::from(link))
                    }
                    None => match self.newcomer(&vouched, client).await? {
                        Some(account) => (account, Batch::new()),
                        None => continue,
                    },
                },
            };
            if !account.user.is_active {
                return Err(Denial::Inactive.into());
            }
            match self.sign_in(&account, batch, client).await {
                Ok(Some(tokens)) => return Ok(tokens),
                // The account was changed, or linked by somebody else, meanwhile.
                Ok(None) | Err(Error::Db(weir_db::Error::Unique { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::InvalidCredentials)
    }

    /// The account that was signed in to in this way before.
    async fn linked(&self, vouched: &Vouched) -> Result<Option<Account>, Error> {
        let query = "SELECT user_id FROM oidc_links WHERE issuer = $1 AND subject = $2";
        let rows = self.db.query(query, args![&vouched.issuer, &vouched.subject]).await?;
        match rows.first() {
            Some(row) => Account::by_id(&self.db, row.get(0)?).await,
            None => Ok(None),
        }
    }

    /// The account with the address. Both sides must know it to be theirs: else somebody could make an account with
    /// the address of another and wait for them to come.
    async fn owner(&self, vouched: &Vouched) -> Result<Option<Account>, Error> {
        let Some(account) = Account::by_email(&self.db, verified_email(vouched)?).await? else { return Ok(None) };
        if account.user.email_verified {
            Ok(Some(account))
        } else {
            Err(Error::Provider("there is an account with this address, which is yet to be verified".to_owned()))
        }
    }

    /// Makes an account by the invitations of the address, or where it is open to everybody. Answers nothing if the
    /// address got an account meanwhile.
    async fn newcomer(&self, vouched: &Vouched, client: &Client) -> Result<Option<Account>, Error> {
        let email = checked_email(verified_email(vouched)?)?;
        let name = vouched.name.as_deref().and_then(|name| checked_name(name).ok()).unwrap_or_else(|| email.clone());
        let invitations = match self.config.registration {
            Registration::First => Vec::new(),
            Registration::Invited | Registration::Open => self.invitations_by_email(&email).await?,
        };
        let (user, now) = (UserId::new(), self.now());
        let new = NewUser {
            id: user,
            email: &email,
            name: &name,
            password_hash: None,
            must_change_password: false,
            email_verified: true,
            is_operator: false,
        };
        let mut batch = Batch::from(vec![new.insertion(now), self.link(vouched, user)]);
        let registered = |home: WorkspaceId| -> DomainEvent {
            let who = somebody(Actor::Anonymous, Some(home), client.address);
            of_user(&who, "UserRegistered", user, now, json!({ "email": email, "name": name }))
        };
        if let Some(first) = invitations.first() {
            batch.push(weir_events::tell(&[registered(first.workspace)]));
            for invitation in &invitations {
                let who = somebody(Actor::Anonymous, Some(invitation.workspace), client.address);
                batch.push(invitation.acceptance(now));
                batch.push(member::insertion(invitation.workspace, user, invitation.role, now));
                batch.push(weir_events::tell(&[member::joined(&who, user, invitation.role, now)]));
            }
        } else if self.config.registration == Registration::Open {
            let home = WorkspaceId::new();
            let who = somebody(Actor::Anonymous, Some(home), client.address);
            self.found_workspace(&mut batch, home, user, &name);
            batch.push(weir_events::tell(&[
                registered(home),
                workspaces::created(&who, &name, now),
                member::joined(&who, user, Role::Admin, now),
            ]));
        } else {
            return Err(Error::RegistrationClosed);
        }
        match self.db.write(batch).await {
            Ok(_) => Account::by_id(&self.db, user).await,
            // The address, the link or an invitation was taken up at the same time.
            Err(weir_db::Error::Unique { .. } | weir_db::Error::Expectation { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn link(&self, vouched: &Vouched, user: UserId) -> Statement {
        let insert = "INSERT INTO oidc_links (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)";
        Statement::new(insert, args![&vouched.issuer, &vouched.subject, user, self.now()])
    }
}

/// The address, if the provider knows it to be theirs.
fn verified_email(vouched: &Vouched) -> Result<&str, Error> {
    match &vouched.email {
        Some(email) if vouched.email_verified => Ok(email),
        _ => Err(Error::Provider("it did not vouch for an e-mail address".to_owned())),
    }
}
