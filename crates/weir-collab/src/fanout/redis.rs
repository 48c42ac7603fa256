//! Telling the other processes over Redis: a channel a workflow.

use std::collections::HashSet;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use redis::aio::{MultiplexedConnection, PubSub, PubSubSink};
use redis::{AsyncConnectionConfig, Client, Msg, RedisError, RedisResult};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, interval_at, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use weir_base::WorkflowId;

use super::{Fanout, Heard};
use crate::Error;

/// What the channel of a workflow is called, before its id.
const CHANNEL: &str = "weir:collab:";

/// How long a step of connecting may take.
const OPENING: Duration = Duration::from_secs(1);

/// How often the connections are looked after, and how long they may be silent then.
const LOOK: Duration = Duration::from_secs(2);

/// The pauses between attempts grow from the one to the other.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Messages on their way in or out; what there is no room for is lost, and found in the log.
const ON_THE_WAY: usize = 4_096;

/// Messages that go out in one go.
const TOGETHER: usize = 128;

/// Publishes and subscribes in a Redis; while that is away, processes find out from the log. Ends with its last owner.
pub struct RedisFanout {
    parts: Arc<Parts>,
    out: mpsc::Sender<(WorkflowId, Bytes)>,
    heard: tokio::sync::Mutex<mpsc::Receiver<Heard>>,
    _stop_at_last: DropGuard,
}

#[derive(Default)]
struct Parts {
    watched: Mutex<HashSet<WorkflowId>>,
    /// Told when what is watched has changed.
    changed: Notify,
}

impl RedisFanout {
    /// Over the Redis at `redis://...` or `rediss://...`. One that is away is no error: it is used as soon as it is there.
    ///
    /// # Errors
    /// [`Error::Address`] if the address cannot be read.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect(address: &str) -> Result<Self, Error> {
        let client = Client::open(address).map_err(|_| Error::Address)?;
        let (out, outgoing) = mpsc::channel(ON_THE_WAY);
        let (incoming, heard) = mpsc::channel(ON_THE_WAY);
        let stop = CancellationToken::new();
        let parts = Arc::<Parts>::default();
        let link = Link { client, parts: Arc::clone(&parts), outgoing, incoming };
        let until = stop.clone();
        tokio::spawn(async move {
            until.run_until_cancelled(link.keep()).await;
        });
        Ok(Self { parts, out, heard: tokio::sync::Mutex::new(heard), _stop_at_last: stop.drop_guard() })
    }
}

impl Fanout for RedisFanout {
    fn tell(&self, workflow: WorkflowId, message: Bytes) {
        if self.out.try_send((workflow, message)).is_err() {
            tracing::debug!(%workflow, "redis does not take what is told fast enough");
        }
    }

    fn watch(&self, workflow: WorkflowId) {
        self.parts.watched.lock().insert(workflow);
        self.parts.changed.notify_one();
    }

    fn unwatch(&self, workflow: WorkflowId) {
        self.parts.watched.lock().remove(&workflow);
        self.parts.changed.notify_one();
    }

    fn hear(&self) -> BoxFuture<'_, Option<Heard>> {
        Box::pin(async { self.heard.lock().await.recv().await })
    }
}

impl Debug for RedisFanout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisFanout").field("watched", &self.parts.watched.lock().len()).finish_non_exhaustive()
    }
}

/// What keeps the connections.
struct Link {
    client: Client,
    parts: Arc<Parts>,
    outgoing: mpsc::Receiver<(WorkflowId, Bytes)>,
    incoming: mpsc::Sender<Heard>,
}

impl Link {
    async fn keep(mut self) {
        let mut pause = PAUSES.0;
        let mut was_up = true;
        loop {
            let failure = match self.open().await {
                Ok((link, subscription, subscribed)) => {
                    tracing::info!("documents are shared over redis");
                    (pause, was_up) = (PAUSES.0, true);
                    self.work(link, subscription, subscribed).await
                }
                Err(error) => error,
            };
            if was_up {
                tracing::warn!(%failure, "documents are not shared over redis for now");
                was_up = false;
            }
            // Processes that lost the same Redis shall not all come back in the same moment.
            sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Connects, subscribes, and has everybody look for what they did not hear.
    async fn open(&mut self) -> RedisResult<(MultiplexedConnection, PubSub, HashSet<WorkflowId>)> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(OPENING)).set_response_timeout(Some(LOOK));
        let link = within(self.client.get_multiplexed_async_connection_with_config(&config)).await?;
        let mut subscription = within(self.client.get_async_pubsub()).await?;
        let watched = self.parts.watched.lock().clone();
        for workflow in &watched {
            within(subscription.subscribe(channel(*workflow))).await?;
        }
        self.pass(Heard::Gap(None)).await;
        Ok((link, subscription, watched))
    }

    /// Tells and hears until the connection breaks; answers why.
    async fn work(
        &mut self,
        mut link: MultiplexedConnection,
        subscription: PubSub,
        mut subscribed: HashSet<WorkflowId>,
    ) -> RedisError {
        let (mut sink, mut messages) = subscription.split();
        let mut look = interval_at(Instant::now() + LOOK, LOOK);
        let mut out = Vec::new();
        // What was watched while this connected.
        self.parts.changed.notify_one();
        loop {
            let parts = Arc::clone(&self.parts);
            let done = tokio::select! {
                message = messages.next() => match message {
                    Some(message) => {
                        if let Some(heard) = read(&message) {
                            self.pass(heard).await;
                        }
                        Ok(())
                    }
                    None => Err(std::io::Error::other("the subscription ended").into()),
                },
                _ = self.outgoing.recv_many(&mut out, TOGETHER) => publish(&mut link, &mut out).await,
                () = parts.changed.notified() => self.subscribe(&mut sink, &mut subscribed).await,
                _ = look.tick() => within(async { sink.ping::<redis::Value>().await.map(drop) }).await,
            };
            if let Err(error) = done {
                return error;
            }
        }
    }

    /// Subscribes to what is watched, and to nothing else.
    async fn subscribe(&self, sink: &mut PubSubSink, subscribed: &mut HashSet<WorkflowId>) -> RedisResult<()> {
        let watched = self.parts.watched.lock().clone();
        for workflow in subscribed.difference(&watched) {
            within(sink.unsubscribe(channel(*workflow))).await?;
        }
        for workflow in watched.difference(subscribed) {
            within(sink.subscribe(channel(*workflow))).await?;
            self.pass(Heard::Gap(Some(*workflow))).await;
        }
        *subscribed = watched;
        Ok(())
    }

    async fn pass(&self, heard: Heard) {
        if self.incoming.send(heard).await.is_err() {
            tracing::debug!("nobody hears any more");
        }
    }
}

async fn publish(link: &mut MultiplexedConnection, out: &mut Vec<(WorkflowId, Bytes)>) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    for (workflow, message) in out.drain(..) {
        pipe.cmd("PUBLISH").arg(channel(workflow)).arg(message.as_ref()).ignore();
    }
    within(pipe.exec_async(link)).await
}

fn channel(workflow: WorkflowId) -> String {
    format!("{CHANNEL}{workflow}")
}

fn read(message: &Msg) -> Option<Heard> {
    let workflow = message.get_channel_name().strip_prefix(CHANNEL)?.parse().ok()?;
    Some(Heard::Message { workflow, message: Bytes::copy_from_slice(message.get_payload_bytes()) })
}

async fn within<T>(step: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    timeout(LOOK, step).await.unwrap_or_else(|_| {
        Err(RedisError::from(std::io::Error::new(std::io::ErrorKind::TimedOut, "redis does not answer")))
    })
}
