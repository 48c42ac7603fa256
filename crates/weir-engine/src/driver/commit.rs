//! Recording what was decided, and letting go of an execution.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use weir_base::ErrorKind;
use weir_core::event::{Event, Relation};
use weir_core::node_error::NodeError;

use super::{Driver, Message};
use crate::error::Error;
use crate::hub::{Watched, is_end};
use crate::journal::{Append, Row};

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
            self.engine.store_large_values(self.execution.id(), event).await?;
        }
        let error = events.iter().rev().find_map(|event| failure(&event.event)).cloned();
        let (nodes_done, nodes_known) = self.execution.node_counts();
        let ended = events.last().is_some_and(|event| is_end(&event.event));
        let parent = self.execution.started().parent.as_ref();
        let waiting_parent = parent.filter(|parent| ended && parent.relation == Relation::SubWorkflow);
        Ok(Append {
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
            wakes: waiting_parent.map(|parent| parent.execution_id).into_iter().collect(),
            heard_of: std::mem::take(&mut self.heard_of),
        })
    }

    /// Records, however long the store is away: what was decided must not be forgotten while effects run.
    async fn record(&mut self, append: &Append) -> Result<(), Error> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.engine.journal.append(self.lease, append.clone()).await {
                Err(error) if error.kind() == ErrorKind::Unavailable && !matches!(error, Error::Fenced(_)) => {
                    tracing::warn!(execution = %self.lease.execution_id, %error, "cannot record; trying again");
                    if self.engine.stopping.is_cancelled() {
                        return Err(error);
                    }
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.engine.stopping.cancelled() => {}
                    }
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                other => return other,
            }
        }
    }

    fn publish(&self, append: Append) {
        let id = self.execution.id();
        for &parent in &append.wakes {
            self.engine.tell_child_ended(parent, id);
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
            if matches!(message, Message::Input { .. } | Message::ChildEnded { .. }) {
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
        self.stop_running();
        self.engine.active.lock().remove(&self.execution.id());
    }

    /// Something else drives the execution, or the store refused what no retry will change.
    pub(super) async fn give_up(mut self, error: Error) {
        let id = self.execution.id();
        tracing::warn!(execution = %id, %error, "gave up driving");
        self.stop_running();
        self.engine.active.lock().remove(&id);
        self.inbox.close();
        for reply in self.replies.drain(..) {
            let _ = reply.send(Err(Error::DrivenElsewhere(id)));
        }
        self.pass_on().await;
        self.engine.look_for_orphans.notify_one();
    }

    fn stop_running(&mut self) {
        for (_, token) in self.running.drain() {
            token.cancel();
        }
    }
}

const fn failure(event: &Event) -> Option<&NodeError> {
    match event {
        Event::ExecutionFailed { error, .. } => Some(error),
        _ => None,
    }
}
