//! Fires what is due: moments of schedules, and events that wait. It looks into the store, woken by signals and by the
//! clock; several processes may do so at once.

use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use weir_base::Timestamp;

use super::{CronConfig, Error, Schedule, Trigger, TriggerConfig, Triggers, acting};
use crate::Execute;

/// Without a signal, schedules are looked for at least so often: another process may have changed one.
const LOOK_FOR_SCHEDULES: Duration = Duration::from_secs(10);

/// Without a signal, events are looked for so often.
const LOOK_FOR_EVENTS: Duration = Duration::from_secs(1);

/// A pause after something failed that may pass.
const PAUSE: Duration = Duration::from_secs(1);

/// So many are taken from the store at a time.
const PORTION: u32 = 100;

impl Triggers {
    /// Fires what is due until `stopping` is cancelled.
    pub async fn run(&self, stopping: CancellationToken) {
        let work = Box::pin(async { tokio::join!(self.keep_schedules(), self.keep_firing()) });
        // What is half done stays in the store, and is done when Weir runs again.
        stopping.run_until_cancelled(work).await;
    }

    async fn keep_schedules(&self) {
        loop {
            let pause = match self.run_due().await {
                Ok(next) => self.until(next),
                Err(error) => {
                    tracing::warn!(%error, "schedules cannot be looked at; trying again");
                    PAUSE
                }
            };
            tokio::select! {
                () = self.0.rescheduled.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn keep_firing(&self) {
        loop {
            let pause = match self.fire_waiting().await {
                Ok(0) => LOOK_FOR_EVENTS,
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!(%error, "events cannot start workflows; trying again");
                    PAUSE
                }
            };
            tokio::select! {
                () = self.0.fired.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// How long to sleep until then.
    fn until(&self, next: Option<Timestamp>) -> Duration {
        let left = next.map(|next| (next - self.0.clock.now()).to_std().unwrap_or_default());
        left.map_or(LOOK_FOR_SCHEDULES, |left| left.min(LOOK_FOR_SCHEDULES))
    }

    /// Starts all schedules that are due. Answers when the next one is.
    async fn run_due(&self) -> Result<Option<Timestamp>, Error> {
        loop {
            let now = self.0.clock.now();
            let due = self.0.store.due(now, PORTION).await?;
            if due.is_empty() {
                return self.0.store.next_due(now).await;
            }
            for trigger in &due {
                self.run_moments(trigger).await?;
            }
        }
    }

    async fn run_moments(&self, trigger: &Trigger) -> Result<(), Error> {
        let (TriggerConfig::Cron(cron), Some(next_at)) = (&trigger.config, trigger.next_at) else {
            return self.0.store.advance(trigger, None, None, None).await;
        };
        let schedule = match Schedule::parse(&cron.schedule, &cron.time_zone) {
            Ok(schedule) => schedule,
            Err(error) => return self.0.store.advance(trigger, None, None, Some(error.to_string())).await,
        };
        let now = self.0.clock.now();
        let due = schedule.due(next_at, cron.missed, now);
        let mut failed = None;
        for at in &due.runs {
            match self.start_at(trigger, cron, *at).await {
                Ok(()) => {}
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => {
                    tracing::warn!(trigger = %trigger.id, %error, "a schedule started nothing");
                    failed = Some(error.to_string());
                }
            }
        }
        let fired_at = (!due.runs.is_empty()).then_some(now);
        self.0.store.advance(trigger, due.next, fired_at, failed).await
    }

    /// The moment names the execution: another process that sees the same moment starts nothing.
    async fn start_at(&self, trigger: &Trigger, cron: &CronConfig, at: Timestamp) -> Result<(), Error> {
        let scheduled_at = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let execute = Execute {
            idempotency_key: Some(format!("trigger:{}:{scheduled_at}", trigger.id)),
            trigger: "cron".to_owned(),
            ..Execute::new(cron.input.clone().unwrap_or_else(|| json!({"scheduled_at": scheduled_at})))
        };
        self.0.workflows.execute(&acting(trigger), trigger.workflow, execute).await?;
        Ok(())
    }

    /// Fires a portion of the events that wait. Answers how many that were.
    async fn fire_waiting(&self) -> Result<usize, Error> {
        let firings = self.0.store.firings(PORTION).await?;
        for firing in &firings {
            self.fire(firing).await?;
        }
        Ok(firings.len())
    }
}
