//! Tells whoever watches an execution what happens in it, once it is durable.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt as _};
use parking_lot::Mutex;
use tokio::sync::broadcast;
use weir_base::ExecutionId;
use weir_core::event::{Event, JournalEvent};

use crate::error::Error;
use crate::journal::Journal;
use crate::node::LiveEvent;

/// Events a slow watcher may fall behind before it has to read the journal again.
const BACKLOG: usize = 256;

/// Events read from the journal at a time.
const READ: u32 = 500;

/// Something a watcher sees.
#[derive(Debug, Clone)]
pub enum Watched {
    /// A durable event; its `seq` is where to resume.
    Event(Arc<JournalEvent>),
    /// Something live only.
    Live(Arc<LiveEvent>),
}

/// The watchers of all executions of this process.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    channels: Mutex<HashMap<ExecutionId, broadcast::Sender<Watched>>>,
}

impl Hub {
    pub(crate) fn subscribe(&self, id: ExecutionId) -> broadcast::Receiver<Watched> {
        let mut channels = self.channels.lock();
        channels.retain(|_, channel| channel.receiver_count() > 0);
        channels.entry(id).or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe()
    }

    /// Whether events of this execution interest anybody.
    pub(crate) fn is_watched(&self, id: ExecutionId) -> bool {
        self.channels.lock().contains_key(&id)
    }

    pub(crate) fn publish(&self, id: ExecutionId, watched: impl IntoIterator<Item = Watched>) {
        let channel = self.channels.lock().get(&id).cloned();
        if let Some(channel) = channel {
            for each in watched {
                // Nobody may be listening any more.
                let _ = channel.send(each);
            }
        }
    }
}

/// An execution's events: first those recorded, then those to come, without a gap. Ends with the execution.
pub struct Watch(Pin<Box<dyn Stream<Item = Result<Watched, Error>> + Send>>);

impl Watch {
    pub(crate) fn new(
        id: ExecutionId,
        after: u64,
        over: bool,
        live: broadcast::Receiver<Watched>,
        journal: Arc<dyn Journal>,
        stop: tokio_util::sync::CancellationToken,
    ) -> Self {
        let follower = Follower { id, seen: after, live, journal, read: VecDeque::new(), behind: true, over, stop };
        Self(
            futures::stream::unfold(follower, |mut follower| async move {
                let next = follower.next().await?;
                Some((next, follower))
            })
            .boxed(),
        )
    }
}

impl Stream for Watch {
    type Item = Result<Watched, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

struct Follower {
    id: ExecutionId,
    seen: u64,
    live: broadcast::Receiver<Watched>,
    journal: Arc<dyn Journal>,
    read: VecDeque<JournalEvent>,
    /// The journal may hold events that were not seen.
    behind: bool,
    over: bool,
    stop: tokio_util::sync::CancellationToken,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<Watched, Error>> {
        loop {
            if self.over {
                return None;
            }
            if let Some(event) = self.read.pop_front() {
                return Some(Ok(self.see(Arc::new(event))));
            }
            if self.behind {
                match self.journal.read(self.id, self.seen, READ).await {
                    Ok(events) => {
                        self.behind = events.len() == READ as usize;
                        self.read = events.into();
                    }
                    Err(error) => {
                        self.over = true;
                        return Some(Err(error));
                    }
                }
                continue;
            }
            let received = tokio::select! {
                received = self.live.recv() => received,
                () = self.stop.cancelled() => return None,
            };
            match received {
                Ok(Watched::Event(event)) if event.seq <= self.seen => {}
                Ok(Watched::Event(event)) if event.seq == self.seen + 1 => return Some(Ok(self.see(event))),
                Ok(Watched::Event(_)) | Err(broadcast::error::RecvError::Lagged(_)) => self.behind = true,
                Ok(live @ Watched::Live(_)) => return Some(Ok(live)),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    fn see(&mut self, event: Arc<JournalEvent>) -> Watched {
        self.seen = event.seq;
        // A failed execution may have been retried: its end is only the end when nothing follows in what was read.
        self.over = is_end(&event.event) && self.read.is_empty() && !self.behind;
        Watched::Event(event)
    }
}

/// Whether an execution is over with this event.
pub(crate) const fn is_end(event: &Event) -> bool {
    matches!(event, Event::ExecutionCompleted { .. } | Event::ExecutionFailed { .. } | Event::ExecutionCancelled)
}
