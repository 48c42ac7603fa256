//! Bringing messages to executions, and executions back into memory.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use weir_base::{ExecutionId, Principal};
use weir_core::event::{Event, JournalEvent};
use weir_core::execution::{Execution, Input};

use super::{Inner, WAKING};
use crate::driver::{Driver, INBOX, Message};
use crate::error::Error;
use crate::journal::Lease;
use crate::prepared::Prepared;

/// Events read at a time when an execution is replayed.
const REPLAY_CHUNK: u32 = 2_000;

/// How long somebody who asks something of an execution waits while the store is away.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

impl Inner {
    /// As [`ask`](Self::ask), for somebody who may know of the executions of one workspace only.
    pub(crate) async fn ask_by(
        self: &Arc<Self>,
        principal: &Principal,
        id: ExecutionId,
        input: Input,
    ) -> Result<(), Error> {
        self.check_owner(principal.workspace, id).await?;
        self.hand_over(id, input, Some(principal.clone())).await
    }

    /// Hands an input to whoever drives the execution, and answers when it is durable.
    pub(crate) async fn ask(self: &Arc<Self>, id: ExecutionId, input: Input) -> Result<(), Error> {
        self.hand_over(id, input, None).await
    }

    async fn hand_over(self: &Arc<Self>, id: ExecutionId, input: Input, by: Option<Principal>) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.spawn(self.deliver(id, Message::Input { input, by, reply }));
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Error::Stopping),
            Err(_) => Err(Error::DrivenElsewhere(id)),
        }
    }

    /// Brings a message to the execution's driver; wakes the execution when nobody drives it.
    ///
    /// Boxed, because a driver may in turn deliver messages to others.
    pub(crate) fn deliver(self: &Arc<Self>, id: ExecutionId, message: Message) -> BoxFuture<'static, ()> {
        let engine = Arc::clone(self);
        async move { engine.deliver_now(id, message).await }.boxed()
    }

    async fn deliver_now(self: &Arc<Self>, id: ExecutionId, mut message: Message) {
        loop {
            let sender = self.active.lock().get(&id).cloned();
            if let Some(sender) = sender {
                match sender.send(message).await {
                    Ok(()) => return,
                    // It was just let go of: nobody has taken the message.
                    Err(back) => message = back.0,
                }
            }
            if self.stopping.is_cancelled() {
                return refuse(message, Error::Stopping);
            }
            let place = Arc::clone(&self.places).try_acquire_owned().ok();
            match self.wake(id, place).await {
                Ok(true) => {}
                Ok(false) => {
                    let missing = self.executions.summary_of_any(id).await.err();
                    return refuse(message, missing.unwrap_or(Error::DrivenElsewhere(id)));
                }
                Err(error) => return refuse(message, error),
            }
        }
    }

    /// Takes over an execution and drives it; whether that went well.
    pub(crate) async fn wake(
        self: &Arc<Self>,
        id: ExecutionId,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<bool, Error> {
        // Held until the driver is registered.
        let group = id.as_uuid().as_bytes()[15] as usize % WAKING;
        let _turn = self.waking[group].lock().await;
        if self.active.lock().contains_key(&id) {
            return Ok(true);
        }
        let Some(lease) = self.journal.claim(id, self.worker, self.clock.now()).await? else {
            self.stranded.forget(id);
            return Ok(false);
        };
        self.drive_claimed(lease, place).await?;
        Ok(true)
    }

    /// Replays an execution this worker holds the lease of, and drives it.
    pub(crate) async fn drive_claimed(
        self: &Arc<Self>,
        lease: Lease,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<(), Error> {
        let id = lease.execution_id;
        // The store says already that it is driven here.
        let (execution, prepared) = self.load(id).await.inspect_err(|_| self.stranded.add(id))?;
        let inbox = mpsc::channel(INBOX);
        self.active.lock().insert(id, inbox.0.clone());
        let driver = Driver::new(Arc::clone(self), execution, prepared, lease, inbox, place);
        self.spawn(driver.resume());
        Ok(())
    }

    /// Reads and replays an execution.
    pub(crate) async fn load(&self, id: ExecutionId) -> Result<(Execution, Arc<Prepared>), Error> {
        let events = self.read_journal(id).await?;
        let Some(Event::ExecutionStarted(started)) = events.first().map(|first| &first.event) else {
            return Err(Error::NoExecution(id));
        };
        let prepared = self.prepared(&started.document).await?;
        let execution =
            Execution::replay(Arc::clone(&prepared.plan), events).map_err(|source| Error::Replay { id, source })?;
        Ok((execution, prepared))
    }

    pub(super) async fn read_journal(&self, id: ExecutionId) -> Result<Vec<JournalEvent>, Error> {
        let mut events: Vec<JournalEvent> = Vec::new();
        loop {
            let after = events.last().map_or(0, |last| last.seq);
            let chunk = self.journal.read(id, after, REPLAY_CHUNK).await?;
            let complete = chunk.len() < REPLAY_CHUNK as usize;
            events.extend(chunk);
            if complete {
                return Ok(events);
            }
        }
    }
}

fn refuse(message: Message, error: Error) {
    if let Message::Input { reply, .. } = message {
        // Whoever asked may have gone away.
        let _ = reply.send(Err(error));
    }
}
