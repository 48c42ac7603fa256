//! Domain events that start workflows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use weir_base::WorkspaceId;
use weir_core::evaluator::{ExpressionError, Scope};
use weir_db::Statement;
use weir_events::{DomainEvent, Located, Subscriber, SubscriberError};

use super::store::{Firing, TriggerStore};
use super::{Error, EventConfig, Trigger, TriggerConfig, Triggers, acting};
use crate::Execute;

/// Executions that start each other by their events end here: one more would be a loop.
const LONGEST_CHAIN: u32 = 8;

/// What the trigger of an execution is called that an event started, before the length of its chain.
const WORD: &str = "event/";

/// Nobody can enter the workspace any more, so nobody could switch its triggers off.
const WORKSPACE_DELETED: &str = "WorkspaceDeleted";

/// An event is remembered for its triggers when the relay comes to it, and starts their workflows afterwards.
impl Subscriber for Triggers {
    fn name(&self) -> &'static str {
        "triggers"
    }

    fn consequences<'a>(&'a self, events: &'a [Located]) -> BoxFuture<'a, Result<Vec<Statement>, SubscriberError>> {
        async move { Ok(self.firings_of(events).await?) }.boxed()
    }

    fn kept(&self) {
        self.0.fired.notify_one();
    }
}

impl Triggers {
    async fn firings_of(&self, events: &[Located]) -> Result<Vec<Statement>, Error> {
        let mut listeners: HashMap<WorkspaceId, Vec<Trigger>> = HashMap::new();
        let mut firings = Vec::new();
        for Located { event, .. } in events {
            let Some(workspace) = event.workspace else { continue };
            if event.kind == WORKSPACE_DELETED {
                firings.push(TriggerStore::silence(workspace, event.at));
                continue;
            }
            let listening = match listeners.entry(workspace) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(self.0.store.listeners(workspace).await?),
            };
            let hears = |trigger: &&Trigger| match &trigger.config {
                TriggerConfig::Event(config) => event.at >= trigger.created_at && config.events.fit(&event.kind),
                _ => false,
            };
            let hearing = listening.iter().filter(hears);
            firings.extend(hearing.map(|trigger| TriggerStore::remember(trigger.id, event)));
        }
        Ok(firings)
    }

    /// Starts what an event is to start, and forgets it.
    ///
    /// # Errors
    /// Only what may pass: then the event stays.
    pub(super) async fn fire(&self, firing: &Firing) -> Result<(), Error> {
        let trigger = match self.0.store.of_firing(firing.trigger).await {
            // It would keep the events from all others.
            Err(error @ Error::Corrupt { .. }) => {
                tracing::error!(%error, event = firing.event_id, "an event starts nothing");
                None
            }
            found => found?,
        };
        if let (Some(trigger), Some(event)) = (trigger, &firing.event) {
            let failed = match self.start_for(&trigger, event).await {
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => Some(error.to_string()),
                Ok(true) => None,
                // The event did not count: nothing is worth noting.
                Ok(false) => return self.0.store.forget(firing).await,
            };
            if let Some(error) = &failed {
                tracing::warn!(trigger = %trigger.id, event = firing.event_id, error, "an event started nothing");
            }
            self.0.store.note(trigger.id, self.0.clock.now(), failed).await?;
        }
        self.0.store.forget(firing).await
    }

    /// Answers whether the event counted.
    async fn start_for(&self, trigger: &Trigger, event: &DomainEvent) -> Result<bool, Error> {
        let TriggerConfig::Event(config) = &trigger.config else { return Ok(false) };
        // It may have been changed since the event was remembered for it.
        if !trigger.enabled || event.workspace != Some(trigger.workspace) || !config.events.fit(&event.kind) {
            return Ok(false);
        }
        let told = event.cloud_event();
        if !self.counts(config, &told).await? {
            return Ok(false);
        }
        let chain = chain(event) + 1;
        if chain > LONGEST_CHAIN {
            return Err(Error::Chain { longest: LONGEST_CHAIN });
        }
        let execute = Execute {
            idempotency_key: Some(format!("trigger:{}:{}", trigger.id, event.id)),
            trigger: format!("{WORD}{chain}"),
            ..Execute::new(json!({"event": told}))
        };
        self.0.workflows.execute(&acting(trigger), trigger.workflow, execute).await?;
        Ok(true)
    }

    async fn counts(&self, config: &EventConfig, event: &Value) -> Result<bool, Error> {
        let Some(filter) = config.filter.clone() else { return Ok(true) };
        let evaluator = Arc::clone(self.0.workflows.engine().evaluator());
        let scope = Scope { input: Arc::new(event.clone()), ..Scope::default() };
        // An expression sees the names every expression sees; here the input is the event.
        let expression = format!("((event) => !!({filter}))(input)");
        let evaluated = tokio::task::spawn_blocking(move || evaluator.evaluate(&expression, &scope)).await;
        match evaluated {
            Ok(value) => Ok(value.map_err(failed)? == Value::Bool(true)),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(crate::Error::from(weir_engine::Error::Stopping).into()),
        }
    }
}

fn failed(error: ExpressionError) -> Error {
    Error::Invalid(vec![super::Mistake::new("/config/filter", error.to_string())])
}

/// How many executions started each other by events until this one happened.
fn chain(event: &DomainEvent) -> u32 {
    let trigger = event.trigger.as_deref().and_then(|trigger| trigger.strip_prefix(WORD));
    trigger.and_then(|chain| chain.parse().ok()).unwrap_or(0)
}
