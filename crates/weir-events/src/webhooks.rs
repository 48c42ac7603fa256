//! Webhooks: addresses outside of Weir that want to know of events.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use url::Url;
use weir_base::{Clock, Page, PageRequest, Principal, Timestamp, WebhookId, WorkspaceId};
use weir_db::{Batch, Db, Row, Statement, args};
use weir_outbound::Outbound;
use weir_vault::Keyring;

use crate::deliveries::DeliveryStore;
use crate::signature::fresh_secret;
use crate::{Delivery, DeliveryStatus, DomainEvent, Error, Mistake, Patterns, tell};

/// The most webhooks of a workspace.
const MOST: u64 = 100;

/// The longest address, in bytes.
const MAX_URL: usize = 2000;

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 500;

/// How long the secret of before signs as well.
const OLD_SECRET_SIGNS: Duration = Duration::from_secs(24 * 60 * 60);

const COLUMNS: &str = "id, workspace_id, url, description, events, enabled, disabled_because, secret, old_secret, \
                       old_secret_until, version, created_by, created_at, updated_at";

/// An address that events are sent to.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Which.
    pub id: WebhookId,
    /// Where.
    pub workspace: WorkspaceId,
    /// Where events are posted to.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// Which kinds of events it gets.
    pub events: Patterns,
    /// Whether it gets any.
    pub enabled: bool,
    /// Why Weir disabled it, if Weir did.
    pub disabled_because: Option<String>,
    /// Until when its secret of before signs as well.
    pub old_secret_until: Option<Timestamp>,
    /// Counts every change from 1.
    pub version: i64,
    /// Who made it: an actor as text.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A webhook to be made.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Where to post events to.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// Which kinds of events it gets.
    pub events: Vec<String>,
    /// Whether it gets any.
    pub enabled: bool,
}

/// What to change of a webhook; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// Another address.
    pub url: Option<String>,
    /// Another description.
    pub description: Option<String>,
    /// Other kinds of events.
    pub events: Option<Vec<String>>,
    /// Switch it on or off.
    pub enabled: Option<bool>,
}

/// A webhook with its secrets, sealed.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pub(crate) webhook: Webhook,
    secret: String,
    old_secret: Option<String>,
}

/// All webhooks, and what may be done with them. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    store: WebhookStore,
    deliveries: DeliveryStore,
    keyring: Arc<Keyring>,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
}

impl Webhooks {
    /// The webhooks of a database; their secrets are sealed by `keyring`, and `outbound` knows which addresses may be
    /// reached.
    pub fn new(db: Db, keyring: Arc<Keyring>, outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { store: WebhookStore::new(db.clone()), deliveries: DeliveryStore::new(db), keyring, outbound, clock }
    }

    /// Makes a webhook. The text is the secret that its messages are signed with: it is told this once.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every mistake; [`Error::TooMany`].
    pub async fn create(&self, who: &Principal, new: NewWebhook) -> Result<(Webhook, String), Error> {
        let NewWebhook { url, description, events, enabled } = new;
        let mut mistakes = Vec::new();
        self.check_url(&url, &mut mistakes);
        check_description(&description, &mut mistakes);
        let events = check_events(events, &mut mistakes);
        let Some(events) = events.filter(|_| mistakes.is_empty()) else { return Err(Error::Invalid(mistakes)) };
        if self.store.count(who.workspace).await? >= MOST {
            return Err(Error::TooMany(MOST));
        }
        let now = self.clock.now();
        let webhook = Webhook {
            id: WebhookId::new(),
            workspace: who.workspace,
            url,
            description,
            events,
            enabled,
            disabled_because: None,
            old_secret_until: None,
            version: 1,
            created_by: who.actor.to_string(),
            created_at: now,
            updated_at: now,
        };
        let secret = fresh_secret();
        let sealed = self.seal(&webhook, &secret);
        let told = told(who, "WebhookCreated", &webhook, now);
        self.store.insert(&Sealed { webhook: webhook.clone(), secret: sealed, old_secret: None }, &told).await?;
        Ok((webhook, secret))
    }

    /// A webhook.
    ///
    /// # Errors
    /// [`Error::NoWebhook`].
    pub async fn get(&self, workspace: WorkspaceId, id: WebhookId) -> Result<Webhook, Error> {
        Ok(self.sealed(workspace, id).await?.webhook)
    }

    /// The webhooks of a workspace, the oldest first.
    ///
    /// # Errors
    /// [`Error::Cursor`] for a cursor of another list.
    pub async fn list(&self, workspace: WorkspaceId, page: &PageRequest) -> Result<Page<Webhook>, Error> {
        self.store.list(workspace, page).await
    }

    /// Changes a webhook, if it still has the version `expected`; without one, whatever it has.
    ///
    /// # Errors
    /// [`Error::NoWebhook`], [`Error::Stale`], [`Error::Invalid`] with every mistake.
    pub async fn update(
        &self,
        who: &Principal,
        id: WebhookId,
        expected: Option<i64>,
        change: WebhookChange,
    ) -> Result<Webhook, Error> {
        let WebhookChange { url, description, events, enabled } = change;
        let mut mistakes = Vec::new();
        if let Some(url) = &url {
            self.check_url(url, &mut mistakes);
        }
        if let Some(description) = &description {
            check_description(description, &mut mistakes);
        }
        let events = events.and_then(|events| check_events(events, &mut mistakes));
        if !mistakes.is_empty() {
            return Err(Error::Invalid(mistakes));
        }
        let changed = self.change(who, id, expected, |sealed| {
            let webhook = &mut sealed.webhook;
            if let Some(url) = &url {
                webhook.url.clone_from(url);
            }
            if let Some(description) = &description {
                webhook.description.clone_from(description);
            }
            if let Some(events) = &events {
                webhook.events.clone_from(events);
            }
            if let Some(enabled) = enabled {
                webhook.enabled = enabled;
                webhook.disabled_because = None;
            }
        });
        changed.await
    }

    /// Gives a webhook a fresh secret, which is told this once. For a day the old one signs as well.
    ///
    /// # Errors
    /// [`Error::NoWebhook`], [`Error::Stale`].
    pub async fn rotate_secret(
        &self,
        who: &Principal,
        id: WebhookId,
        expected: Option<i64>,
    ) -> Result<(Webhook, String), Error> {
        let secret = fresh_secret();
        let until = self.clock.now() + OLD_SECRET_SIGNS;
        let changed = self.change(who, id, expected, |sealed| {
            let fresh = self.seal(&sealed.webhook, &secret);
            sealed.old_secret = Some(std::mem::replace(&mut sealed.secret, fresh));
            sealed.webhook.old_secret_until = Some(until);
        });
        Ok((changed.await?, secret))
    }

    /// Removes a webhook, and forgets what was sent to it.
    ///
    /// # Errors
    /// [`Error::NoWebhook`], [`Error::Stale`].
    pub async fn delete(&self, who: &Principal, id: WebhookId, expected: Option<i64>) -> Result<(), Error> {
        loop {
            let Sealed { webhook, .. } = self.sealed(who.workspace, id).await?;
            check_version(expected, webhook.version)?;
            if self.store.delete(&webhook, &told(who, "WebhookDeleted", &webhook, self.clock.now())).await? {
                return Ok(());
            }
        }
    }

    /// What was sent to a webhook, the newest first.
    ///
    /// # Errors
    /// [`Error::NoWebhook`]; [`Error::Cursor`] for a cursor of another list.
    pub async fn deliveries(
        &self,
        workspace: WorkspaceId,
        id: WebhookId,
        status: Option<DeliveryStatus>,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, Error> {
        self.get(workspace, id).await?;
        self.deliveries.list(workspace, id.as_uuid(), status, page).await
    }

    /// Sends an event once more that has arrived or failed.
    ///
    /// # Errors
    /// [`Error::NoWebhook`], [`Error::NoDelivery`], [`Error::StillPending`].
    pub async fn redeliver(&self, who: &Principal, id: WebhookId, event_id: &str) -> Result<(), Error> {
        self.get(who.workspace, id).await?;
        self.deliveries.redeliver(who.workspace, id.as_uuid(), event_id, self.clock.now()).await
    }

    /// Sends everything once more that failed; answers how many events those are.
    ///
    /// # Errors
    /// [`Error::NoWebhook`].
    pub async fn redeliver_failed(&self, who: &Principal, id: WebhookId) -> Result<u64, Error> {
        self.get(who.workspace, id).await?;
        self.deliveries.redeliver_failed(who.workspace, id.as_uuid(), self.clock.now()).await
    }

    /// Seals the secrets of all workspaces under the newest master key; answers how many webhooks that changed.
    ///
    /// # Errors
    /// [`Error::Secret`] if one cannot be opened.
    pub async fn reseal(&self) -> Result<u64, Error> {
        let mut changed = 0;
        for sealed in self.store.all().await? {
            let old = sealed.old_secret.as_deref();
            if self.keyring.is_current(&sealed.secret) && old.is_none_or(|old| self.keyring.is_current(old)) {
                continue;
            }
            let again = |secret: &str| {
                let context = context(&sealed.webhook);
                Ok::<_, Error>(self.keyring.seal(&self.keyring.open(secret, &context)?, &context))
            };
            let (secret, old_secret) = (again(&sealed.secret)?, old.map(again).transpose()?);
            changed += self.store.reseal(&sealed, &secret, old_secret).await?;
        }
        Ok(changed)
    }

    async fn change(
        &self,
        who: &Principal,
        id: WebhookId,
        expected: Option<i64>,
        change: impl Fn(&mut Sealed) + Send,
    ) -> Result<Webhook, Error> {
        loop {
            let mut sealed = self.sealed(who.workspace, id).await?;
            let seen = sealed.webhook.version;
            check_version(expected, seen)?;
            change(&mut sealed);
            let now = self.clock.now();
            sealed.webhook.version = seen + 1;
            sealed.webhook.updated_at = now;
            if self.store.replace(&sealed, seen, &told(who, "WebhookUpdated", &sealed.webhook, now)).await? {
                return Ok(sealed.webhook);
            }
        }
    }

    async fn sealed(&self, workspace: WorkspaceId, id: WebhookId) -> Result<Sealed, Error> {
        self.store.webhook(workspace, id).await?.ok_or(Error::NoWebhook(id))
    }

    fn seal(&self, webhook: &Webhook, secret: &str) -> String {
        self.keyring.seal(secret.as_bytes(), &context(webhook))
    }

    fn check_url(&self, text: &str, mistakes: &mut Vec<Mistake>) {
        let mut wrong = |message: String| mistakes.push(Mistake { pointer: "/url", message });
        if text.len() > MAX_URL {
            return wrong(format!("is longer than {MAX_URL} bytes"));
        }
        match Url::parse(text) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                wrong("must not hold a user and password: check the signature instead".to_owned());
            }
            Ok(url) => {
                if let Err(refusal) = self.outbound.client_for(&url) {
                    wrong(refusal.to_string());
                }
            }
            Err(error) => wrong(format!("is no URL: {error}")),
        }
    }
}

impl Sealed {
    /// The secrets that sign now, the newest first.
    pub(crate) fn secrets(&self, keyring: &Keyring, now: Timestamp) -> Result<Vec<String>, Error> {
        let old_signs = self.webhook.old_secret_until.is_some_and(|until| now < until);
        let old = self.old_secret.as_ref().filter(|_| old_signs);
        let open = |sealed: &String| {
            let opened = keyring.open(sealed, &context(&self.webhook))?;
            Ok(String::from_utf8_lossy(&opened).into_owned())
        };
        std::iter::once(&self.secret).chain(old).map(open).collect()
    }
}

/// What a secret is sealed for.
fn context(webhook: &Webhook) -> String {
    format!("webhook/{}/{}", webhook.workspace, webhook.id)
}

/// The event of a change. The address may hold a secret after its host.
fn told(who: &Principal, kind: &str, webhook: &Webhook, now: Timestamp) -> DomainEvent {
    DomainEvent::by(who, kind, format!("webhook/{}", webhook.id), now, facts(webhook))
}

fn facts(webhook: &Webhook) -> serde_json::Value {
    let host = Url::parse(&webhook.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    json!({"host": host, "events": webhook.events, "enabled": webhook.enabled, "version": webhook.version})
}

fn check_description(description: &str, mistakes: &mut Vec<Mistake>) {
    if description.chars().count() > MAX_DESCRIPTION || description.contains('\0') {
        let message = format!("must have at most {MAX_DESCRIPTION} characters");
        mistakes.push(Mistake { pointer: "/description", message });
    }
}

pub(crate) fn check_events(events: Vec<String>, mistakes: &mut Vec<Mistake>) -> Option<Patterns> {
    let checked = Patterns::new(events);
    checked.map_err(|error| mistakes.push(Mistake { pointer: "/events", message: error.to_string() })).ok()
}

pub(crate) const fn check_version(expected: Option<i64>, version: i64) -> Result<(), Error> {
    match expected {
        Some(expected) if expected != version => Err(Error::Stale { version }),
        _ => Ok(()),
    }
}

/// The SQL of webhooks.
#[derive(Debug, Clone)]
pub(crate) struct WebhookStore {
    db: Db,
}

impl WebhookStore {
    pub(crate) const fn new(db: Db) -> Self {
        Self { db }
    }

    async fn count(&self, workspace: WorkspaceId) -> Result<u64, Error> {
        let rows = self.db.query("SELECT COUNT(*) FROM webhooks WHERE workspace_id = $1", args![workspace]).await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    async fn insert(&self, sealed: &Sealed, told: &DomainEvent) -> Result<(), Error> {
        let Sealed { webhook, secret, .. } = sealed;
        let insert = "INSERT INTO webhooks (id, workspace_id, url, description, events, enabled, secret, version, \
                      created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let args = args![
            webhook.id,
            webhook.workspace,
            &webhook.url,
            &webhook.description,
            patterns_text(&webhook.events),
            webhook.enabled,
            secret,
            webhook.version,
            &webhook.created_by,
            webhook.created_at,
            webhook.updated_at,
        ];
        let batch = Batch::from(vec![Statement::new(insert, args), tell(std::slice::from_ref(told))]);
        self.db.write(batch).await?;
        Ok(())
    }

    /// Puts `sealed` in the place of what is there, if that still has `version`. Answers whether it had.
    async fn replace(&self, sealed: &Sealed, version: i64, told: &DomainEvent) -> Result<bool, Error> {
        let Sealed { webhook, secret, old_secret } = sealed;
        let update = "UPDATE webhooks SET url = $1, description = $2, events = $3, enabled = $4, \
                      disabled_because = $5, secret = $6, old_secret = $7, old_secret_until = $8, version = $9, \
                      updated_at = $10 WHERE id = $11 AND workspace_id = $12 AND version = $13";
        let args = args![
            &webhook.url,
            &webhook.description,
            patterns_text(&webhook.events),
            webhook.enabled,
            webhook.disabled_because.clone(),
            secret,
            old_secret.clone(),
            webhook.old_secret_until,
            webhook.version,
            webhook.updated_at,
            webhook.id,
            webhook.workspace,
            version,
        ];
        kept(self.db.write(vec![Statement::new(update, args).exactly(1), tell(std::slice::from_ref(told))]).await)
    }

    /// Removes a webhook and its deliveries, if it still has its version. Answers whether it had.
    async fn delete(&self, webhook: &Webhook, told: &DomainEvent) -> Result<bool, Error> {
        let delete = "DELETE FROM webhooks WHERE id = $1 AND workspace_id = $2 AND version = $3";
        let batch = vec![
            Statement::new(delete, args![webhook.id, webhook.workspace, webhook.version]).exactly(1),
            DeliveryStore::removal(webhook.workspace, webhook.id.as_uuid()),
            tell(std::slice::from_ref(told)),
        ];
        kept(self.db.write(batch).await)
    }

    /// Disables a webhook for a reason, in the first places of a batch: it holds only if it was enabled.
    pub(crate) fn disabling(webhook: &Webhook, because: &str, event_id: String, now: Timestamp) -> [Statement; 2] {
        let update = "UPDATE webhooks SET enabled = $1, disabled_because = $2, version = version + 1, \
                      updated_at = $3 WHERE id = $4 AND workspace_id = $5 AND version = $6 AND enabled";
        let args = args![false, because, now, webhook.id, webhook.workspace, webhook.version];
        let after = Webhook { enabled: false, version: webhook.version + 1, ..webhook.clone() };
        let mut data = facts(&after);
        data["because"] = json!(because);
        let subject = format!("webhook/{}", webhook.id);
        let told = DomainEvent::of_itself(event_id, webhook.workspace, "WebhookUpdated", subject, now, data);
        [Statement::new(update, args).exactly(1), tell(&[told])]
    }

    /// Switches off all webhooks of a workspace that is no more.
    pub(crate) fn silence(workspace: WorkspaceId, now: Timestamp) -> Statement {
        let update = "UPDATE webhooks SET enabled = $1, disabled_because = $2, version = version + 1, \
                      updated_at = $3 WHERE workspace_id = $4 AND enabled";
        Statement::new(update, args![false, "the workspace was deleted", now, workspace])
    }

    pub(crate) async fn webhook(&self, workspace: WorkspaceId, id: WebhookId) -> Result<Option<Sealed>, Error> {
        let query = format!("SELECT {COLUMNS} FROM webhooks WHERE id = $1 AND workspace_id = $2");
        self.db.query(query, args![id, workspace]).await?.first().map(read).transpose()
    }

    async fn list(&self, workspace: WorkspaceId, page: &PageRequest) -> Result<Page<Webhook>, Error> {
        let mut query = format!("SELECT {COLUMNS} FROM webhooks WHERE workspace_id = $1");
        let mut args = args![workspace, page.limit + 1];
        if let Some(cursor) = &page.cursor {
            args.push(cursor.decode::<uuid::Uuid>()?.into());
            query.push_str(" AND id > $3");
        }
        query.push_str(" ORDER BY id LIMIT $2");
        let rows = self.db.query(query, args).await?;
        let items = rows.iter().map(|row| Ok(read(row)?.webhook)).collect::<Result<Vec<_>, Error>>()?;
        Ok(Page::from_surplus(items, page.limit, |webhook| webhook.id.as_uuid()))
    }

    /// Those of a workspace that want events now.
    pub(crate) async fn enabled(&self, workspace: WorkspaceId) -> Result<Vec<Webhook>, Error> {
        let query = format!("SELECT {COLUMNS} FROM webhooks WHERE workspace_id = $1 AND enabled ORDER BY id");
        let rows = self.db.query(query, args![workspace]).await?;
        Ok(rows.iter().filter_map(|row| readable(read(row))).map(|sealed| sealed.webhook).collect())
    }

    async fn all(&self) -> Result<Vec<Sealed>, Error> {
        self.db.query(format!("SELECT {COLUMNS} FROM webhooks"), Vec::new()).await?.iter().map(read).collect()
    }

    async fn reseal(&self, sealed: &Sealed, secret: &str, old_secret: Option<String>) -> Result<u64, Error> {
        let update = "UPDATE webhooks SET secret = $1, old_secret = $2 WHERE id = $3 AND secret = $4";
        let args = args![secret, old_secret, sealed.webhook.id, &sealed.secret];
        Ok(self.db.write(Statement::new(update, args)).await?.affected(0))
    }
}

/// What can be read: a damaged row must not keep events from everybody else.
pub(crate) fn readable<T>(read: Result<T, Error>) -> Option<T> {
    read.inspect_err(|error| tracing::error!(%error, "a receiver of events is left out")).ok()
}

/// Whether a batch was kept whose first statement expects that nobody else was quicker.
pub(crate) fn kept(written: Result<weir_db::Written, weir_db::Error>) -> Result<bool, Error> {
    match written {
        Ok(_) => Ok(true),
        Err(weir_db::Error::Expectation { statement: 0, .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Texts always serialise.
pub(crate) fn patterns_text(patterns: &Patterns) -> String {
    serde_json::to_string(patterns).unwrap_or_default()
}

fn read(row: &Row) -> Result<Sealed, Error> {
    let id: WebhookId = row.get(0)?;
    let events = serde_json::from_str(row.get(4)?)
        .map_err(|error| Error::Corrupt { what: format!("webhook {id}"), message: error.to_string() })?;
    let webhook = Webhook {
        id,
        workspace: row.get(1)?,
        url: row.get(2)?,
        description: row.get(3)?,
        events,
        enabled: row.get(5)?,
        disabled_because: row.get(6)?,
        old_secret_until: row.get(9)?,
        version: row.get(10)?,
        created_by: row.get(11)?,
        created_at: row.get(12)?,
        updated_at: row.get(13)?,
    };
    Ok(Sealed { webhook, secret: row.get(7)?, old_secret: row.get(8)? })
}
