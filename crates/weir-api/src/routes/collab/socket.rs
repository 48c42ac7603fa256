//! One client at its WebSocket: frames go in and out, rights are looked at again and again, and the dead are let go.

use std::borrow::Cow;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;
use weir_base::Principal;
use weir_collab::{Close, ConnectionIn, ConnectionOut, Frame};
use weir_identity::Identity;

use crate::watching::{self, Change};

/// How often it is looked at whether somebody may still be here: so long what was taken from them goes on at most.
const CHECKED_EVERY: Duration = Duration::from_secs(5);

/// How often a client is asked for a sign of life.
const PING: Duration = Duration::from_secs(30);

/// A client that shows no sign of life for so long is gone.
const SILENCE: Duration = Duration::from_secs(90);

/// How long a client may take to read the last frames.
const FAREWELL: Duration = Duration::from_secs(5);

const GOING_AWAY: Close = Close { code: 1001, reason: Cow::Borrowed("the server is stopping") };
const REVOKED: Close = Close { code: 1008, reason: Cow::Borrowed("your sign-in or membership has ended") };
const OTHER_RIGHTS: Close = Close { code: 1008, reason: Cow::Borrowed("your rights have changed: connect again") };

/// Somebody who takes part in a draft.
pub(super) struct Guest {
    pub(super) identity: Identity,
    pub(super) who: Principal,
    pub(super) shutdown: CancellationToken,
    pub(super) _place: OwnedSemaphorePermit,
}

impl Guest {
    /// Carries frames until one side ends it.
    pub(super) async fn attend(self, socket: WebSocket, (inlet, mut outlet): (ConnectionIn, ConnectionOut)) {
        let (mut sink, stream) = socket.split();
        let abandoned = outlet.abandoned();
        let close = {
            let told = tell(&mut sink, &mut outlet);
            tokio::pin!(told);
            let close = tokio::select! {
                () = &mut told => return,
                heard = listen(stream, &inlet) => match heard {
                    Heard::Gone => return,
                    // Why is the last frame of the outlet.
                    Heard::Refused => None,
                },
                () = abandoned => return,
                change = watching::change(&self.identity, &self.who, CHECKED_EVERY) => Some(match change {
                    Change::Revoked => REVOKED,
                    Change::OtherRights => OTHER_RIGHTS,
                }),
                () = self.shutdown.cancelled() => Some(GOING_AWAY),
            };
            if close.is_none() && timeout(FAREWELL, told).await.is_err() {
                tracing::debug!("a client did not read why it was closed");
            }
            close
        };
        if let Some(Close { code, reason }) = close {
            drop(inlet);
            let frame = CloseFrame { code, reason: reason.as_ref().into() };
            // Whether it is read makes no difference any more.
            let _ = timeout(FAREWELL, sink.send(Message::Close(Some(frame)))).await;
        }
    }
}

enum Heard {
    Gone,
    Refused,
}

async fn listen(mut stream: SplitStream<WebSocket>, inlet: &ConnectionIn) -> Heard {
    loop {
        let frame = match timeout(SILENCE, stream.next()).await {
            Ok(Some(Ok(Message::Binary(bytes)))) => Frame::Binary(bytes),
            Ok(Some(Ok(Message::Text(text)))) => Frame::Text(text.as_str().into()),
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
            Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => return Heard::Gone,
        };
        if inlet.receive(frame).is_err() {
            return Heard::Refused;
        }
    }
}

async fn tell(sink: &mut SplitSink<WebSocket, Message>, outlet: &mut ConnectionOut) {
    let mut pings = interval_at(Instant::now() + PING, PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            frame = outlet.next() => match frame {
                Some(Frame::Binary(bytes)) => Message::Binary(bytes),
                Some(Frame::Text(text)) => Message::Text(Utf8Bytes::from(text.as_ref())),
                Some(Frame::Close(Close { code, reason })) => {
                    Message::Close(Some(CloseFrame { code, reason: reason.as_ref().into() }))
                }
                None => return,
            },
            _ = pings.tick() => Message::Ping(bytes::Bytes::new()),
        };
        if sink.send(message).await.is_err() {
            return;
        }
    }
}
