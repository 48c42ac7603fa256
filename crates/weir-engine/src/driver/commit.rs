//! Recording what was decided, and letting go of an execution.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use weir_base::ErrorKind;
use weir_core::event::{Event, JournalEvent, Relation};
use weir_core::execution::{Effect, Input};
use weir_core::node_error::NodeError;

use super::{Driver, Message};
use crate::children::child_id;
use crate::error::Error;
use crate::hub::{Watched, is_end};
use crate::journal::{Append, Row};
use crate::telling::Telling;

/// The waits between attempts to record something while the store is away.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

impl Driver {
    /// Records what was decided; then, and only then, begins what follows from it.
    pub(super) async fn commit(&mut self, released: bool) -> Result<(), Error> {
        let nothing = self.events.is_empty()
            && self.cleared_timers.is_empty()
            && self.logs.is_empty()
            && self.heard_of.is_empty()
            && !self.row_is_stale;
        if !nothing || released {
            let append = self.append(released).await?;
            self.record(&append).await?;
            self.row_is_stale = false;
            self.publish(append);
        }
        for reply in self.replies.drain(..) {
            // Whoever asked may have gone away; what was asked is done all the same.
            let _ = reply.send(Ok(()));
        }
        for recorded in self.steps.drain(..) {
            // The node may have been stopped meanwhile.
            let _ = recorded.send(());
        }
        self.begin_effects();
        Ok(())
    }

    async fn append(&mut self, released: bool) -> Result<Append, Error> {
        let mut events = std::mem::take(&mut self.events);
        for event in &mut events {
            self.store_large_values(event).await?;
        }
        let telling = Telling {
            started: self.execution.started(),
            started_at: self.execution.started_at(),
            plan: &self.prepared.plan,
            catalog: &self.engine.catalog,
        };
        let told = events.iter().filter_map(|event| telling.of(event, self.askers.of(event))).collect();
        self.askers.forget();
        let error = events.iter().rev().find_map(|event| failure(&event.event)).cloned();
        let (nodes_done, nodes_known) = self.execution.node_counts();
        let ended = events.last().is_some_and(|event| is_end(&event.event));
        let parent = self.execution.started().parent.as_ref();
        let waiting_parent = parent.filter(|parent| ended && parent.relation == Relation::SubWorkflow);
        let unneeded_children = self.effects.iter().filter_map(|effect| match effect {
            Effect::CancelChild { path, attempt } => Some(child_id(self.execution.id(), path, *attempt)),
            _ => None,
        });
        Ok(Append {
            workspace: self.execution.started().workspace_id,
            row: Row {
                status: self.execution.status(),
                seq: self.execution.seq(),
                progress: self.execution.progress(),
                nodes_done,
                nodes_known,
                at: self.engine.clock.now(),
                error,
                released,
            },
            events,
            cleared_timers: std::mem::take(&mut self.cleared_timers),
            logs: std::mem::take(&mut self.logs),
            wakes: waiting_parent.map(|parent| parent.execution_id).into_iter().chain(unneeded_children).collect(),
            heard_of: std::mem::take(&mut self.heard_of),
            told,
        })
    }

    /// Records, however long the store is away: what was decided must not be forgotten while effects run.
    async fn record(&mut self, append: &Append) -> Result<(), Error> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.engine.journal.append(self.lease, append.clone()).await {
                Err(error) if may_pass(&error) => wait = self.pause_before_retry(error, wait).await?,
                other => return other,
            }
        }
    }

    /// The events are decided: while the object storage is away they wait as they do for the journal.
    async fn store_large_values(&mut self, event: &mut JournalEvent) -> Result<(), Error> {
        let mut wait = FIRST_WAIT;
        loop {
            let workspace = self.execution.started().workspace_id;
            match self.engine.store_large_values(workspace, self.lease.execution_id, event).await {
                Err(error) if may_pass(&error) => wait = self.pause_before_retry(error, wait).await?,
                other => return other,
            }
        }
    }

    /// Waits a while; how long to wait the next time.
    async fn pause_before_retry(&self, error: Error, wait: Duration) -> Result<Duration, Error> {
        tracing::warn!(execution = %self.lease.execution_id, %error, "cannot record; trying again");
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok((wait * 2).min(LONGEST_WAIT)),
            () = self.engine.grace_over.cancelled() => Err(error),
        }
    }

    /// What was decided can never be recorded (a result is too large, say): goes back to what is recorded, and ends the
    /// execution with the reason. Trying again would come to the same.
    ///
    /// # Errors
    /// The error itself when it may pass or another drives the execution; why it could not be ended, else.
    pub(super) async fn end_instead(&mut self, error: Error) -> Result<(), Error> {
        if matches!(error.kind(), ErrorKind::Unavailable) || self.ended_instead {
            return Err(error);
        }
        tracing::error!(execution = %self.execution.id(), %error, "cannot record what was decided; ending it");
        self.ended_instead = true;
        self.execution = self.engine.load(self.execution.id()).await?.0;
        self.running.clear();
        self.pure.clear();
        self.events.clear();
        self.effects.clear();
        self.cleared_timers.clear();
        self.logs.clear();
        self.heard_of.clear();
        self.askers.forget();
        self.steps.clear();
        for reply in self.replies.drain(..) {
            // Whoever asked may have gone away.
            let _ = reply.send(Err(Error::DrivenElsewhere(self.lease.execution_id)));
        }
        self.row_is_stale = true;
        self.handle(Input::Fail { error: NodeError::invalid(format!("what it came to cannot be recorded: {error}")) })
    }

    fn publish(&self, append: Append) {
        let id = self.execution.id();
        for &other in &append.wakes {
            self.engine.tell_news(other, id);
        }
        if append.row.released || append.events.iter().any(|event| matches!(event.event, Event::TimerSet { .. })) {
            self.engine.timers_changed.notify_one();
        }
        if self.engine.hub.is_watched(id) {
            self.engine.hub.publish(id, append.events.into_iter().map(|event| Watched::Event(Arc::new(event))));
        }
    }

    /// Lets go of an execution whose row says so already.
    pub(super) async fn leave(mut self) {
        let id = self.execution.id();
        self.engine.active.lock().remove(&id);
        self.engine.stranded.forget(id);
        self.inbox.close();
        self.pass_on().await;
        let engine = Arc::clone(&self.engine);
        // The place is free only now.
        drop(self);
        if engine.backlog.load(Ordering::SeqCst) {
            engine.look_for_orphans.notify_one();
        }
    }

    /// Hands what arrived too late to whoever drives the execution next.
    async fn pass_on(&mut self) {
        let id = self.execution.id();
        while let Some(message) = self.inbox.recv().await {
            if matches!(message, Message::Input { .. } | Message::News { .. }) {
                let engine = Arc::clone(&self.engine);
                self.engine.spawn(async move { engine.deliver(id, message).await });
            }
        }
    }

    /// The server stops: the execution goes on elsewhere, or here after the next start.
    pub(super) async fn hand_over(mut self) {
        if let Err(error) = self.commit(true).await {
            tracing::warn!(execution = %self.execution.id(), %error, "could not hand over; recovery will find it");
        }
        self.running.clear();
        self.engine.active.lock().remove(&self.execution.id());
    }

    /// Something else drives the execution, or the store refused what no retry will change.
    pub(super) async fn give_up(mut self, error: Error) {
        let id = self.execution.id();
        tracing::warn!(execution = %id, %error, "gave up driving");
        self.running.clear();
        self.engine.active.lock().remove(&id);
        match error {
            Error::Fenced(_) => self.engine.stranded.forget(id),
            _ => self.engine.stranded.add(id),
        }
        self.inbox.close();
        for reply in self.replies.drain(..) {
            let _ = reply.send(Err(Error::DrivenElsewhere(id)));
        }
        self.pass_on().await;
        self.engine.look_for_orphans.notify_one();
    }
}

/// The store is away and may come back. Another driver in this one's place does not go away.
fn may_pass(error: &Error) -> bool {
    error.kind() == ErrorKind::Unavailable && !matches!(error, Error::Fenced(_))
}

const fn failure(event: &Event) -> Option<&NodeError> {
    match event {
        Event::ExecutionFailed { error, .. } => Some(error),
        _ => None,
    }
}
