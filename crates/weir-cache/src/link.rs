//! Brings the link to Redis up, keeps it, and listens on it for what others have changed.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use tokio::time::{Instant, interval_at, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::key::Key;
use crate::local::Local;
use crate::shared::{CHANNEL, EVERYTHING, Owed, Shared};

/// How long opening, and each step of making up for what was missed, may take.
const OPENING: Duration = Duration::from_secs(1);

/// How often the subscription is looked after, and how long it may be silent then. With both, a dead one is noticed
/// before [`crate::local::UNTOLD`] is over.
const LOOK: Duration = Duration::from_secs(2);

/// The pauses between attempts grow from the one to the other.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A link that held so long was a good one: the pauses begin anew.
const LASTING: Duration = Duration::from_secs(10);

/// Works until it is told to stop.
pub(crate) async fn keep(client: Client, shared: Arc<Shared>, local: Arc<Local>, stop: CancellationToken) {
    let mut pause = PAUSES.0;
    loop {
        let attempt = async {
            let (link, subscription) = open(&client, &shared, &local).await?;
            local.set_told(true);
            tracing::info!("redis is there");
            let begun = Instant::now();
            let ended = listen(subscription, link, &shared, &local).await;
            // One that opens and is lost at once is no better than one that is away: each time, memory is cleared.
            if begun.elapsed() >= LASTING {
                pause = PAUSES.0;
            }
            Ok::<_, RedisError>(ended)
        };
        let failure = tokio::select! {
            () = stop.cancelled() => None,
            ended = attempt => Some(ended.unwrap_or_else(|error| error.to_string())),
        };
        local.set_told(false);
        let was_up = shared.down(failure.as_deref().unwrap_or("closed"));
        if let (false, Some(failure)) = (was_up, &failure) {
            tracing::debug!(failure, "redis is still away");
        }
        // Processes that lost the same Redis shall not all come back in the same moment.
        let wait = pause.mul_f64(rand::random_range(0.5..1.0));
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(wait) => pause = (pause * 2).min(PAUSES.1),
        }
    }
}

/// Connects, subscribes, and makes up for what Redis was not told; then the link is up.
async fn open(client: &Client, shared: &Shared, local: &Local) -> RedisResult<(MultiplexedConnection, PubSub)> {
    // The callers have a limit of their own.
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(OPENING)).set_response_timeout(None);
    let mut link = within(client.get_multiplexed_async_connection_with_config(&config)).await?;
    let mut subscription = within(client.get_async_pubsub()).await?;
    within(subscription.subscribe(CHANNEL)).await?;
    // What others have changed while nobody told us is unknown; what they change from here on, we hear.
    local.clear();
    loop {
        let owed = shared.owed(&link);
        let made_up = match &owed {
            Owed::Key(key) => within(shared.tell(&mut link, key, None)).await,
            Owed::Everything => empty(&mut link, shared).await,
            Owed::Nothing => return Ok((link, subscription)),
        };
        if let Err(error) = made_up {
            shared.still_owed(owed);
            return Err(error);
        }
    }
}

/// Removes everything, in steps that each have their time.
async fn empty(link: &mut MultiplexedConnection, shared: &Shared) -> RedisResult<()> {
    let mut cursor = 0;
    loop {
        cursor = within(shared.remove_some(link, cursor)).await?;
        if cursor == 0 {
            return within(shared.tell_everything(link)).await;
        }
    }
}

/// Forgets what others have changed, until the subscription breaks or a call finds the link broken; answers why.
async fn listen(subscription: PubSub, mut link: MultiplexedConnection, shared: &Shared, local: &Local) -> String {
    let (mut sink, mut messages) = subscription.split();
    let mut look = interval_at(Instant::now() + LOOK, LOOK);
    loop {
        tokio::select! {
            biased;
            () = shared.taken_down.notified() => return "a call failed".to_owned(),
            message = messages.next() => {
                let Some(message) = message else { return "the subscription ended".to_owned() };
                hear(message.get_payload_bytes(), shared, local);
            }
            _ = look.tick() => {
                let alive = async {
                    sink.ping::<redis::Value>().await?;
                    redis::cmd("PING").exec_async(&mut link).await
                };
                match timeout(LOOK, alive).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return error.to_string(),
                    Err(_) => return format!("no answer in {LOOK:?}"),
                }
            }
        }
    }
}

fn hear(message: &[u8], shared: &Shared, local: &Local) {
    match std::str::from_utf8(message).ok().and_then(|message| message.split_once(' ')) {
        Some((origin, _)) if origin == shared.origin => {}
        Some((_, key)) if key != EVERYTHING => local.forget(&Key::from_text(key)),
        // Also what we do not understand may have been about anything.
        _ => local.clear(),
    }
}

async fn within<T>(step: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    timeout(OPENING, step).await.unwrap_or_else(|_| {
        Err(RedisError::from(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer while opening")))
    })
}
