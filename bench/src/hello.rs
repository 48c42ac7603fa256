//! The server that W6 compares with: the same runtime, allocator and connections as Weir's, and nothing behind them.

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::report;

/// Says hello on a free port for as long as the process lives.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let router = Router::new().route("/hello", get(async || "Hello, World!"));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    report::say(&format!("ready at http://{}", listener.local_addr()?));
    weir_api::serve(listener, router, CancellationToken::new()).await;
    Ok(())
}
