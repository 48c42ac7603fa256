//! What can be chosen about people and sign-in.

use std::fmt;
use std::time::Duration;

use url::Url;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Who may make an account for themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// The very first person, and nobody after.
    First,
    /// The first person, then whoever has an invitation.
    Invited,
    /// Everybody; each gets a workspace of their own.
    Open,
}

/// What a password hash costs to compute (Argon2id).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PasswordCost {
    /// What OWASP asks for: 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, iterations: 2, lanes: 1 }
    }
}

/// A provider of identities that people may sign in by.
#[derive(Clone)]
pub struct OidcConfig {
    /// Its issuer, as it stands in its own metadata.
    pub issuer: String,
    /// Weir's name there.
    pub client_id: String,
    /// Weir's secret there; none for a public client.
    pub client_secret: Option<String>,
    /// Where it sends people back to; `{public_url}/auth/oidc/callback` without one.
    pub redirect_url: Option<Url>,
    /// What to ask for beyond `openid email profile`.
    pub scopes: Vec<String>,
}

impl fmt::Debug for OidcConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcConfig")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// What can be chosen about people and sign-in.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where people reach this installation; links in mails begin with it, and tokens name it as their issuer.
    pub public_url: Url,
    /// Who may make an account for themselves.
    pub registration: Registration,
    /// By which provider people may sign in, if any.
    pub oidc: Option<OidcConfig>,
    /// How long an access token is good for.
    pub access_token_life: Duration,
    /// How long a session lasts at most.
    pub session_life: Duration,
    /// How long a session lasts without being used.
    pub session_idle: Duration,
    /// How long tokens are signed with one key.
    pub signing_key_life: Duration,
    /// How long an invitation can be accepted.
    pub invitation_life: Duration,
    /// How long a password can be reset by a link.
    pub reset_life: Duration,
    /// How long an address can be verified by a link.
    pub verification_life: Duration,
    /// What a password hash costs.
    pub password_cost: PasswordCost,
}

impl Config {
    /// The defaults, for an installation reached at `public_url`.
    pub fn new(public_url: Url) -> Self {
        Self {
            public_url,
            registration: Registration::Invited,
            oidc: None,
            access_token_life: 15 * MINUTE,
            session_life: 30 * DAY,
            session_idle: 7 * DAY,
            signing_key_life: 30 * DAY,
            invitation_life: 7 * DAY,
            reset_life: 30 * MINUTE,
            verification_life: DAY,
            password_cost: PasswordCost::default(),
        }
    }

    /// The address of a page of the web app, with a token in its query.
    pub(crate) fn link(&self, page: &str, token: &str) -> String {
        format!("{}/{page}?token={token}", self.public_url.as_str().trim_end_matches('/'))
    }
}
