//! Credentials: typed secrets of a workspace, written by people, read by nodes alone.
//!
//! A secret is stored sealed and never given back: what is listed is its name, its type and what of it is no secret.
//! A deleted credential is gone at once and cannot be restored; who deletes a secret wants it gone.

mod oauth2;
mod reseal;
mod shape;
mod store;

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use weir_base::{Clock, Credential, CredentialId, Page, PageRequest, Principal, Timestamp, WorkspaceId};
use weir_db::Db;
use weir_events::DomainEvent;
use weir_outbound::Outbound;
use weir_vault::Keyring;
use zeroize::Zeroizing;

pub use self::oauth2::TokenFailure;
use self::oauth2::{Client, Tokens};
pub use self::reseal::{Resealed, SealedColumn, reseal};
use self::store::{Kept, Store};
use crate::{Error, signing_keys};

/// The most characters a credential's name may have.
pub const MAX_CREDENTIAL_NAME_CHARS: usize = 100;

/// The uses of a credential are noted this often at most.
const NOTED_EVERY: chrono::TimeDelta = chrono::TimeDelta::minutes(1);

/// What may be known of a credential.
#[derive(Debug, Clone, PartialEq)]
pub struct CredentialSummary {
    /// Its id.
    pub id: CredentialId,
    /// What workflows call it by; unique in its workspace, whatever the case.
    pub name: String,
    /// Its type, as [`Credential::kind`] has it.
    pub kind: String,
    /// What of it is no secret, such as a user's name or a host.
    pub hints: Map<String, Value>,
    /// Counts every change, from 1.
    pub version: u64,
    /// Who made it: an actor as text.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When a node last got it, to the minute; `None` if none ever did.
    pub last_used_at: Option<Timestamp>,
}

/// What is to change; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct CredentialUpdate {
    /// Another name. Workflows that call it by the old one no longer find it.
    pub name: Option<String>,
    /// Another secret, possibly of another type.
    pub credential: Option<Credential>,
}

/// The credentials of all workspaces. Cheap to clone.
#[derive(Clone)]
pub struct Credentials {
    store: Store,
    keyring: Arc<Keyring>,
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("keyring", &self.keyring).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Credentials in a database that [`MIGRATIONS`](crate::MIGRATIONS) were applied to, sealed by `keyring`. Tokens of
    /// OAuth 2.0 are fetched through `outbound`.
    pub fn new(db: Db, keyring: Arc<Keyring>, outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        let tokens = Arc::new(Tokens::new(outbound, Arc::clone(&clock)));
        Self { store: Store::new(db), keyring, tokens, clock }
    }

    /// Stores a new credential. Its name begins and ends with a letter or digit, and has letters, digits, blanks,
    /// `.`, `_` and `-` in it, at most [`MAX_CREDENTIAL_NAME_CHARS`].
    ///
    /// # Errors
    /// [`Error::Invalid`] if the name or the credential's shape breaks a rule, [`Error::CredentialNameTaken`].
    pub async fn create(
        &self,
        who: &Principal,
        name: &str,
        credential: &Credential,
    ) -> Result<CredentialSummary, Error> {
        check_name(name)?;
        shape::check(credential)?;
        let now = self.clock.now();
        let summary = CredentialSummary {
            id: CredentialId::new(),
            name: name.to_owned(),
            kind: credential.kind().to_owned(),
            hints: shape::hints(credential),
            version: 1,
            created_by: who.actor.to_string(),
            created_at: now,
            updated_at: now,
            last_used_at: None,
        };
        let sealed = self.sealed(who.workspace, summary.id, credential)?;
        let told = event(who, "CredentialCreated", &summary, now, json!({}));
        self.store.insert(who.workspace, &summary, sealed, told).await?;
        Ok(summary)
    }

    /// Changes a credential, if it still has version `expected` or none is expected.
    ///
    /// # Errors
    /// [`Error::NoCredential`], [`Error::Stale`], and those of [`create`](Self::create).
    pub async fn update(
        &self,
        who: &Principal,
        id: CredentialId,
        expected: Option<u64>,
        update: CredentialUpdate,
    ) -> Result<CredentialSummary, Error> {
        update.name.as_deref().map_or(Ok(()), check_name)?;
        update.credential.as_ref().map_or(Ok(()), shape::check)?;
        loop {
            let mut next = self.expected(who.workspace, id, expected).await?;
            let seen = next.version;
            next.version = seen + 1;
            next.updated_at = self.clock.now();
            if let Some(name) = &update.name {
                next.name.clone_from(name);
            }
            let sealed = match &update.credential {
                Some(credential) => {
                    credential.kind().clone_into(&mut next.kind);
                    next.hints = shape::hints(credential);
                    Some(self.sealed(who.workspace, id, credential)?)
                }
                None => None,
            };
            let data = json!({ "secret_changed": sealed.is_some() });
            let told = event(who, "CredentialUpdated", &next, next.updated_at, data);
            if self.store.replace(who.workspace, &next, seen, sealed, told).await? {
                return Ok(next);
            }
        }
    }

    /// Deletes a credential for good, if it still has version `expected` or none is expected.
    ///
    /// # Errors
    /// [`Error::NoCredential`], [`Error::Stale`].
    pub async fn delete(&self, who: &Principal, id: CredentialId, expected: Option<u64>) -> Result<(), Error> {
        loop {
            let current = self.expected(who.workspace, id, expected).await?;
            let told = event(who, "CredentialDeleted", &current, self.clock.now(), json!({}));
            if self.store.delete(who.workspace, id, current.version, told).await? {
                self.tokens.forget(id);
                return Ok(());
            }
        }
    }

    /// What may be known of a credential.
    ///
    /// # Errors
    /// [`Error::NoCredential`].
    pub async fn get(&self, workspace: WorkspaceId, id: CredentialId) -> Result<CredentialSummary, Error> {
        self.store.summary(workspace, id).await?.ok_or(Error::NoCredential(id))
    }

    /// What may be known of the workspace's credentials, by name; only those of type `kind` if one is given.
    ///
    /// # Errors
    /// [`Error::Cursor`], and those of the database.
    pub async fn list(
        &self,
        workspace: WorkspaceId,
        kind: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<CredentialSummary>, Error> {
        self.store.list(workspace, kind, page).await
    }

    /// The secret in the clear, for a node that names it. A client of OAuth 2.0 comes as the bearer token it was given.
    ///
    /// It is read anew each time: one indexed row, so that no process hands out what another has changed or deleted.
    ///
    /// # Errors
    /// [`Error::Token`] if no token is to be had, [`Error::Vault`] if the secret cannot be opened.
    pub async fn secret(&self, workspace: WorkspaceId, name: &str) -> Result<Option<Credential>, Error> {
        let Some(kept) = self.store.kept(workspace, &name_key(name)).await? else {
            return Ok(None);
        };
        self.note_use(workspace, &kept).await;
        match self.opened(workspace, &kept)? {
            Credential::Oauth2Client { token_url, client_id, client_secret, scopes } => {
                let client = Client { token_url, client_id, client_secret, scopes };
                let token = self.tokens.token(kept.id, kept.version, &client).await?;
                Ok(Some(Credential::Bearer { token }))
            }
            credential => Ok(Some(credential)),
        }
    }

    /// Seals anew under the newest master key what of this crate is sealed under another: credentials, and the keys
    /// that tokens are signed with. A run that was cut off is finished by the next. Other crates' columns are for
    /// [`reseal`](crate::reseal).
    ///
    /// # Errors
    /// Those of the database. What cannot be opened is counted, not an error.
    pub async fn reseal_all(&self, who: &Principal) -> Result<Resealed, Error> {
        let mut resealed = Resealed::default();
        for column in [COLUMN, SIGNING_KEYS] {
            let column = reseal(self.store.db(), &self.keyring, &column).await?;
            resealed.changed += column.changed;
            resealed.unreadable += column.unreadable;
        }
        let data = json!({ "key": self.keyring.current_id(), "resealed": resealed.changed, "unreadable": resealed.unreadable });
        let subject = "installation/master-key".to_owned();
        let told = DomainEvent::by(who, "CredentialsRotated", subject, self.clock.now(), data);
        self.store.tell(DomainEvent { workspace: None, ..told }).await?;
        Ok(resealed)
    }

    async fn expected(
        &self,
        workspace: WorkspaceId,
        id: CredentialId,
        expected: Option<u64>,
    ) -> Result<CredentialSummary, Error> {
        let current = self.get(workspace, id).await?;
        match expected {
            Some(expected) if expected != current.version => {
                Err(Error::Stale { what: "credential", version: current.version })
            }
            _ => Ok(current),
        }
    }

    fn sealed(&self, workspace: WorkspaceId, id: CredentialId, credential: &Credential) -> Result<String, Error> {
        let json = serde_json::to_vec(credential).map(Zeroizing::new);
        let json = json.map_err(|error| Error::Crypto { what: "writing a credential", message: error.to_string() })?;
        if json.len() > shape::MAX_BYTES {
            return Err(Error::Invalid { what: "credential", rule: "has more than 64 KiB" });
        }
        Ok(self.keyring.seal(&json, &context(workspace, id)))
    }

    fn opened(&self, workspace: WorkspaceId, kept: &Kept) -> Result<Credential, Error> {
        let json = self.keyring.open(&kept.sealed, &context(workspace, kept.id))?;
        // The error of the parser could quote what it failed at.
        serde_json::from_slice(&json).map_err(|_| Error::Corrupt {
            what: format!("credential {}", kept.id),
            message: "what was sealed is no credential".to_owned(),
        })
    }

    /// A use that cannot be noted is no reason to refuse it.
    async fn note_use(&self, workspace: WorkspaceId, kept: &Kept) {
        let now = self.clock.now();
        let noted_before = now - NOTED_EVERY;
        if kept.last_used_at.is_some_and(|at| at > noted_before) {
            return;
        }
        if let Err(error) = self.store.note_use(workspace, kept.id, now, noted_before).await {
            tracing::warn!(credential = %kept.id, %error, "the use of a credential could not be noted");
        }
    }
}

/// Where the secrets of credentials are kept.
const COLUMN: SealedColumn = SealedColumn {
    table: "credentials",
    key: "id",
    sealed: "sealed",
    context_columns: &["workspace_id", "id"],
    context: |row| Ok(context(row.get(0)?, row.get(1)?)),
};

/// Where the keys that tokens are signed with are kept.
const SIGNING_KEYS: SealedColumn = SealedColumn {
    table: "signing_keys",
    key: "kid",
    sealed: "secret",
    context_columns: &["kid"],
    context: |row| Ok(signing_keys::context(row.get(0)?)),
};

/// Where a sealed credential belongs.
fn context(workspace: WorkspaceId, id: CredentialId) -> String {
    format!("credential/{workspace}/{id}")
}

fn event(who: &Principal, kind: &str, summary: &CredentialSummary, at: Timestamp, data: Value) -> DomainEvent {
    let mut event = DomainEvent::by(who, kind, format!("credential/{}", summary.id), at, data);
    event.data["name"] = json!(summary.name);
    event.data["type"] = json!(summary.kind);
    event
}

fn check_name(name: &str) -> Result<(), Error> {
    let rule = "has 1 to 100 letters, digits, blanks, dots, underscores and hyphens, and begins and ends with a letter or digit";
    let at_ends = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
    let within = |char: char| char.is_alphanumeric() || matches!(char, ' ' | '.' | '_' | '-');
    let fits = at_ends(name.chars().next())
        && at_ends(name.chars().next_back())
        && name.chars().all(within)
        && name.chars().count() <= MAX_CREDENTIAL_NAME_CHARS;
    if fits { Ok(()) } else { Err(Error::Invalid { what: "name", rule }) }
}

fn name_key(name: &str) -> String {
    name.to_lowercase()
}
