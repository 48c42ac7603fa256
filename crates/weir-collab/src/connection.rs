//! One client: the frames that come from it, and those that wait for it.

mod outbox;

use std::borrow::Cow;
use std::fmt::{self, Debug};
use std::sync::Arc;

use bytes::Bytes;

use self::outbox::Next;
pub(crate) use self::outbox::{Seat, Since, Speaks};
use crate::room::Room;

/// What goes over a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The protocol of y-websocket.
    Binary(Bytes),
    /// The JSON protocol.
    Text(Arc<str>),
    /// The last frame there is.
    Close(Close),
}

/// Why a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// As in RFC 6455.
    pub code: u16,
    /// A few words for people; less than 123 bytes.
    pub reason: Cow<'static, str>,
}

/// Where the frames of a client go; the member leaves when this is dropped.
pub struct ConnectionIn {
    room: Arc<Room>,
    seat: Arc<Seat>,
}

/// Where the frames for a client come from.
pub struct ConnectionOut {
    room: Arc<Room>,
    seat: Arc<Seat>,
}

pub(crate) fn connect(room: Arc<Room>, seat: Arc<Seat>) -> (ConnectionIn, ConnectionOut) {
    let out = ConnectionOut { room: Arc::clone(&room), seat: Arc::clone(&seat) };
    (ConnectionIn { room, seat }, out)
}

impl Frame {
    fn len(&self) -> usize {
        match self {
            Self::Binary(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
            Self::Close(_) => 0,
        }
    }
}

impl Close {
    pub(crate) const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Cow::Borrowed(reason) }
    }
}

impl ConnectionIn {
    /// Takes a frame. Never waits for the database.
    ///
    /// # Errors
    /// How to close the connection; [`ConnectionOut::next`] answers the same after what still waits.
    pub fn receive(&self, frame: Frame) -> Result<(), Close> {
        if let Some(close) = self.seat.closing() {
            return Err(close);
        }
        let received = match frame {
            Frame::Binary(bytes) => {
                self.seat.decide(Speaks::Yjs);
                self.room.receive_binary(&self.seat, &bytes)
            }
            Frame::Text(text) => {
                self.seat.decide(Speaks::Json);
                self.room.receive_text(&self.seat, &text)
            }
            Frame::Close(_) => Ok(()),
        };
        if let Err(close) = &received {
            self.room.dismiss(&self.seat, close);
        }
        received
    }
}

impl Drop for ConnectionIn {
    fn drop(&mut self) {
        self.room.dismiss(&self.seat, &Close::new(1000, "the client has left"));
    }
}

impl ConnectionOut {
    /// The next frame, as soon as there is one. The last one is [`Frame::Close`], after it comes `None`.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            match self.seat.take() {
                Next::Frame(frame) => return Some(frame),
                Next::CatchUp => {
                    if let Some(frame) = self.room.catch_up(&self.seat) {
                        return Some(frame);
                    }
                }
                Next::Ended => return None,
                Next::Nothing => {}
            }
            self.seat.told().await;
        }
    }

    /// Is ready when the connection is to end without waiting for the client, who does not read.
    pub fn abandoned(&self) -> impl Future<Output = ()> + Send + 'static {
        self.seat.abandoned()
    }
}

impl Drop for ConnectionOut {
    fn drop(&mut self) {
        // Nobody would read what waits.
        self.seat.abandon(&Close::new(1000, "the client has left"));
        self.room.dismiss(&self.seat, &Close::new(1000, "the client has left"));
    }
}

impl Debug for ConnectionIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ConnectionIn").field("member", &self.seat.member).finish_non_exhaustive()
    }
}

impl Debug for ConnectionOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ConnectionOut").field("member", &self.seat.member).finish_non_exhaustive()
    }
}
