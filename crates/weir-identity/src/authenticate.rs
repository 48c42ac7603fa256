//! Who sends a request: by an access token or an API key, within one of their workspaces.

use std::net::IpAddr;

use subtle::ConstantTimeEq as _;
use weir_base::{Actor, Permissions, Principal, WorkspaceId};

use crate::api_key::{self, Presented};
use crate::identity::NOWHERE;
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

    async fn by_token(
        &self,
        token: &str,
        wanted: Option<WorkspaceId>,
        address: Option<IpAddr>,
    ) -> Result<Principal, Error> {
        let core = &self.core;
        let proven = core.check_access_token(token).await?;
        let session = core.session_view(proven.session).await?.ok_or(Denial::Revoked)?;
        if session.user != proven.user {
            return Err(Denial::Forged.into());
        }
        if session.expires_at <= core.now() {
            return Err(Denial::Expired.into());
        }
        let user = core.user_view(proven.user).await?.filter(|user| user.is_active).ok_or(Denial::Inactive)?;
        let (workspace, permissions) = match wanted {
            Some(wanted) => (wanted, user.within(wanted).ok_or(Error::WorkspaceClosed)?),
            None => user.home().unwrap_or_else(|| (NOWHERE, user.allowed(Permissions::NONE))),
        };
        let actor = Actor::User { user: proven.user, session: proven.session };
        Ok(Principal { actor, workspace, permissions, address })
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
        let now = core.now();
        if key.expires_at.is_some_and(|at| at <= now) {
            return Err(Denial::Expired.into());
        }
        let user = core.user_view(key.user).await?.filter(|user| user.is_active).ok_or(Denial::Inactive)?;
        if wanted.is_some_and(|wanted| wanted != key.workspace) {
            return Err(Error::WorkspaceClosed);
        }
        // Whoever lost a right has lost it for their keys as well.
        let permissions = user.within(key.workspace).ok_or(Error::WorkspaceClosed)?.and(key.scopes);
        core.note_key_use(presented.id, now).await;
        let actor = Actor::ApiKey { key: presented.id, user: key.user };
        Ok(Principal { actor, workspace: key.workspace, permissions, address })
    }
}
