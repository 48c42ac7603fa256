//! The server around the router: bounded connections, slow clients cut off, an orderly end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

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

/// Answers requests on `listener` until `shutdown` fires, then lets those under way finish for up to 30 seconds. Each
/// request knows the address it came from, as axum's `ConnectInfo<SocketAddr>`.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let under_way = TaskTracker::new();
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
            Ok((stream, peer)) => {
                let router = router.clone();
                let answer = service_fn(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(ConnectInfo(peer));
                    // A router is always ready.
                    router.clone().call(request)
                });
                let connection = http.serve_connection(prepared(stream), answer).with_upgrades();
                let stopped = shutdown.clone();
                under_way.spawn(async move {
                    if let Err(error) = until(stopped, connection).await {
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
    under_way.close();
    if tokio::time::timeout(GRACE, under_way.wait()).await.is_err() {
        tracing::warn!("requests were still under way after {} seconds", GRACE.as_secs());
    }
}

/// Serves a connection; once it is `stopped`, only the request under way is answered.
async fn until<S>(
    stopped: CancellationToken,
    connection: http1::UpgradeableConnection<TokioIo<TcpStream>, S>,
) -> hyper::Result<()>
where
    S: HttpService<Incoming, ResBody = Body>,
    S::Error: Into<axum::BoxError>,
{
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = stopped.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

fn prepared(stream: TcpStream) -> TokioIo<TcpStream> {
    // Small answers must not wait for more to send; without the option they are merely later.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch off Nagle's algorithm");
    }
    TokioIo::new(stream)
}
