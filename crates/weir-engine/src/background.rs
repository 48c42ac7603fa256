//! What goes on beside the executions: timers that come due, leases that are kept, work that nobody drives.
//!
//! None of these tasks takes input: each looks into the store for what is to be done, woken by a signal or by the clock,
//! so a lost signal only makes it later.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use tokio::sync::oneshot;
use weir_base::Timestamp;
use weir_core::execution::Input;

use crate::driver::Message;
use crate::engine::Inner;
use crate::error::Error;
use crate::journal::{DueTimer, Wakeup};

/// Timers fetched at a time.
const DUE: u32 = 512;

/// Timers brought to their executions at a time.
const FIRING: usize = 128;

/// Executions taken over at a time.
const CLAIMED: u32 = 256;

/// Wake-ups looked for at a time.
const WAKEUPS: u32 = 1_000;

/// The timers are looked at this often even if none is known to be due: the clock may have been set.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// The wait before trying again what the store refused.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

impl Inner {
    /// Signs on, takes over what an earlier process left, and starts the background tasks.
    pub(crate) async fn begin_background(self: &Arc<Self>) -> Result<(), Error> {
        if self.config.worker.is_some() {
            self.journal.sign_off(self.worker).await?;
        }
        self.journal.forget_other_workers(self.worker).await?;
        self.keep_lease().await?;
        if !self.config.takes_up_work {
            return Ok(());
        }
        self.take_orphans().await?;
        let (timers, orphans, sweep) = (Arc::clone(self), Arc::clone(self), Arc::clone(self));
        let alive = Arc::clone(self);
        // Not among the tasks a stop waits for: as long as nodes may finish, the lease must hold.
        tokio::spawn(async move { alive.stay_alive().await });
        self.spawn(async move { timers.fire_timers().await });
        self.spawn(async move { orphans.adopt().await });
        self.spawn(async move { sweep.sweep().await });
        Ok(())
    }

    async fn keep_lease(&self) -> Result<(), Error> {
        let lease = chrono::TimeDelta::from_std(self.config.worker_lease).unwrap_or(chrono::TimeDelta::MAX);
        self.journal.heartbeat(self.worker, self.clock.now() + lease).await
    }

    /// Keeps the lease, whatever else there is to do.
    async fn stay_alive(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(self.config.sweep_interval.min(self.config.worker_lease / 3));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.grace_over.cancelled() => return,
            }
            if let Err(error) = self.keep_lease().await {
                tracing::warn!(%error, "cannot keep the lease");
            }
        }
    }

    async fn sweep(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(self.config.sweep_interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.stopping.cancelled() => return,
            }
            self.look_for_orphans.notify_one();
            for id in self.stranded.due() {
                let place = Arc::clone(&self.places).try_acquire_owned().ok();
                if let Err(error) = self.wake(id, place).await {
                    tracing::error!(execution = %id, %error, "still cannot take up the execution");
                }
            }
            match self.journal.wakeups(WAKEUPS).await {
                Ok(wakeups) => {
                    for wakeup in wakeups {
                        self.tell_again(wakeup).await;
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot look for wake-ups"),
            }
        }
    }

    /// Brings news that nobody heard yet; forgets what is for a child that was never started and never will be.
    async fn tell_again(self: &Arc<Self>, wakeup: Wakeup) {
        let gone = matches!(self.executions.summary_of_any(wakeup.execution_id).await, Err(Error::NoExecution(_)));
        if !gone {
            return self.deliver(wakeup.execution_id, Message::News { from: wakeup.cause }).await;
        }
        let told = match self.executions.summary_of_any(wakeup.cause).await {
            Ok(cause) if cause.status.is_terminal() => self.journal.forget_wakeup(wakeup).await,
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            tracing::warn!(execution = %wakeup.execution_id, %error, "cannot settle news for an execution that is not there");
        }
    }

    async fn adopt(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.look_for_orphans.notified() => {}
                () = self.stopping.cancelled() => return,
            }
            if let Err(error) = self.take_orphans().await {
                tracing::warn!(%error, "cannot look for executions that nobody drives");
            }
        }
    }

    /// Drives executions that nobody drives, as far as there are places.
    async fn take_orphans(self: &Arc<Self>) -> Result<(), Error> {
        loop {
            let room = u32::try_from(self.places.available_permits()).unwrap_or(u32::MAX).min(CLAIMED);
            if room == 0 {
                return Ok(());
            }
            self.backlog.store(false, Ordering::SeqCst);
            let leases = self.journal.claim_orphans(self.worker, self.clock.now(), room).await?;
            let more = leases.len() == room as usize;
            if more {
                self.backlog.store(true, Ordering::SeqCst);
            }
            for lease in leases {
                let place = Arc::clone(&self.places).try_acquire_owned().ok();
                if let Err(error) = self.drive_claimed(lease, place).await {
                    tracing::error!(execution = %lease.execution_id, %error, "cannot take up the execution");
                }
            }
            if !more {
                return Ok(());
            }
        }
    }

    async fn fire_timers(self: Arc<Self>) {
        while !self.stopping.is_cancelled() {
            let sleep = match self.fire_due().await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "cannot fire timers");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = self.timers_changed.notified() => {}
                () = self.stopping.cancelled() => {}
            }
        }
    }

    /// Fires all timers that are due; how long to sleep until the next one.
    async fn fire_due(self: &Arc<Self>) -> Result<Duration, Error> {
        loop {
            let now = self.clock.now();
            let due = self.journal.due_timers(now, DUE).await?;
            if due.is_empty() {
                let next = self.journal.next_due(now).await?;
                return Ok(next.map_or(LONGEST_SLEEP, |next| until(now, next).min(LONGEST_SLEEP)));
            }
            let fired = stream::iter(due)
                .map(|timer| self.fire(timer))
                .buffer_unordered(FIRING)
                .fold(0, |fired, ok| async move { fired + usize::from(ok) })
                .await;
            if fired == 0 || self.stopping.is_cancelled() {
                return Ok(AFTER_FAILURE);
            }
        }
    }

    /// Brings one timer to its execution; whether that is recorded.
    async fn fire(self: &Arc<Self>, timer: DueTimer) -> bool {
        // It stays due until there is a place; only as many as are fired at a time may go beyond the limit.
        let is_driven = self.active.lock().contains_key(&timer.execution_id);
        if !is_driven && self.places.available_permits() == 0 {
            return false;
        }
        let (reply, answer) = oneshot::channel();
        let input = Input::TimerDue { timer: timer.timer };
        self.deliver(timer.execution_id, Message::Input { input, by: None, reply }).await;
        match answer.await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::debug!(execution = %timer.execution_id, %error, "a timer did not reach its execution");
                false
            }
            Err(_) => false,
        }
    }
}

/// The time from `now` to `then`; at least a millisecond, so that a clock of low resolution does not make us spin.
fn until(now: Timestamp, then: Timestamp) -> Duration {
    (then - now).to_std().unwrap_or_default().max(Duration::from_millis(1))
}
