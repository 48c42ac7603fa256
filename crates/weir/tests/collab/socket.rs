//! A WebSocket to a document, frame by frame: as programs without Yjs use it, and those who mean harm.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::clients::url;
use crate::weir::Weir;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a document.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Connects whoever has this token.
    pub(crate) async fn open(weir: &Weir, workflow: &str, token: &str) -> Self {
        Self::try_open(weir, workflow, "", token).await.unwrap_or_else(|status| panic!("refused with {status}"))
    }

    /// Connects, or fails with the status of the answer. `query` begins with its question mark.
    pub(crate) async fn try_open(weir: &Weir, workflow: &str, query: &str, token: &str) -> Result<Self, u16> {
        let mut request = format!("{}/collab{query}", url(&weir.address, workflow)).into_client_request().unwrap();
        if !token.is_empty() {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let stream = TcpStream::connect(&weir.address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("no WebSocket: {error}"),
        }
    }

    /// Connects, says who it is, and returns the answer, which has the document.
    pub(crate) async fn connect(weir: &Weir, workflow: &str, token: &str) -> (Self, Value) {
        let mut socket = Self::open(weir, workflow, token).await;
        socket.send(&json!({ "type": "connect", "id": "hello" })).await;
        let welcome = socket.told(|frame| frame["type"] == "connect" && frame["id"] == "hello").await;
        (socket, welcome)
    }

    pub(crate) async fn send(&mut self, frame: &Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    pub(crate) async fn send_raw(&mut self, frame: Message) {
        // A server that refuses a frame may be gone before all of it was sent; what it said is still to be read.
        let _ = self.0.send(frame).await;
    }

    /// Does something, and waits until it is durable.
    pub(crate) async fn update(&mut self, id: &str, operation: &str, payload: Value) {
        self.send(&json!({ "type": "update", "id": id, "operation": operation, "payload": payload })).await;
        let answer = self.told(|frame| frame["id"] == id).await;
        assert_eq!(answer["type"], "ack", "{operation} was answered with {answer}");
    }

    /// The next JSON frame that is wanted; others are passed over.
    pub(crate) async fn told(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut others = Vec::new();
        loop {
            match self.next().await {
                Some(Message::Text(text)) => {
                    let frame = serde_json::from_str(&text).unwrap();
                    if wanted(&frame) {
                        return frame;
                    }
                    others.push(frame);
                }
                Some(Message::Close(close)) => panic!("closed with {close:?} after {others:?}"),
                Some(_) => {}
                None => panic!("what was waited for did not come, only {others:?}"),
            }
        }
    }

    /// Waits for the end of the connection: the frames before it, and its code.
    pub(crate) async fn closed(&mut self) -> (Vec<Message>, u16) {
        let mut before = Vec::new();
        loop {
            match self.next().await {
                Some(Message::Close(Some(close))) => return (before, close.code.into()),
                Some(frame) => before.push(frame),
                None => panic!("not closed with a code, after {before:?}"),
            }
        }
    }

    /// `None` when nothing comes any more.
    async fn next(&mut self) -> Option<Message> {
        tokio::time::timeout(PATIENCE, self.0.next()).await.ok()??.ok()
    }
}
