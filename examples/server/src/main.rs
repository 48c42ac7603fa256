//! Runs the examples' server.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use clap::Parser;

/// A server for Weir's examples. Listens on the loopback interface only.
#[derive(Parser)]
struct Args {
    /// The port to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 9010)]
    port: u16,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, args.port))).await?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    axum::serve(listener, weir_example_server::router()).await?;
    Ok(())
}
