//! Tickets: they open one path for a minute, for clients that cannot send headers, such as a browser's WebSocket.

use std::net::IpAddr;
use std::time::Duration;

use jsonwebtoken::Validation;
use serde::{Deserialize, Serialize};
use url::Url;
use weir_base::{Actor, ApiKeyId, Principal, SessionId, UserId, WorkspaceId};

use crate::{Denial, Error, Identity, jwt};

/// Whom tickets are for.
const AUDIENCE: &str = "weir-ticket";

/// What the header says a ticket is.
const TYPE: &str = "ticket+jwt";

/// How long a ticket is good.
const LIFE: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<ApiKeyId>,
    workspace: WorkspaceId,
    path: String,
    nbf: i64,
    exp: i64,
}

/// What is asked of every ticket.
pub(crate) fn rules(issuer: &Url) -> Validation {
    jwt::rules(issuer, AUDIENCE)
}

impl Identity {
    /// A ticket with which whoever asks comes to this path, within a minute. Their rights are those they have then.
    ///
    /// # Errors
    /// [`Error::NoPerson`] for whoever did not sign in.
    pub async fn ticket(&self, who: &Principal, path: &str) -> Result<(String, Duration), Error> {
        let (sub, sid, key) = match who.actor {
            Actor::User { user, session } => (user, Some(session), None),
            Actor::ApiKey { key, user } => (user, None, Some(key)),
            Actor::Trigger(_) | Actor::Operator | Actor::Anonymous => return Err(Error::NoPerson),
        };
        let now = self.core.now().timestamp();
        let claims = Claims {
            iss: self.core.config.public_url.to_string(),
            aud: AUDIENCE.to_owned(),
            sub,
            sid,
            key,
            workspace: who.workspace,
            path: path.to_owned(),
            nbf: now,
            exp: now.saturating_add_unsigned(LIFE.as_secs()),
        };
        Ok((self.core.sign(TYPE, &claims).await?, LIFE))
    }

    /// Who comes to this path with a ticket.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::WorkspaceClosed`] for somebody who is no member any more.
    pub async fn authenticate_ticket(
        &self,
        ticket: &str,
        path: &str,
        address: Option<IpAddr>,
    ) -> Result<Principal, Error> {
        let claims: Claims = self.core.read_signed(TYPE, &self.core.ticket_rules, ticket).await?;
        self.core.check_time(claims.nbf, claims.exp)?;
        let actor = match (claims.sid, claims.key) {
            _ if claims.path != path => return Err(Denial::Forged.into()),
            (Some(session), None) => Actor::User { user: claims.sub, session },
            (None, Some(key)) => Actor::ApiKey { key, user: claims.sub },
            _ => return Err(Denial::Forged.into()),
        };
        self.check_again(&Principal {
            actor,
            workspace: claims.workspace,
            permissions: weir_base::Permissions::NONE,
            address,
        })
        .await
    }
}
