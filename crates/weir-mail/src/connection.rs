//! A connection to a mail server: encrypted, signed in, and bounded in what it may answer.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Error;
use crate::server::{Encryption, Server};

/// How much a server may say on one connection.
const MAX_ANSWERS: usize = 1024 * 1024;

/// Connects to `addresses` in turn, encrypts and signs in.
pub(crate) async fn open(server: &Server, addresses: &[SocketAddr]) -> Result<AsyncSmtpConnection, Error> {
    let host = server.host.as_str();
    let unreachable = |error: io::Error| Error::Unreachable { host: host.to_owned(), cause: error.to_string() };
    let smtp = |error| Error::from_smtp(host, &error);
    let plain = TcpStream::connect(addresses).await.map_err(unreachable)?;
    let address = plain.peer_addr().map_err(unreachable)?;
    let stream: Box<dyn AsyncTokioStream> = if server.encryption == Encryption::Wrapped {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| Error::Tls(error.to_string()))?;
        let encrypted = tls()?.connect(name, plain).await.map_err(unreachable)?;
        Box::new(Bounded { inner: encrypted, address, left: MAX_ANSWERS })
    } else {
        Box::new(Bounded { inner: plain, address, left: MAX_ANSWERS })
    };
    let hello = ClientId::default();
    let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await.map_err(smtp)?;
    match server.encryption {
        Encryption::Required | Encryption::Opportunistic if connection.can_starttls() => {
            let parameters = TlsParameters::new(host.to_owned()).map_err(|error| Error::Tls(error.to_string()))?;
            connection.starttls(parameters, &hello).await.map_err(smtp)?;
        }
        Encryption::Required => return Err(Error::Unencrypted { host: host.to_owned() }),
        Encryption::Opportunistic if server.credentials.is_some() => {
            return Err(Error::Unencrypted { host: host.to_owned() });
        }
        Encryption::Wrapped | Encryption::Opportunistic | Encryption::None => {}
    }
    if let Some(credentials) = &server.credentials {
        connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await.map_err(smtp)?;
    }
    Ok(connection)
}

fn tls() -> Result<TlsConnector, Error> {
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A stream that breaks off when too much was read from it: lines of a server may be endless.
struct Bounded<S> {
    inner: S,
    address: SocketAddr,
    left: usize,
}

impl<S> fmt::Debug for Bounded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bounded({}, {} bytes left)", self.address, self.left)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> AsyncTokioStream for Bounded<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        match self.left.checked_sub(read) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Ok(()))
            }
            None => Poll::Ready(Err(io::Error::other(format!("it answered more than {MAX_ANSWERS} bytes")))),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
