//! What this installation signs for itself: JSON Web Tokens with HS256 and the keys of `signing_keys`.

use jsonwebtoken::{Algorithm, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::identity::Core;
use crate::{Denial, Error};

/// The longest token that is looked at, in bytes.
pub(crate) const MAX_TOKEN: usize = 2048;

/// So far may the clocks of two processes be apart, in seconds.
pub(crate) const CLOCK_SKEW: i64 = 5;

/// What is asked of every token but for its times, which are held against Weir's clock, not the system's.
pub(crate) fn rules(issuer: &Url, audience: &str) -> Validation {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
    rules.set_issuer(&[issuer.as_str()]);
    rules.set_audience(&[audience]);
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules
}

impl Core {
    /// The claims as a token of this type.
    pub(crate) async fn sign(&self, kind: &str, claims: &impl Serialize) -> Result<String, Error> {
        let key = self.signing_key().await?;
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(kind.to_owned());
        header.kid = Some(key.kid.clone());
        jsonwebtoken::encode(&header, claims, &key.encoding)
            .map_err(|error| Error::Crypto { what: "signing a token", message: error.to_string() })
    }

    /// What a token of this type claims, if it was signed here and keeps the rules.
    pub(crate) async fn read_signed<C: DeserializeOwned>(
        &self,
        kind: &str,
        rules: &Validation,
        token: &str,
    ) -> Result<C, Error> {
        if token.len() > MAX_TOKEN {
            return Err(Denial::Malformed.into());
        }
        // An algorithm that does not exist, `none` among them, fails here already.
        let header = jsonwebtoken::decode_header(token).map_err(|_| Denial::Malformed)?;
        if header.alg != Algorithm::HS256 || header.typ.as_deref() != Some(kind) {
            return Err(Denial::Forged.into());
        }
        let kid = header.kid.ok_or(Denial::Forged)?;
        let key = self.verifying_key(&kid).await?.ok_or(Denial::Forged)?;
        let claims = jsonwebtoken::decode::<C>(token, &key.decoding, rules);
        Ok(claims.map_err(|_| Denial::Forged)?.claims)
    }

    /// Whether it is the time of a token. Seconds since the epoch.
    pub(crate) fn check_time(&self, not_before: i64, expires: i64) -> Result<(), Denial> {
        let now = self.now().timestamp();
        if expires <= now {
            return Err(Denial::Expired);
        }
        if not_before > now + CLOCK_SKEW { Err(Denial::NotYetValid) } else { Ok(()) }
    }
}
