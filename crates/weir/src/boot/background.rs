//! What a server does besides answering: events find their receivers, triggers fire, and what is past is removed.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use weir_base::Clock;
use weir_db::Db;
use weir_events::{Audit, Deliveries, Events, Retention, Subscriber};
use weir_identity::Identity;
use weir_workflows::Workflows;
use weir_workflows::triggers::Triggers;

/// How often what is past is removed.
const DAILY: Duration = Duration::from_secs(24 * 60 * 60);

/// What works in the background.
pub(super) struct Background {
    pub(super) db: Db,
    pub(super) events: Events,
    pub(super) audit: Audit,
    pub(super) deliveries: Deliveries,
    pub(super) triggers: Triggers,
    pub(super) workflows: Workflows,
    pub(super) identity: Identity,
    pub(super) clock: Arc<dyn Clock>,
}

impl Background {
    /// Begins all of it; each task ends when `stop` fires.
    pub(super) fn begin(self, stop: &CancellationToken) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let (events, listened) = (self.events.clone(), self.events.clone());
        let subscribers: Vec<Arc<dyn Subscriber>> =
            vec![Arc::new(self.audit.clone()), Arc::new(self.deliveries.clone()), Arc::new(self.triggers.clone())];
        let (relayed, followed, sent, fired) = (stop.clone(), stop.clone(), stop.clone(), stop.clone());
        tasks.spawn(async move { events.relay(subscribers, relayed).await });
        tasks.spawn(async move { listened.follow(followed).await });
        let deliveries = self.deliveries.clone();
        tasks.spawn(async move { deliveries.run(sent).await });
        let triggers = self.triggers.clone();
        tasks.spawn(async move { triggers.run(fired).await });
        let stop = stop.clone();
        tasks.spawn(async move {
            stop.run_until_cancelled(self.keep_tidy()).await;
        });
        tasks
    }

    async fn keep_tidy(self) {
        let retention = Retention::default();
        loop {
            let now = self.clock.now();
            // Each goes on without the others; what was not removed is removed tomorrow.
            if let Err(error) = self.identity.purge(now).await {
                tracing::warn!(%error, "cannot remove what is past of sessions and links");
            }
            if let Err(error) = self.identity.rotate_signing_keys().await {
                tracing::warn!(%error, "cannot renew the key that tokens are signed with");
            }
            if let Err(error) = self.workflows.purge_deleted(now).await {
                tracing::warn!(%error, "cannot remove workflows that were deleted long ago");
            }
            if let Err(error) = retention.enforce(&self.db, now).await {
                tracing::warn!(%error, "cannot remove events that are past");
            }
            tokio::time::sleep(DAILY).await;
        }
    }
}
