//! A lean HTTP/1.1 client: one connection that is kept, one request at a time, as little work as can be, because the
//! client has the same processors as the server it measures.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use memchr::memmem;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The largest answer that is taken in.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    address: SocketAddr,
    key: String,
    received: Vec<u8>,
}

/// A server's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A request as it goes over the wire, to be sent as often as one likes.
#[derive(Debug, Clone)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// `key` proves who asks: an access token, an API key or the server's own; nobody if it is empty.
    pub(crate) fn new(key: &str, method: &str, path: &str, body: Option<&Value>) -> Self {
        let body = body.map(Value::to_string);
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        if !key.is_empty() {
            head += &format!("authorization: Bearer {key}\r\n");
        }
        if let Some(body) = &body {
            head += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        }
        Self(format!("{head}\r\n{}", body.unwrap_or_default()).into_bytes())
    }
}

impl Client {
    /// `key` is sent with what this makes itself, not with requests made elsewhere.
    pub(crate) async fn connect(address: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, key: key.to_owned(), received: Vec::with_capacity(4096) })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A request of whoever this is.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Request {
        Request::new(&self.key, method, path, body)
    }

    pub(crate) async fn send(&mut self, request: &Request) -> anyhow::Result<Answer> {
        self.stream.write_all(&request.0).await?;
        self.received.clear();
        let (head, status, length) = loop {
            if let Some(end) = memmem::find(&self.received, b"\r\n\r\n") {
                let (status, length) = read_head(&self.received[..end])?;
                break (end + 4, status, length);
            }
            self.receive().await?;
        };
        while self.received.len() < head + length {
            self.receive().await?;
        }
        Ok(Answer { status, body: self.received[head..head + length].to_vec() })
    }

    /// Sends a request that must succeed, and reads the answer as JSON.
    pub(crate) async fn json(&mut self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let answer = self.send(&self.request(method, path, body)).await?;
        answer.json().with_context(|| format!("{method} {path}"))
    }

    /// Makes a workflow, publishes it, and answers its id.
    pub(crate) async fn publish(&mut self, document: &Value) -> anyhow::Result<String> {
        let body = serde_json::json!({ "document": document });
        let created = self.json("POST", "/api/v1/workflows", Some(&body)).await?;
        let id = created["id"].as_str().context("a workflow has an id")?.to_owned();
        self.json("POST", &format!("/api/v1/workflows/{id}/publish"), Some(&serde_json::json!({}))).await?;
        Ok(id)
    }

    /// Whether any execution has one of these statuses (separated by commas).
    pub(crate) async fn any(&mut self, statuses: &str) -> anyhow::Result<bool> {
        let found = self.json("GET", &format!("/api/v1/executions?limit=1&status={statuses}"), None).await?;
        Ok(found["items"].as_array().is_some_and(|items| !items.is_empty()))
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        if self.received.len() > MAX_ANSWER {
            bail!("an answer of more than {MAX_ANSWER} bytes");
        }
        if self.stream.read_buf(&mut self.received).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

impl Answer {
    /// The body of an answer that tells success.
    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        if !(200..300).contains(&self.status) {
            bail!("status {}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        if self.body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&self.body)?) }
    }
}

/// The status and the length of the body.
fn read_head(head: &[u8]) -> anyhow::Result<(u16, usize)> {
    let head = std::str::from_utf8(head).context("the head of an answer is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("an answer without a status")?;
    let mut length = 0;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().context("content-length is not a number")?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("an answer in pieces, which this client does not read");
        }
    }
    Ok((status.parse().context("the status is not a number")?, length))
}
