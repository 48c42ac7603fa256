//! The server around the router: bounded connections, slow clients cut off, an orderly end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at a time; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 10_000;

/// A request's headers must have come within this time; an idle connection is closed after it as well.
const HEADER_TIME: Duration = Duration::from_secs(30);

/// Bytes of the headers of one request; their number is bounded by hyper at 100.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// How long requests under way may take to finish after the shutdown began.
const GRACE: Duration = Duration::from_secs(30);

/// A pause after the process ran out of file descriptors, so that some are given back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Anybody who reaches the server may do anything.
    #[error(
        "refusing to listen on {0}: there is no sign-in yet, so that only this machine may reach the server; \
         listen on 127.0.0.1 or [::1]"
    )]
    NotLoopback(SocketAddr),
    /// The listener is of no use.
    #[error("the listener has no address: {0}")]
    Listener(#[from] std::io::Error),
}

/// Answers requests on `listener` until `shutdown` fires, then lets those under way finish for up to 30 seconds.
///
/// # Errors
/// [`ServeError::NotLoopback`] unless the listener's address is a loopback one.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if !address.ip().to_canonical().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let under_way = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_header_size(MAX_HEADER_BYTES);
    let mut stopped = pin!(shutdown.cancelled());
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&connections).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, stream) = tokio::select! {
            () = &mut stopped => break,
            (permit, stream) = accepted => (permit, stream),
        };
        match stream {
            Ok((stream, _)) => {
                let connection = http.serve_connection(prepared(stream), TowerToHyperService::new(router.clone()));
                let connection = under_way.watch(connection);
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection broke");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, under_way.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way after {} seconds", GRACE.as_secs());
    }
    Ok(())
}

fn prepared(stream: TcpStream) -> TokioIo<TcpStream> {
    // Small answers must not wait for more to send; without the option they are merely later.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch off Nagle's algorithm");
    }
    TokioIo::new(stream)
}
