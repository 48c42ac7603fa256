//! Notification rules: which events people want to be told of, and how.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use weir_base::{Clock, Page, PageRequest, Principal, Timestamp, WorkspaceId};
use weir_db::{Batch, Db, Row, Statement, args};

use crate::deliveries::DeliveryStore;
use crate::webhooks::{check_events, check_version, kept, patterns_text, readable};
use crate::{Delivery, DeliveryStatus, DomainEvent, Error, Mistake, Patterns, tell};

/// The most rules of a workspace.
const MOST: u64 = 100;

/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// The most addresses of one rule.
const MAX_ADDRESSES: usize = 20;

/// The longest address, in bytes.
const MAX_ADDRESS: usize = 320;

/// The longest conditions of one rule, in bytes of JSON.
const MAX_CONDITIONS: usize = 4096;

const COLUMNS: &str =
    "id, workspace_id, name, events, conditions, channel, enabled, version, created_by, created_at, updated_at";

/// A notification rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(Uuid);

impl RuleId {
    /// Wraps an id read from a store or a path.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The bare UUID.
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RuleId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// How people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Channel {
    /// By mail.
    Email {
        /// To these addresses.
        to: Vec<String>,
    },
    /// In Slack.
    Slack {
        /// The name of a credential of type slack.
        credential: String,
        /// Where, if the credential is a bot's token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
    },
}

/// Which events people want to be told of, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationRule {
    /// Which.
    pub id: RuleId,
    /// Where.
    pub workspace: WorkspaceId,
    /// What people call it.
    pub name: String,
    /// Of which kinds of events.
    pub events: Patterns,
    /// Fields of an event's data, or JSON pointers into it, and what they must be.
    pub conditions: BTreeMap<String, Value>,
    /// How.
    pub channel: Channel,
    /// Whether anybody is told.
    pub enabled: bool,
    /// Counts every change from 1.
    pub version: i64,
    /// Who made it: an actor as text.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A rule to be made.
#[derive(Debug, Clone)]
pub struct NewRule {
    /// What people call it.
    pub name: String,
    /// Of which kinds of events.
    pub events: Vec<String>,
    /// Fields of an event's data, or JSON pointers into it, and what they must be.
    pub conditions: BTreeMap<String, Value>,
    /// How people are told.
    pub channel: Channel,
    /// Whether anybody is told.
    pub enabled: bool,
}

/// What to change of a rule; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct RuleChange {
    /// Another name.
    pub name: Option<String>,
    /// Other kinds of events.
    pub events: Option<Vec<String>>,
    /// Other conditions.
    pub conditions: Option<BTreeMap<String, Value>>,
    /// Another way.
    pub channel: Option<Channel>,
    /// Switch it on or off.
    pub enabled: Option<bool>,
}

impl NotificationRule {
    /// Whether people are to be told of this event.
    pub fn wants(&self, event: &DomainEvent) -> bool {
        let field = |name: &str| match name.starts_with('/') {
            true => event.data.pointer(name),
            false => event.data.get(name),
        };
        self.events.fit(&event.kind) && self.conditions.iter().all(|(name, wanted)| field(name) == Some(wanted))
    }
}

/// All notification rules, and what may be done with them. Cheap to clone.
#[derive(Clone)]
pub struct NotificationRules {
    store: RuleStore,
    deliveries: DeliveryStore,
    clock: Arc<dyn Clock>,
}

impl NotificationRules {
    /// The rules of a database.
    pub fn new(db: Db, clock: Arc<dyn Clock>) -> Self {
        Self { store: RuleStore::new(db.clone()), deliveries: DeliveryStore::new(db), clock }
    }

    /// Makes a rule.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every mistake; [`Error::TooMany`].
    pub async fn create(&self, who: &Principal, new: NewRule) -> Result<NotificationRule, Error> {
        let NewRule { name, events, conditions, channel, enabled } = new;
        let mut mistakes = Vec::new();
        let events = check_events(events, &mut mistakes);
        check(&name, &conditions, &channel, &mut mistakes);
        let Some(events) = events.filter(|_| mistakes.is_empty()) else { return Err(Error::Invalid(mistakes)) };
        if self.store.count(who.workspace).await? >= MOST {
            return Err(Error::TooMany(MOST));
        }
        let now = self.clock.now();
        let rule = NotificationRule {
            id: RuleId(Uuid::now_v7()),
            workspace: who.workspace,
            name,
            events,
            conditions,
            channel,
            enabled,
            version: 1,
            created_by: who.actor.to_string(),
            created_at: now,
            updated_at: now,
        };
        self.store.insert(&rule, &told(who, "NotificationRuleCreated", &rule, now)).await?;
        Ok(rule)
    }

    /// A rule.
    ///
    /// # Errors
    /// [`Error::NoRule`].
    pub async fn get(&self, workspace: WorkspaceId, id: RuleId) -> Result<NotificationRule, Error> {
        self.store.rule(workspace, id).await?.ok_or(Error::NoRule(id))
    }

    /// The rules of a workspace, the oldest first.
    ///
    /// # Errors
    /// [`Error::Cursor`] for a cursor of another list.
    pub async fn list(&self, workspace: WorkspaceId, page: &PageRequest) -> Result<Page<NotificationRule>, Error> {
        self.store.list(workspace, page).await
    }

    /// Changes a rule, if it still has the version `expected`; without one, whatever it has.
    ///
    /// # Errors
    /// [`Error::NoRule`], [`Error::Stale`], [`Error::Invalid`] with every mistake.
    pub async fn update(
        &self,
        who: &Principal,
        id: RuleId,
        expected: Option<i64>,
        change: RuleChange,
    ) -> Result<NotificationRule, Error> {
        let mut mistakes = Vec::new();
        let events = change.events.and_then(|events| check_events(events, &mut mistakes));
        loop {
            let mut rule = self.get(who.workspace, id).await?;
            let seen = rule.version;
            check_version(expected, seen)?;
            if let Some(events) = &events {
                rule.events.clone_from(events);
            }
            if let Some(name) = &change.name {
                rule.name.clone_from(name);
            }
            if let Some(conditions) = &change.conditions {
                rule.conditions.clone_from(conditions);
            }
            if let Some(channel) = &change.channel {
                rule.channel.clone_from(channel);
            }
            rule.enabled = change.enabled.unwrap_or(rule.enabled);
            check(&rule.name, &rule.conditions, &rule.channel, &mut mistakes);
            if !mistakes.is_empty() {
                return Err(Error::Invalid(mistakes));
            }
            let now = self.clock.now();
            rule.version = seen + 1;
            rule.updated_at = now;
            if self.store.replace(&rule, seen, &told(who, "NotificationRuleUpdated", &rule, now)).await? {
                return Ok(rule);
            }
        }
    }

    /// Removes a rule, and forgets what was sent by it.
    ///
    /// # Errors
    /// [`Error::NoRule`], [`Error::Stale`].
    pub async fn delete(&self, who: &Principal, id: RuleId, expected: Option<i64>) -> Result<(), Error> {
        loop {
            let rule = self.get(who.workspace, id).await?;
            check_version(expected, rule.version)?;
            if self.store.delete(&rule, &told(who, "NotificationRuleDeleted", &rule, self.clock.now())).await? {
                return Ok(());
            }
        }
    }

    /// What was sent by a rule, the newest first.
    ///
    /// # Errors
    /// [`Error::NoRule`]; [`Error::Cursor`] for a cursor of another list.
    pub async fn deliveries(
        &self,
        workspace: WorkspaceId,
        id: RuleId,
        status: Option<DeliveryStatus>,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, Error> {
        self.get(workspace, id).await?;
        self.deliveries.list(workspace, id.0, status, page).await
    }

    /// Tells people once more of an event.
    ///
    /// # Errors
    /// [`Error::NoRule`], [`Error::NoDelivery`], [`Error::StillPending`].
    pub async fn redeliver(&self, who: &Principal, id: RuleId, event_id: &str) -> Result<(), Error> {
        self.get(who.workspace, id).await?;
        self.deliveries.redeliver(who.workspace, id.0, event_id, self.clock.now()).await
    }

    /// Tells people of everything once more that they could not be told of; answers how many events those are.
    ///
    /// # Errors
    /// [`Error::NoRule`].
    pub async fn redeliver_failed(&self, who: &Principal, id: RuleId) -> Result<u64, Error> {
        self.get(who.workspace, id).await?;
        self.deliveries.redeliver_failed(who.workspace, id.0, self.clock.now()).await
    }
}

fn told(who: &Principal, kind: &str, rule: &NotificationRule, now: Timestamp) -> DomainEvent {
    let data = json!({
        "name": rule.name,
        "events": rule.events,
        "channel": rule.channel,
        "enabled": rule.enabled,
        "version": rule.version,
    });
    DomainEvent::by(who, kind, format!("notification_rule/{}", rule.id), now, data)
}

fn check(name: &str, conditions: &BTreeMap<String, Value>, channel: &Channel, mistakes: &mut Vec<Mistake>) {
    let mut wrong = |pointer, message: String| mistakes.push(Mistake { pointer, message });
    let length = name.chars().count();
    if length == 0 || length > MAX_NAME || name.contains(char::is_control) {
        wrong("/name", format!("must have 1 to {MAX_NAME} characters on one line"));
    }
    // Texts and JSON values always serialise.
    if serde_json::to_string(conditions).map_or(0, |text| text.len()) > MAX_CONDITIONS {
        wrong("/conditions", format!("are longer than {MAX_CONDITIONS} bytes"));
    }
    match channel {
        Channel::Email { to } => {
            if to.is_empty() || to.len() > MAX_ADDRESSES {
                wrong("/channel/to", format!("must be 1 to {MAX_ADDRESSES} addresses"));
            }
            if let Some(address) = to.iter().find(|address| !is_address(address)) {
                let shown: String = address.chars().take(100).collect();
                wrong("/channel/to", format!("{shown:?} is no mail address"));
            }
        }
        Channel::Slack { credential, channel } => {
            let too_long = |text: &str| text.is_empty() || text.len() > MAX_ADDRESS || text.contains(char::is_control);
            if too_long(credential) {
                wrong("/channel/credential", "must name a credential".to_owned());
            }
            if channel.as_deref().is_some_and(too_long) {
                wrong("/channel/channel", "must name a channel, such as #alerts".to_owned());
            }
        }
    }
}

fn is_address(address: &str) -> bool {
    let halves = address.split_once('@');
    let plain = !address.contains(|char: char| char.is_control() || char.is_whitespace() || ",<>".contains(char));
    plain && address.len() <= MAX_ADDRESS && halves.is_some_and(|(who, host)| !who.is_empty() && !host.is_empty())
}

/// The SQL of notification rules.
#[derive(Debug, Clone)]
pub(crate) struct RuleStore {
    db: Db,
}

impl RuleStore {
    pub(crate) const fn new(db: Db) -> Self {
        Self { db }
    }

    async fn count(&self, workspace: WorkspaceId) -> Result<u64, Error> {
        let query = "SELECT COUNT(*) FROM notification_rules WHERE workspace_id = $1";
        let rows = self.db.query(query, args![workspace]).await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    async fn insert(&self, rule: &NotificationRule, told: &DomainEvent) -> Result<(), Error> {
        let insert =
            format!("INSERT INTO notification_rules ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
        let args = args![
            rule.id.0,
            rule.workspace,
            &rule.name,
            patterns_text(&rule.events),
            json_text(&rule.conditions),
            json_text(&rule.channel),
            rule.enabled,
            rule.version,
            &rule.created_by,
            rule.created_at,
            rule.updated_at,
        ];
        self.db.write(Batch::from(vec![Statement::new(insert, args), tell(std::slice::from_ref(told))])).await?;
        Ok(())
    }

    /// Puts `rule` in the place of what is there, if that still has `version`. Answers whether it had.
    async fn replace(&self, rule: &NotificationRule, version: i64, told: &DomainEvent) -> Result<bool, Error> {
        let update = "UPDATE notification_rules SET name = $1, events = $2, conditions = $3, channel = $4, \
                      enabled = $5, version = $6, updated_at = $7 \
                      WHERE id = $8 AND workspace_id = $9 AND version = $10";
        let args = args![
            &rule.name,
            patterns_text(&rule.events),
            json_text(&rule.conditions),
            json_text(&rule.channel),
            rule.enabled,
            rule.version,
            rule.updated_at,
            rule.id.0,
            rule.workspace,
            version,
        ];
        kept(self.db.write(vec![Statement::new(update, args).exactly(1), tell(std::slice::from_ref(told))]).await)
    }

    /// Removes a rule and its deliveries, if it still has its version. Answers whether it had.
    async fn delete(&self, rule: &NotificationRule, told: &DomainEvent) -> Result<bool, Error> {
        let delete = "DELETE FROM notification_rules WHERE id = $1 AND workspace_id = $2 AND version = $3";
        let batch = vec![
            Statement::new(delete, args![rule.id.0, rule.workspace, rule.version]).exactly(1),
            DeliveryStore::removal(rule.workspace, rule.id.0),
            tell(std::slice::from_ref(told)),
        ];
        kept(self.db.write(batch).await)
    }

    pub(crate) async fn rule(&self, workspace: WorkspaceId, id: RuleId) -> Result<Option<NotificationRule>, Error> {
        let query = format!("SELECT {COLUMNS} FROM notification_rules WHERE id = $1 AND workspace_id = $2");
        self.db.query(query, args![id.0, workspace]).await?.first().map(read).transpose()
    }

    async fn list(&self, workspace: WorkspaceId, page: &PageRequest) -> Result<Page<NotificationRule>, Error> {
        let mut query = format!("SELECT {COLUMNS} FROM notification_rules WHERE workspace_id = $1");
        let mut args = args![workspace, page.limit + 1];
        if let Some(cursor) = &page.cursor {
            args.push(cursor.decode::<Uuid>()?.into());
            query.push_str(" AND id > $3");
        }
        query.push_str(" ORDER BY id LIMIT $2");
        let rows = self.db.query(query, args).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |rule| rule.id.0))
    }

    /// Puts all rules of a workspace that is no more out of force.
    pub(crate) fn silence(workspace: WorkspaceId, now: Timestamp) -> Statement {
        let update = "UPDATE notification_rules SET enabled = $1, version = version + 1, updated_at = $2 \
                      WHERE workspace_id = $3 AND enabled";
        Statement::new(update, args![false, now, workspace])
    }

    /// Those of a workspace that are in force.
    pub(crate) async fn enabled(&self, workspace: WorkspaceId) -> Result<Vec<NotificationRule>, Error> {
        let query = format!("SELECT {COLUMNS} FROM notification_rules WHERE workspace_id = $1 AND enabled ORDER BY id");
        let rows = self.db.query(query, args![workspace]).await?;
        Ok(rows.iter().filter_map(|row| readable(read(row))).collect())
    }
}

/// Texts and JSON values always serialise.
fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn read(row: &Row) -> Result<NotificationRule, Error> {
    let id = RuleId(row.get(0)?);
    let corrupt = |error: serde_json::Error| Error::Corrupt {
        what: format!("notification rule {id}"),
        message: error.to_string(),
    };
    Ok(NotificationRule {
        id,
        workspace: row.get(1)?,
        name: row.get(2)?,
        events: serde_json::from_str(row.get(3)?).map_err(corrupt)?,
        conditions: serde_json::from_str(row.get(4)?).map_err(corrupt)?,
        channel: serde_json::from_str(row.get(5)?).map_err(corrupt)?,
        enabled: row.get(6)?,
        version: row.get(7)?,
        created_by: row.get(8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
    })
}
