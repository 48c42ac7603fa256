//! One client: the frames that come from it, and those that wait for it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

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
#[derive(Debug)]
pub struct ConnectionIn {}

/// Where the frames for a client come from.
#[derive(Debug)]
pub struct ConnectionOut {}

impl ConnectionIn {
    /// Takes a frame. Never waits for the database.
    ///
    /// # Errors
    /// How to close the connection; [`ConnectionOut::next`] answers the same after what still waits.
    pub fn receive(&self, frame: Frame) -> Result<(), Close> {
        let _ = frame;
        Ok(())
    }
}

impl ConnectionOut {
    /// The next frame, as soon as there is one. The last one is [`Frame::Close`], after it comes `None`.
    pub async fn next(&mut self) -> Option<Frame> {
        None
    }

    /// Is ready when the connection is to end without waiting for the client, who does not read.
    pub fn abandoned(&self) -> impl Future<Output = ()> + Send + 'static {
        std::future::pending()
    }
}
