//! The live stream: one reader follows the log for all who listen in this process.

use std::collections::VecDeque;

use futures::Stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;
use weir_base::WorkspaceId;

use crate::events::POLL;
use crate::{Error, Events, Located, Patterns, Position};

/// Events a listener may be behind before it goes back to the table.
const BEHIND: usize = 1024;

/// Rows that are read at once.
const ROWS: u32 = 256;

/// What the listeners of a process share.
pub(crate) struct Live {
    news: broadcast::Sender<Located>,
    state: watch::Sender<State>,
    /// Somebody began to listen.
    joined: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody listens, or nobody follows yet.
    Idle,
    /// Everything up to here was sent, or was there before.
    Following(Position),
    /// Nothing more will be sent.
    Stopped,
}

impl Default for Live {
    fn default() -> Self {
        Self { news: broadcast::Sender::new(BEHIND), state: watch::Sender::new(State::Idle), joined: Notify::new() }
    }
}

impl Events {
    /// Follows the log for the listeners of this process, until `stop`; then every stream ends.
    pub async fn follow(&self, stop: CancellationToken) {
        let live = self.live();
        let following = async {
            loop {
                while live.news.receiver_count() == 0 {
                    live.joined.notified().await;
                }
                self.follow_while_listened_to().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = following => {}
        }
        live.state.send_replace(State::Stopped);
    }

    async fn follow_while_listened_to(&self) {
        let live = self.live();
        let mut told = self.told();
        let mut position = None;
        loop {
            told.mark_unchanged();
            let more = match self.follow_once(position).await {
                Ok((now_at, more)) => {
                    position = Some(now_at);
                    live.state.send_replace(State::Following(now_at));
                    more
                }
                Err(error) => {
                    tracing::warn!(%error, "the log of events cannot be followed");
                    false
                }
            };
            // Nobody can join while this is decided: see `join`.
            let left = live.state.send_if_modified(|state| {
                let nobody = live.news.receiver_count() == 0;
                if nobody {
                    *state = State::Idle;
                }
                nobody
            });
            if left {
                return;
            }
            if !more {
                // The clock is for what other processes tell.
                drop(tokio::time::timeout(POLL, told.changed()).await);
            }
        }
    }

    /// Sends what is after `position`, which is the log's end at first. Answers where it has come to, and whether
    /// there may be more.
    async fn follow_once(&self, position: Option<Position>) -> Result<(Position, bool), Error> {
        let Some(position) = position else { return Ok((self.log().end().await?, false)) };
        let slice = self.log().read(position, None, ROWS).await?;
        for located in slice.events {
            // Without a listener there is nobody to miss it.
            let _ = self.live().news.send(located);
        }
        Ok((slice.end, slice.more))
    }

    /// The events of a workspace whose kind fits one of `kinds`: those after `after`, or those from now on, and then
    /// each as it happens. A listener that is slow reads them from the table; none is left out unless
    /// [`Retention`](crate::Retention) forgot it.
    ///
    /// The stream ends with an error if the table cannot be read, and when [`follow`](Self::follow) ends; it waits for
    /// that to begin.
    pub fn stream(
        &self,
        workspace: WorkspaceId,
        after: Option<Position>,
        kinds: Patterns,
    ) -> impl Stream<Item = Result<Located, Error>> + Send + 'static {
        let listener =
            Listener { events: self.clone(), workspace, kinds, at: after, read: VecDeque::new(), news: None };
        futures::stream::unfold(Some(listener), |listener| async move {
            let mut listener = listener?;
            match listener.next().await {
                Ok(Some(located)) => Some((Ok(located), Some(listener))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// What is sent from now on and, once somebody follows the log, where it was then. `None` when that is over.
    async fn join(&self) -> Option<(broadcast::Receiver<Located>, Position)> {
        let live = self.live();
        let mut state = live.state.subscribe();
        let news = {
            // Whoever holds this keeps `follow_while_listened_to` from deciding that nobody listens.
            let _state = live.state.borrow();
            live.news.subscribe()
        };
        live.joined.notify_one();
        // The sender lives as long as the events do.
        let state = *state.wait_for(|state| *state != State::Idle).await.ok()?;
        match state {
            State::Following(position) => Some((news, position)),
            State::Idle | State::Stopped => None,
        }
    }
}

/// One who listens.
struct Listener {
    events: Events,
    workspace: WorkspaceId,
    kinds: Patterns,
    /// Up to where it has everything; unknown until it has joined, if it wants what comes from then on.
    at: Option<Position>,
    /// What was read from the table and not handed out.
    read: VecDeque<Located>,
    /// While it keeps up.
    news: Option<News>,
}

struct News {
    receiver: broadcast::Receiver<Located>,
    /// Whether the table was read up to where the receiver began.
    caught_up: bool,
}

impl Listener {
    async fn next(&mut self) -> Result<Option<Located>, Error> {
        loop {
            if let Some(located) = self.read.pop_front() {
                return Ok(Some(located));
            }
            let Some(news) = &mut self.news else {
                let Some((receiver, position)) = self.events.join().await else { return Ok(None) };
                // Who wants what comes from now on has nothing to catch up with.
                self.news = Some(News { receiver, caught_up: self.at.is_none() });
                self.at.get_or_insert(position);
                continue;
            };
            if !news.caught_up {
                self.read_on().await?;
                continue;
            }
            let mut state = self.events.live().state.subscribe();
            let received = tokio::select! {
                received = news.receiver.recv() => received,
                _ = state.wait_for(|state| *state == State::Stopped) => return Ok(None),
            };
            match received {
                Ok(located) if self.at.is_some_and(|at| located.position <= at) => {}
                Ok(located) => {
                    self.at = Some(located.position);
                    if self.wants(&located) {
                        return Ok(Some(located));
                    }
                }
                // It goes on after what was lost, and what was lost is in the table.
                Err(RecvError::Lagged(_)) => news.caught_up = false,
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }

    /// Reads the next rows of the table; when there are no more, what was sent meanwhile goes on from there.
    async fn read_on(&mut self) -> Result<(), Error> {
        let after = self.at.unwrap_or(Position::START);
        let slice = self.events.log().read(after, Some(self.workspace), ROWS).await?;
        self.at = Some(slice.end.max(after));
        self.read.extend(slice.events.into_iter().filter(|located| self.kinds.fit(&located.event.kind)));
        if let Some(news) = &mut self.news
            && !slice.more
        {
            news.caught_up = true;
        }
        Ok(())
    }

    fn wants(&self, located: &Located) -> bool {
        located.event.workspace == Some(self.workspace) && self.kinds.fit(&located.event.kind)
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("listeners", &self.news.receiver_count()).finish_non_exhaustive()
    }
}
