//! A lean WebSocket client: frames as they come, sent with as little work as can be, because the client has the same
//! processors as the server it measures.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The largest frame that is taken in.
const MAX_FRAME: usize = 64 * 1024 * 1024;

const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What a server sent.
#[derive(Debug)]
pub(crate) enum Frame {
    Data(Vec<u8>),
    /// To be answered with the same.
    Ping(Vec<u8>),
}

impl Socket {
    /// `key` proves who asks, as in `Client`.
    pub(crate) async fn open(address: SocketAddr, path: &str, key: &str) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let mut head = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: bWVhc3VyZWQtb2Z0ZW4hIQ==\r\n"
        );
        if !key.is_empty() {
            head += &format!("authorization: Bearer {key}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await?;
        let mut received = Vec::with_capacity(1024);
        let end = loop {
            ensure!(stream.read_buf(&mut received).await? > 0, "the server closed the connection amid its answer");
            if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let upgraded = received.starts_with(b"HTTP/1.1 101 ");
        ensure!(upgraded, "{path} is no WebSocket: {}", String::from_utf8_lossy(&received).trim());
        received.drain(..end);
        Ok(Self { stream, received })
    }

    /// The next frame. What is waited for is not lost when the waiting is given up.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Frame> {
        loop {
            if let Some((kind, payload)) = self.take()? {
                match kind {
                    PING => return Ok(Frame::Ping(payload)),
                    PONG => {}
                    CLOSE => {
                        let (code, reason) = payload.split_first_chunk::<2>().unwrap_or((&[0, 0], &[]));
                        let reason = String::from_utf8_lossy(reason);
                        bail!("the server closed the connection with {}: {reason}", u16::from_be_bytes(*code));
                    }
                    _ => return Ok(Frame::Data(payload)),
                }
            } else {
                let read = self.stream.read_buf(&mut self.received).await?;
                ensure!(read > 0, "the server closed the connection");
            }
        }
    }

    pub(crate) async fn send(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        self.write(BINARY, payload).await
    }

    pub(crate) async fn pong(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        self.write(PONG, payload).await
    }

    async fn write(&mut self, kind: u8, payload: &[u8]) -> anyhow::Result<()> {
        let mut frame = Vec::with_capacity(payload.len() + 8);
        frame.push(0x80 | kind);
        match u16::try_from(payload.len()).context("a frame that is larger than any of this client")? {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length => {
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        // Clients have to mask what they send; a mask of zeros changes nothing.
        frame.extend([0; 4]);
        frame.extend(payload);
        Ok(self.stream.write_all(&frame).await?)
    }

    /// The kind and content of a frame that has come in whole.
    fn take(&mut self) -> anyhow::Result<Option<(u8, Vec<u8>)>> {
        let Some((&[first, second], rest)) = self.received.split_first_chunk::<2>() else { return Ok(None) };
        ensure!(
            first & 0x80 != 0 && second & 0x80 == 0,
            "a frame in pieces or masked, which this client does not read"
        );
        let (length, head) = match second {
            126 => match rest.first_chunk() {
                Some(length) => (usize::from(u16::from_be_bytes(*length)), 4),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(length) => (usize::try_from(u64::from_be_bytes(*length))?, 10),
                None => return Ok(None),
            },
            length => (usize::from(length), 2),
        };
        ensure!(length <= MAX_FRAME, "a frame of {length} bytes");
        let Some(payload) = self.received.get(head..head + length) else { return Ok(None) };
        let payload = payload.to_vec();
        self.received.drain(..head + length);
        Ok(Some((first & 0x0f, payload)))
    }
}
