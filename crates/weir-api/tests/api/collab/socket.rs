//! A WebSocket to a draft, as programs without Yjs use it.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::server::{PATIENCE, Server};

/// A connection to a draft.
pub(super) struct Socket {
    stream: WebSocketStream<TcpStream>,
    sent: u64,
}

impl Socket {
    /// Connects with this query and this token, or fails with the status of the answer.
    pub(super) async fn open(server: &Server, workflow: &str, query: &str, token: Option<&str>) -> Result<Self, u16> {
        let url = format!("ws://{}{workflow}/collab?{query}", server.address);
        let mut request = url.into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let stream = TcpStream::connect(server.address).await.unwrap();
        match timeout(PATIENCE, tokio_tungstenite::client_async(request, stream)).await.expect("an answer comes") {
            Ok((stream, _)) => Ok(Self { stream, sent: 0 }),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("no WebSocket: {error}"),
        }
    }

    /// Connects and says so; the answer has the document.
    pub(super) async fn connect(server: &Server, workflow: &str, query: &str, token: Option<&str>) -> (Self, Value) {
        let opened = Self::open(server, workflow, query, token).await;
        let mut socket = opened.unwrap_or_else(|status| panic!("refused with {status}"));
        socket.send_text(json!({"type": "connect", "id": "hello"}).to_string()).await;
        let welcome = socket.told(|frame| frame["type"] == "connect" && frame["id"] == "hello").await;
        (socket, welcome)
    }

    /// Sends an operation; the answer to it.
    pub(super) async fn update(&mut self, operation: &str, payload: Value) -> Value {
        self.sent += 1;
        let id = json!(self.sent);
        let frame = json!({"type": "update", "id": id, "operation": operation, "payload": payload});
        self.send_text(frame.to_string()).await;
        self.told(|frame| frame["id"] == id).await
    }

    pub(super) async fn send_text(&mut self, text: String) {
        // A server that refuses a frame may be gone before all of it was sent; what it said is still to be read.
        let _ = timeout(PATIENCE, self.stream.send(Message::text(text))).await.expect("the server reads");
    }

    /// The next frame that is wanted; others are passed over.
    pub(super) async fn told(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
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

    /// Waits until the server closes the connection: with which code, and why.
    pub(super) async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Some(Message::Close(Some(close))) => return (close.code.into(), close.reason.as_str().to_owned()),
                Some(_) => {}
                None => panic!("not closed with a code"),
            }
        }
    }

    /// Waits until nothing comes any more, however that ends.
    pub(super) async fn ended(&mut self) {
        while self.next().await.is_some() {}
    }

    /// `None` when nothing comes any more.
    async fn next(&mut self) -> Option<Message> {
        timeout(PATIENCE, self.stream.next()).await.expect("something comes, or the end")?.ok()
    }
}
