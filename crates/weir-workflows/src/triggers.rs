//! What starts workflows by itself: requests, moments, domain events, forms.
//!
//! Invariants: a trigger starts a workflow of its own workspace, and acts as itself; one moment, one event, one request
//! with an id starts one execution, however many processes see it; what is switched off or cannot be run starts
//! nothing, and says why.

mod config;
mod error;
mod events;
mod form;
mod hook;
mod proof;
mod runner;
mod schedule;
mod store;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use weir_base::{
    Actor, Clock, Page, PageRequest, Permission, Principal, Timestamp, TriggerId, WorkflowId, WorkspaceId,
};
use weir_db::Db;
use weir_engine::credential::CredentialSource;
use weir_events::DomainEvent;

use self::store::TriggerStore;
use crate::Workflows;

pub use self::config::{
    CronConfig, Encoding, EventConfig, FormAccess, FormConfig, HookCheck, Mistake, Respond, TriggerConfig,
    WebhookConfig,
};
pub use self::error::Error;
pub use self::form::Form;
pub use self::hook::{Fired, HookRequest};
pub use self::schedule::{Missed, Schedule, ScheduleError};

/// The most triggers of a workspace.
const MOST: u64 = 1000;

/// How long a test address listens for its one request.
const LISTENING: Duration = Duration::from_secs(120);

/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// What starts executions of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Which.
    pub id: TriggerId,
    /// Where.
    pub workspace: WorkspaceId,
    /// What it starts.
    pub workflow: WorkflowId,
    /// What people call it.
    pub name: String,
    /// What it waits for.
    pub config: TriggerConfig,
    /// Whether it starts anything.
    pub enabled: bool,
    /// Of a schedule: when it fires next.
    pub next_at: Option<Timestamp>,
    /// When it last fired.
    pub last_at: Option<Timestamp>,
    /// Why it started nothing the last time.
    pub last_error: Option<String>,
    /// Until when its test address runs the draft.
    pub listening_until: Option<Timestamp>,
    /// Counts every change from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A trigger to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTrigger {
    /// What people call it.
    pub name: String,
    /// What it waits for.
    pub config: TriggerConfig,
    /// Whether it starts anything.
    pub enabled: bool,
}

/// What to change of a trigger; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// Another name.
    pub name: Option<String>,
    /// Something else to wait for; its kind may change as well.
    pub config: Option<TriggerConfig>,
    /// Switch it on or off.
    pub enabled: Option<bool>,
}

/// All triggers, and what may be done with them. Cheap to clone.
#[derive(Clone)]
pub struct Triggers(Arc<Inner>);

struct Inner {
    store: TriggerStore,
    workflows: Workflows,
    credentials: Arc<dyn CredentialSource>,
    clock: Arc<dyn Clock>,
    /// The schedules may be different from what they were.
    rescheduled: Notify,
    /// An event may wait to start a workflow.
    fired: Notify,
}

impl Triggers {
    /// The triggers of a database that [`MIGRATIONS`](crate::MIGRATIONS) were applied to.
    pub fn new(db: Db, workflows: Workflows, credentials: Arc<dyn CredentialSource>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            store: TriggerStore::new(db),
            workflows,
            credentials,
            clock,
            rescheduled: Notify::new(),
            fired: Notify::new(),
        }))
    }

    /// Makes a trigger of this workflow.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every mistake; [`Error::Taken`], [`Error::TooMany`]; [`Error::Workflow`] if there is no
    /// such workflow.
    pub async fn create(&self, who: &Principal, workflow: WorkflowId, new: NewTrigger) -> Result<Trigger, Error> {
        let NewTrigger { name, config, enabled } = new;
        self.0.workflows.get(who.workspace, workflow).await?;
        if self.0.store.count(who.workspace).await? >= MOST {
            return Err(Error::TooMany(MOST));
        }
        let now = self.0.clock.now();
        let mut trigger = Trigger {
            id: TriggerId::new(),
            workspace: who.workspace,
            workflow,
            name,
            config: config.with_address(),
            enabled,
            next_at: None,
            last_at: None,
            last_error: None,
            listening_until: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        self.check(&trigger)?;
        trigger.next_at = next_moment(&trigger, now);
        self.0.store.insert(&trigger, &told(who, "TriggerCreated", &trigger, now)).await?;
        self.0.rescheduled.notify_one();
        Ok(trigger)
    }

    /// A trigger.
    ///
    /// # Errors
    /// [`Error::NoTrigger`].
    pub async fn get(&self, workspace: WorkspaceId, id: TriggerId) -> Result<Trigger, Error> {
        self.0.store.trigger(workspace, id).await?.ok_or(Error::NoTrigger(id))
    }

    /// The triggers of a workspace, or of one of its workflows; oldest first.
    ///
    /// # Errors
    /// [`Error::Cursor`].
    pub async fn list(
        &self,
        workspace: WorkspaceId,
        workflow: Option<WorkflowId>,
        page: &PageRequest,
    ) -> Result<Page<Trigger>, Error> {
        self.0.store.list(workspace, workflow, page).await
    }

    /// Changes a trigger, if it still has the `expected` version (any, without one).
    ///
    /// # Errors
    /// [`Error::Stale`], and as [`create`](Self::create).
    pub async fn update(
        &self,
        who: &Principal,
        id: TriggerId,
        expected: Option<i64>,
        change: Change,
    ) -> Result<Trigger, Error> {
        loop {
            let current = self.get(who.workspace, id).await?;
            if expected.is_some_and(|version| version != current.version) {
                return Err(Error::Stale { current: Box::new(current) });
            }
            let now = self.0.clock.now();
            let mut next = current.clone();
            if let Some(name) = &change.name {
                next.name.clone_from(name);
            }
            if let Some(config) = &change.config {
                next.config = config.clone().with_address();
            }
            next.enabled = change.enabled.unwrap_or(next.enabled);
            self.check(&next)?;
            // Moments that passed while it was switched off, or under another schedule, were not missed.
            next.next_at = next_moment(&next, now);
            (next.version, next.updated_at, next.last_error) = (current.version + 1, now, None);
            if self.0.store.replace(&next, current.version, &told(who, "TriggerUpdated", &next, now)).await? {
                self.0.rescheduled.notify_one();
                return Ok(next);
            }
        }
    }

    /// Removes a trigger.
    ///
    /// # Errors
    /// [`Error::NoTrigger`].
    pub async fn delete(&self, who: &Principal, id: TriggerId) -> Result<(), Error> {
        let trigger = self.get(who.workspace, id).await?;
        let told = told(who, "TriggerDeleted", &trigger, self.0.clock.now());
        if self.0.store.delete(&trigger, &told).await? { Ok(()) } else { Err(Error::NoTrigger(id)) }
    }

    /// Lets the test address of a webhook run the draft with the next request, for two minutes. Answers until when.
    ///
    /// # Errors
    /// [`Error::NoTrigger`]; [`Error::Invalid`] for a trigger that is no webhook.
    pub async fn listen(&self, who: &Principal, id: TriggerId) -> Result<Timestamp, Error> {
        let trigger = self.get(who.workspace, id).await?;
        if !matches!(trigger.config, TriggerConfig::Webhook(_)) {
            let message = "only a webhook has a test address; run the draft to test any other trigger";
            return Err(Error::Invalid(vec![Mistake::new("/config/kind", message)]));
        }
        let until = self.0.clock.now() + LISTENING;
        self.0.store.listen(id, Some(until)).await?;
        Ok(until)
    }

    /// Notes that it fired. What it started runs in any case: whoever sent the request must not take it for lost, and
    /// send it again.
    async fn note_start(&self, id: TriggerId) {
        if let Err(error) = self.0.store.note(id, self.0.clock.now(), None).await {
            tracing::warn!(trigger = %id, %error, "that a trigger fired could not be noted");
        }
    }

    fn check(&self, trigger: &Trigger) -> Result<(), Error> {
        let mut mistakes = trigger.config.mistakes(self.0.workflows.engine().evaluator().as_ref());
        if trigger.name.trim().is_empty() || trigger.name.chars().count() > MAX_NAME {
            mistakes.push(Mistake::new("/name", format!("a trigger needs a name of at most {MAX_NAME} characters")));
        }
        if mistakes.is_empty() { Ok(()) } else { Err(Error::Invalid(mistakes)) }
    }
}

/// When a schedule that is switched on fires after `now`.
fn next_moment(trigger: &Trigger, now: Timestamp) -> Option<Timestamp> {
    match &trigger.config {
        // The schedule was read when the trigger was checked.
        TriggerConfig::Cron(cron) if trigger.enabled => {
            Schedule::parse(&cron.schedule, &cron.time_zone).ok()?.next_after(now)
        }
        _ => None,
    }
}

fn told(who: &Principal, kind: &str, trigger: &Trigger, at: Timestamp) -> DomainEvent {
    let data = json!({
        "trigger_id": trigger.id,
        "workflow_id": trigger.workflow,
        "name": trigger.name,
        "kind": trigger.config.kind(),
        "enabled": trigger.enabled,
    });
    DomainEvent::by(who, kind, format!("trigger/{}", trigger.id), at, data)
}

/// A trigger, as the one who starts an execution.
fn acting(trigger: &Trigger) -> Principal {
    Principal {
        actor: Actor::Trigger(trigger.id),
        workspace: trigger.workspace,
        permissions: [Permission::ExecutionRun].into_iter().collect(),
        address: None,
    }
}
