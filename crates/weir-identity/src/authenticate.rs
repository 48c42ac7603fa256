//! Who sends a request: by an access token or an API key, within one of their workspaces.

use std::net::IpAddr;
use std::sync::Arc;

use subtle::ConstantTimeEq as _;
use weir_base::{Actor, Permissions, Principal, UserId, WorkspaceId};

use crate::access_token::Proven;
use crate::api_key::{self, Presented};
use crate::identity::NOWHERE;
use crate::views::{KeyView, UserView};
use crate::{Denial, Error, Identity};

impl Identity {
    /// Who comes with this bearer token, in the workspace they want; without one, in the workspace of the key, or the
    /// one they joined first. Somebody in no workspace at all, and somebody who must change their password, is
    /// answered without any permission.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`]; [`Error::WorkspaceClosed`] for a workspace that they are no member of, or that is
    /// not there.
    pub async fn authenticate(
        &self,
        bearer: &str,
        wanted: Option<WorkspaceId>,
        address: Option<IpAddr>,
    ) -> Result<Principal, Error> {
        if bearer.starts_with(api_key::PREFIX) {
            let presented = api_key::presented(bearer).ok_or(Denial::Malformed)?;
            self.by_key(&presented, wanted, address).await
        } else {
            self.by_token(bearer, wanted, address).await
        }
    }

    /// Whether somebody who came before may still be here, and what they may do now: for what goes on for longer than a
    /// request.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate).
    pub async fn check_again(&self, who: &Principal) -> Result<Principal, Error> {
        let permissions = match who.actor {
            Actor::User { user, session } => {
                self.in_session(Proven { user, session }).await?.within(who.workspace).ok_or(Error::WorkspaceClosed)?
            }
            Actor::ApiKey { key, .. } => {
                let key = self.core.key_view(key).await?.ok_or(Denial::Revoked)?;
                self.with_key(&key, Some(who.workspace)).await?
            }
            Actor::Trigger(_) | Actor::Operator | Actor::Anonymous => who.permissions,
        };
        Ok(Principal { permissions, ..who.clone() })
    }

    async fn by_token(
        &self,
        token: &str,
        wanted: Option<WorkspaceId>,
        address: Option<IpAddr>,
    ) -> Result<Principal, Error> {
        let proven = self.core.check_access_token(token).await?;
        let user = self.in_session(proven).await?;
        let (workspace, permissions) = match wanted {
            Some(wanted) => (wanted, user.within(wanted).ok_or(Error::WorkspaceClosed)?),
            None => user.home().unwrap_or_else(|| (NOWHERE, user.allowed(Permissions::NONE))),
        };
        let actor = Actor::User { user: proven.user, session: proven.session };
        Ok(Principal { actor, workspace, permissions, address })
    }

    /// Who is signed in by this session, as long as it lasts.
    async fn in_session(&self, proven: Proven) -> Result<Arc<UserView>, Error> {
        let core = &self.core;
        let session = core.session_view(proven.session).await?.ok_or(Denial::Revoked)?;
        if session.user != proven.user {
            return Err(Denial::Forged.into());
        }
        if session.expires_at <= core.now() {
            return Err(Denial::Expired.into());
        }
        self.active(proven.user).await
    }

    async fn active(&self, user: UserId) -> Result<Arc<UserView>, Error> {
        let user = self.core.user_view(user).await?.filter(|user| user.is_active);
        user.ok_or_else(|| Denial::Inactive.into())
    }

    async fn by_key(
        &self,
        presented: &Presented,
        wanted: Option<WorkspaceId>,
        address: Option<IpAddr>,
    ) -> Result<Principal, Error> {
        let core = &self.core;
        let key = core.key_view(presented.id).await?.ok_or(Denial::Revoked)?;
        if !bool::from(presented.hash.ct_eq(&key.secret_hash)) {
            return Err(Denial::Forged.into());
        }
        let permissions = self.with_key(&key, wanted).await?;
        core.note_key_use(presented.id, core.now()).await;
        let actor = Actor::ApiKey { key: presented.id, user: key.user };
        Ok(Principal { actor, workspace: key.workspace, permissions, address })
    }

    /// What a key allows.
    async fn with_key(&self, key: &KeyView, wanted: Option<WorkspaceId>) -> Result<Permissions, Error> {
        if key.expires_at.is_some_and(|at| at <= self.core.now()) {
            return Err(Denial::Expired.into());
        }
        let user = self.active(key.user).await?;
        if wanted.is_some_and(|wanted| wanted != key.workspace) {
            return Err(Error::WorkspaceClosed);
        }
        // Whoever lost a right has lost it for their keys as well.
        Ok(user.within(key.workspace).ok_or(Error::WorkspaceClosed)?.and(key.scopes))
    }
}
