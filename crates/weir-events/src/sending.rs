//! Sending: each event to each receiver in its turn, again and again until it arrives or that is senseless.

mod under_way;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use weir_base::{Clock, Timestamp, WebhookId, WorkspaceId};
use weir_db::{Batch, Db, Statement};

use self::under_way::UnderWay;
pub(crate) use self::under_way::{Due, Turn};
use crate::deliveries::{DeliveryStore, Job, Tried};
use crate::events::POLL;
use crate::rules::RuleStore;
use crate::senders::Sent;
use crate::webhooks::{Webhook, WebhookStore};
use crate::{
    DeliveryStatus, DomainEvent, Error, Located, NotificationRule, RuleId, Senders, Subscriber, SubscriberError,
};

/// Nobody can enter the workspace any more, so nobody could switch its receivers off.
const WORKSPACE_DELETED: &str = "WorkspaceDeleted";

/// For longer than any try takes nobody else sends what one process took.
const CLAIMED_FOR: Duration = Duration::from_secs(180);

/// The waits after the tries; when there is none left, the delivery has failed.
const WAITS: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(5 * 60 * 60),
    Duration::from_secs(10 * 60 * 60),
];

/// After the end is asked for, tries that are under way get so long.
const LAST_TRIES: Duration = Duration::from_secs(15);

/// Brings events to webhooks and to people. Cheap to clone.
#[derive(Clone)]
pub struct Deliveries(Arc<Inner>);

struct Inner {
    db: Db,
    deliveries: DeliveryStore,
    webhooks: WebhookStore,
    rules: RuleStore,
    senders: Senders,
    clock: Arc<dyn Clock>,
    /// There may be something to send.
    due: Notify,
}

/// Whom a delivery is for.
enum Receiver {
    Webhook(Box<crate::webhooks::Sealed>),
    Rule(Box<NotificationRule>),
}

impl Deliveries {
    /// The deliveries of a database. As a [`Subscriber`] it notes what is to be sent; [`run`](Self::run) sends it.
    pub fn new(db: Db, senders: Senders, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            deliveries: DeliveryStore::new(db.clone()),
            webhooks: WebhookStore::new(db.clone()),
            rules: RuleStore::new(db.clone()),
            db,
            senders,
            clock,
            due: Notify::new(),
        }))
    }

    /// Says that there may be something to send, such as after a redelivery was asked for. Without it that is found
    /// within half a second.
    pub fn wake(&self) {
        self.0.due.notify_one();
    }

    /// How many deliveries are on their way, and how many have failed.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn counts(&self) -> Result<(u64, u64), Error> {
        self.0.deliveries.counts().await
    }

    /// Sends what is due until `stop`. Any number of processes may do so at once.
    pub async fn run(&self, stop: CancellationToken) {
        let mut sending = UnderWay::default();
        while !stop.is_cancelled() {
            let begun = match self.begin(&mut sending).await {
                Ok(begun) => begun,
                Err(error) => {
                    tracing::warn!(%error, "deliveries cannot be read");
                    0
                }
            };
            if begun > 0 {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.0.due.notified() => {}
                true = sending.ended() => {}
                // The clock is for retries and for what other processes know of.
                () = tokio::time::sleep(POLL) => {}
            }
            sending.note_ended();
        }
        let last = async { while sending.ended().await {} };
        // The claims of those that are broken off run out, and they are tried once more.
        if tokio::time::timeout(LAST_TRIES, last).await.is_err() {
            tracing::info!("deliveries that take too long are broken off");
        }
    }

    /// Begins to send some of what is due; answers how many deliveries.
    async fn begin(&self, sending: &mut UnderWay) -> Result<usize, Error> {
        sending.note_ended();
        let now = self.0.clock.now();
        let due = self.0.deliveries.due_receivers(now).await?;
        let turns = sending.turns(due);
        if turns.is_empty() {
            return Ok(0);
        }
        let jobs = self.0.deliveries.claim(&turns, now, now + CLAIMED_FOR).await?;
        let count = jobs.len();
        for job in jobs {
            let inner = Arc::clone(&self.0);
            let to = Due { workspace: job.workspace, receiver: job.receiver };
            sending.begin(to, async move { inner.attempt(job).await });
        }
        Ok(count)
    }
}

impl Inner {
    /// Tries a delivery and notes what came of it; answers whether it arrived. If that cannot be noted, the claim runs
    /// out and it is tried again.
    async fn attempt(&self, job: Job) -> bool {
        let noted = async {
            let Some(receiver) = self.receiver(job.workspace, job.receiver).await? else { return Ok(true) };
            let sent = match &job.event {
                Some(event) => self.send(&receiver, event).await,
                None => Sent::failed("the stored event cannot be read"),
            };
            let arrived = sent.error.is_none();
            self.record(&job, &receiver, sent).await.map(|()| arrived)
        };
        noted.await.unwrap_or_else(|error: Error| {
            let Job { event_id, receiver, .. } = &job;
            tracing::warn!(%error, event = event_id, %receiver, "what came of a delivery cannot be noted");
            false
        })
    }

    async fn receiver(&self, workspace: WorkspaceId, id: Uuid) -> Result<Option<Receiver>, Error> {
        if let Some(webhook) = self.webhooks.webhook(workspace, WebhookId::from_uuid(id)).await? {
            return Ok(Some(Receiver::Webhook(Box::new(webhook))));
        }
        let rule = self.rules.rule(workspace, RuleId::from_uuid(id)).await?;
        Ok(rule.map(|rule| Receiver::Rule(Box::new(rule))))
    }

    async fn send(&self, receiver: &Receiver, event: &DomainEvent) -> Sent {
        match receiver {
            Receiver::Webhook(webhook) => self.senders.post(webhook, event, self.clock.now()).await,
            Receiver::Rule(rule) => self.senders.notify(rule, event).await,
        }
    }

    async fn record(&self, job: &Job, receiver: &Receiver, sent: Sent) -> Result<(), Error> {
        let now = self.clock.now();
        let tries = usize::try_from(job.attempt).unwrap_or(usize::MAX);
        let wait = WAITS.get(tries.saturating_sub(1)).filter(|_| !sent.gone && job.event.is_some());
        let (status, next_at) = match (&sent.error, wait) {
            (None, _) => (DeliveryStatus::Delivered, now),
            (Some(_), Some(wait)) => (DeliveryStatus::Pending, now + wait.mul_f64(rand::random_range(0.9..1.1))),
            (Some(_), None) => (DeliveryStatus::Failed, now),
        };
        if let Some(error) = &sent.error {
            let (event, tries, receiver) = (&job.event_id, job.attempt, job.receiver);
            tracing::info!(error, event, %receiver, tries, %status, "an event did not arrive");
        }
        let tried =
            Tried { status, next_at, last_status: sent.status, last_error: sent.error, response: sent.response };
        let statement = || DeliveryStore::tried(job, &tried, now);
        if let Receiver::Webhook(webhook) = receiver
            && sent.gone
            && self.disable(&webhook.webhook, &job.event_id, statement(), now).await?
        {
            return Ok(());
        }
        match self.db.write(statement()).await {
            // The receiver was deleted meanwhile, or the claim ran out.
            Ok(_) | Err(weir_db::Error::Expectation { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes the try and disables the webhook; answers `false` if somebody changed either meanwhile.
    async fn disable(
        &self,
        webhook: &Webhook,
        event_id: &str,
        tried: Statement,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let told = format!("{}/{event_id}/gone", webhook.id);
        let mut batch = Batch::from(tried);
        for statement in WebhookStore::disabling(webhook, "it answered 410 Gone", told, now) {
            batch.push(statement);
        }
        match self.db.write(batch).await {
            Ok(_) => Ok(true),
            Err(weir_db::Error::Expectation { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Subscriber for Deliveries {
    fn name(&self) -> &'static str {
        "deliveries"
    }

    fn consequences<'a>(&'a self, events: &'a [Located]) -> BoxFuture<'a, Result<Vec<Statement>, SubscriberError>> {
        Box::pin(async move {
            let mut wanted: HashMap<WorkspaceId, (Vec<Webhook>, Vec<NotificationRule>)> = HashMap::new();
            for workspace in events.iter().filter_map(|located| located.event.workspace) {
                if let Entry::Vacant(place) = wanted.entry(workspace) {
                    place.insert((self.0.webhooks.enabled(workspace).await?, self.0.rules.enabled(workspace).await?));
                }
            }
            let mut sent: Vec<(&DomainEvent, WorkspaceId, Vec<Uuid>)> = Vec::new();
            for Located { event, .. } in events {
                let Some(workspace) = event.workspace else { continue };
                let Some((webhooks, rules)) = wanted.get(&workspace) else { continue };
                let webhooks = webhooks.iter().filter(|webhook| webhook.events.fit(&event.kind));
                let rules = rules.iter().filter(|rule| rule.wants(event)).map(|rule| rule.id.as_uuid());
                let receivers: Vec<Uuid> = webhooks.map(|webhook| webhook.id.as_uuid()).chain(rules).collect();
                if !receivers.is_empty() {
                    sent.push((&**event, workspace, receivers));
                }
            }
            let now = self.0.clock.now();
            let mut statements = Vec::new();
            if !sent.is_empty() {
                statements.push(DeliveryStore::insertion(&sent, now));
            }
            // What was to be sent until then, and in this portion, goes as well.
            let deleted = events.iter().filter(|located| located.event.kind == WORKSPACE_DELETED);
            for workspace in deleted.filter_map(|located| located.event.workspace) {
                statements.extend([
                    WebhookStore::silence(workspace, now),
                    RuleStore::silence(workspace, now),
                    DeliveryStore::abandoning(workspace),
                ]);
            }
            Ok(statements)
        })
    }

    fn kept(&self) {
        self.wake();
    }
}
