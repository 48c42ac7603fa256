//! The door to everything about people: what it is built of, and what all of it shares.

use std::sync::Arc;

use weir_base::{Actor, Clock, Principal, SessionId, Timestamp, UserId, WorkspaceId};
use weir_cache::Cache;
use weir_db::Db;
use weir_mail::Mailer;
use weir_vault::Keyring;

use crate::access_token::AccessTokens;
use crate::hashing::Hashing;
use crate::key_uses::KeyUses;
use crate::mails::Mails;
use crate::oidc::Provider;
use crate::signing_keys::SigningKeys;
use crate::views::Views;
use crate::{ApiKeys, Config, Error, Members, Users, Workspaces, tickets};

/// What [`Identity`] is built of.
pub struct Parts {
    /// A database that [`MIGRATIONS`](crate::MIGRATIONS) were applied to.
    pub db: Db,
    /// Seals the keys that tokens are signed with.
    pub keyring: Arc<Keyring>,
    /// Where what every request asks for is remembered.
    pub cache: Cache,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Sends mails; without one, links are answered to whoever asked for them to be sent, or not given out at all.
    pub mailer: Option<Mailer>,
    /// Talks to the identity provider; it must not follow redirects.
    pub http: reqwest::Client,
    /// What can be chosen.
    pub config: Config,
}

/// People, and what proves who they are. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    pub(crate) core: Arc<Core>,
}

/// What everything in this crate shares.
pub(crate) struct Core {
    pub(crate) db: Db,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) mails: Option<Mails>,
    pub(crate) hashing: Hashing,
    pub(crate) signing: SigningKeys,
    pub(crate) views: Views,
    pub(crate) tokens: AccessTokens,
    /// What is asked of every ticket.
    pub(crate) ticket_rules: jsonwebtoken::Validation,
    pub(crate) key_uses: KeyUses,
    pub(crate) provider: Option<Provider>,
    pub(crate) config: Config,
}

impl Identity {
    /// Gets ready to sign people in: loads the keys that tokens are signed with, and makes the first one.
    ///
    /// # Errors
    /// Those of the database; [`Error::Corrupt`] if a key cannot be unsealed.
    pub async fn open(parts: Parts) -> Result<Self, Error> {
        let Parts { db, keyring, cache, clock, mailer, http, config } = parts;
        let hashing = Hashing::new(config.password_cost)?;
        let provider = config.oidc.clone().map(|oidc| Provider::new(oidc, &config.public_url, http)).transpose()?;
        let mails = mailer.map(Mails::start);
        let signing = SigningKeys::default();
        let views = Views::of(&db, &cache);
        let tokens = AccessTokens::new(&config.public_url);
        let ticket_rules = tickets::rules(&config.public_url);
        let key_uses = KeyUses::default();
        let core = Core {
            db,
            keyring,
            clock,
            mails,
            hashing,
            signing,
            views,
            tokens,
            ticket_rules,
            key_uses,
            provider,
            config,
        };
        core.load_signing_keys().await?;
        core.rotate_signing_keys().await?;
        Ok(Self { core: Arc::new(core) })
    }

    /// The accounts.
    pub fn users(&self) -> Users {
        Users { core: Arc::clone(&self.core) }
    }

    /// The workspaces.
    pub fn workspaces(&self) -> Workspaces {
        Workspaces { core: Arc::clone(&self.core) }
    }

    /// Who belongs to which workspace, and who is invited.
    pub fn members(&self) -> Members {
        Members { core: Arc::clone(&self.core) }
    }

    /// The keys that programs sign in with.
    pub fn api_keys(&self) -> ApiKeys {
        ApiKeys { core: Arc::clone(&self.core) }
    }

    /// What was chosen.
    pub fn config(&self) -> &Config {
        &self.core.config
    }

    /// So many password hashes were computed since the start, for metrics.
    pub fn hashes_computed(&self) -> u64 {
        self.core.hashing.computed()
    }

    /// Makes a new key to sign tokens with, if the present one is old; tokens signed with old keys stay good until
    /// they expire. Meant to be called daily, by every process.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn rotate_signing_keys(&self) -> Result<bool, Error> {
        self.core.rotate_signing_keys().await
    }

    /// Waits until the mails that were promised are sent.
    pub async fn close(&self) {
        if let Some(mails) = &self.core.mails {
            mails.finish().await;
        }
    }
}

impl Core {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Where somebody is who is in no workspace: nothing is there.
pub(crate) const NOWHERE: WorkspaceId = WorkspaceId::from_uuid(uuid::Uuid::nil());

/// The person who asks, signed in by a session: what concerns sign-in itself is not for keys.
pub(crate) const fn signed_in(who: &Principal) -> Result<(UserId, SessionId), Error> {
    match who.actor {
        Actor::User { user, session } => Ok((user, session)),
        _ => Err(Error::NoPerson),
    }
}

/// The person who asks, or whose key it is.
pub(crate) fn person(who: &Principal) -> Result<UserId, Error> {
    who.actor.user().ok_or(Error::NoPerson)
}
