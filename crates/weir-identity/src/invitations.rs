//! Asking people to join a workspace.

use serde_json::json;
use uuid::Uuid;
use weir_base::{Principal, Role, WorkspaceId};
use weir_db::{Batch, Statement, args};
use weir_mail::Message;

use crate::api_keys::within_own;
use crate::email::{checked_email, email_key};
use crate::events::{event, tell};
use crate::identity::signed_in;
use crate::invitation::{Invitation, Preview};
use crate::secret::token;
use crate::user::Account;
use crate::workspace::Workspace;
use crate::workspaces::Workspaces;
use crate::{Error, Members, member};

/// An invitation that was made.
#[derive(Debug, Clone)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// The link to hand over, where no mail could be sent.
    pub link: Option<String>,
}

impl Members {
    /// Asks somebody to join the workspace, by mail where that is possible. An earlier invitation of the same address
    /// is taken back.
    ///
    /// # Errors
    /// [`Error::BeyondOwn`] for a role with rights that who asks lacks, [`Error::AlreadyMember`], [`Error::Invalid`].
    pub async fn invite(&self, who: &Principal, email: &str, role: Role) -> Result<Invited, Error> {
        let core = &self.core;
        within_own(who, role.permissions())?;
        let email = checked_email(email)?;
        let workspace = self.workspace(who.workspace).await?;
        let query = "SELECT count(*) FROM members m JOIN users u ON u.id = m.user_id \
                     WHERE m.workspace_id = $1 AND u.email_key = $2";
        let rows = core.db.query(query, args![who.workspace, email_key(&email)]).await?;
        if rows.first().map_or(Ok(0), |row| row.get::<i64>(0))? > 0 {
            return Err(Error::AlreadyMember);
        }
        let now = core.now();
        let invitation = Invitation {
            id: Uuid::now_v7(),
            workspace: who.workspace,
            email,
            role,
            invited_by: who.actor.user(),
            created_at: now,
            expires_at: now + core.config.invitation_life,
        };
        let token = token();
        let take_back = "DELETE FROM invitations WHERE workspace_id = $1 AND email_key = $2 AND accepted_at IS NULL";
        let data = json!({ "email": invitation.email, "role": role.as_str() });
        let batch = Batch::from(vec![
            Statement::new(take_back, args![who.workspace, email_key(&invitation.email)]),
            invitation.insertion(&token),
            tell(event(who, "MemberInvited", format!("invitation/{}", invitation.id), now, data)),
        ]);
        core.db.write(batch).await?;
        let link = core.config.link("invitation", &token);
        let sent = match &core.mails {
            Some(mails) => mails.send(&mail(&invitation, &workspace, &link)).await.inspect_err(|error| {
                tracing::warn!(invitation = %invitation.id, %error, "an invitation could not be mailed");
            }),
            None => return Ok(Invited { invitation, link: Some(link) }),
        };
        Ok(Invited { invitation, link: sent.is_err().then_some(link) })
    }

    /// The invitations of a workspace that can be accepted, the newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn invitations(&self, workspace: WorkspaceId) -> Result<Vec<Invitation>, Error> {
        self.core.invitations_of(workspace).await
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`Error::NoInvitation`] if there is none, or it was accepted.
    pub async fn take_back(&self, who: &Principal, id: Uuid) -> Result<(), Error> {
        let delete = "DELETE FROM invitations WHERE workspace_id = $1 AND id = $2 AND accepted_at IS NULL";
        let delete = Statement::new(delete, args![who.workspace, id]).exactly(1);
        let subject = format!("invitation/{id}");
        let told = event(who, "MemberUpdated", subject, self.core.now(), json!({ "invitation": "taken_back" }));
        match self.core.db.write(vec![delete, tell(told)]).await {
            Ok(_) => Ok(()),
            Err(weir_db::Error::Expectation { .. }) => Err(Error::NoInvitation(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// What the link of an invitation invites to.
    ///
    /// # Errors
    /// [`Error::InvalidLink`].
    pub async fn preview(&self, token: &str) -> Result<Preview, Error> {
        let invitation = self.core.invitation_by_token(token).await?;
        let workspace = self.workspace(invitation.workspace).await.map_err(|error| match error {
            Error::NoWorkspace(_) => Error::InvalidLink,
            error => error,
        })?;
        let has_account = Account::by_email(&self.core.db, &invitation.email).await?.is_some();
        Ok(Preview {
            workspace: workspace.name,
            email: invitation.email,
            role: invitation.role,
            expires_at: invitation.expires_at,
            has_account,
        })
    }

    /// Makes whoever is signed in a member by the link of an invitation. Answers of which workspace.
    ///
    /// # Errors
    /// [`Error::InvalidLink`], [`Error::WrongAddress`], [`Error::AlreadyMember`]; [`Error::NoPerson`] unless somebody
    /// is signed in by a session.
    pub async fn accept(&self, who: &Principal, token: &str) -> Result<Workspace, Error> {
        let (user, _) = signed_in(who)?;
        let core = &self.core;
        let invitation = core.invitation_by_token(token).await?;
        let account = Account::by_id(&core.db, user).await?.ok_or(Error::NoUser(user))?;
        if email_key(&account.user.email) != email_key(&invitation.email) {
            return Err(Error::WrongAddress);
        }
        let now = core.now();
        let within = Principal { workspace: invitation.workspace, ..who.clone() };
        let batch = Batch::from(vec![
            invitation.acceptance(now),
            member::insertion(invitation.workspace, user, invitation.role, now),
            tell(member::joined(&within, user, invitation.role, now)),
        ]);
        match core.db.write(batch).await {
            Ok(_) => {}
            Err(weir_db::Error::Expectation { .. }) => return Err(Error::InvalidLink),
            Err(weir_db::Error::Unique { .. }) => return Err(Error::AlreadyMember),
            Err(error) => return Err(error.into()),
        }
        core.forget_users(&[user]).await;
        self.workspace(invitation.workspace).await
    }

    async fn workspace(&self, id: WorkspaceId) -> Result<Workspace, Error> {
        Workspaces { core: self.core.clone() }.get(id).await
    }
}

fn mail(invitation: &Invitation, workspace: &Workspace, link: &str) -> Message {
    let text = format!(
        "You are invited to join {} on Weir as {}.\n\nTo accept, open this link before {}:\n\n{link}\n\n\
         If you did not expect this, ignore it.\n",
        workspace.name,
        invitation.role,
        invitation.expires_at.format("%Y-%m-%d %H:%M UTC"),
    );
    let subject = format!("Invitation to {}", workspace.name);
    Message { to: vec![invitation.email.clone()], subject, text, ..Message::default() }
}
