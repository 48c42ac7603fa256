//! Access tokens: JWTs (RFC 9068) signed with HS256 by a key of this installation, for itself alone.

use std::time::Duration;

use jsonwebtoken::Validation;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use url::Url;
use weir_base::{SessionId, Timestamp, UserId};

use crate::identity::Core;
use crate::jwt::{self, MAX_TOKEN};
use crate::secret::digest;
use crate::{Denial, Error};

/// Whom the tokens are for.
const AUDIENCE: &str = "weir";

/// What the header says a token is.
const TYPE: &str = "at+jwt";

/// So many verified tokens are remembered.
const MAX_VERIFIED: u64 = 10_000;

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Whom a token proves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proven {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
}

/// What a token says whose signature and claims hold; whether its time has come and is not over depends on when it is
/// asked.
#[derive(Debug, Clone, Copy)]
struct Verified {
    proven: Proven,
    /// Seconds since the epoch.
    not_before: i64,
    /// Seconds since the epoch.
    expires: i64,
}

/// How tokens are verified, and which were.
pub(crate) struct AccessTokens {
    rules: Validation,
    /// By their digests. A key verifies for longer than any token it signed lives, so what once held holds.
    verified: Cache<[u8; 32], Verified>,
}

impl AccessTokens {
    pub(crate) fn new(issuer: &Url) -> Self {
        let rules = jwt::rules(issuer, AUDIENCE);
        Self { rules, verified: Cache::new(MAX_VERIFIED) }
    }
}

impl Core {
    pub(crate) async fn access_token(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
        life: Duration,
    ) -> Result<String, Error> {
        let issued = now.timestamp();
        let claims = Claims {
            iss: self.config.public_url.to_string(),
            aud: AUDIENCE.to_owned(),
            sub: user,
            sid: session,
            iat: issued,
            nbf: issued,
            exp: issued.saturating_add_unsigned(life.as_secs()),
        };
        self.sign(TYPE, &claims).await
    }

    /// Checks everything about a token but whether its session still lasts.
    pub(crate) async fn check_access_token(&self, token: &str) -> Result<Proven, Error> {
        if token.len() > MAX_TOKEN {
            return Err(Denial::Malformed.into());
        }
        let digest = digest(token);
        let verified = match self.tokens.verified.get(&digest) {
            Some(verified) => verified,
            None => {
                let verified = Box::pin(self.verify(token)).await?;
                self.tokens.verified.insert(digest, verified);
                verified
            }
        };
        self.check_time(verified.not_before, verified.expires)?;
        Ok(verified.proven)
    }

    async fn verify(&self, token: &str) -> Result<Verified, Error> {
        let claims: Claims = self.read_signed(TYPE, &self.tokens.rules, token).await?;
        let proven = Proven { user: claims.sub, session: claims.sid };
        Ok(Verified { proven, not_before: claims.nbf, expires: claims.exp })
    }
}
