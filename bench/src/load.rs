//! Load on a server: connections that send the same request again as soon as the answer is there.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;

use crate::client::{Client, Request};
use crate::samples::Samples;

const CLIENTS: usize = 64;

/// Runs the clients on one thread of their own; how long each request took. All must succeed.
pub(crate) async fn put(address: SocketAddr, request: Request, time: Duration) -> anyhow::Result<Samples> {
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let begun = Instant::now();
            let clients = (0..CLIENTS).map(|_| ask_again_and_again(address, &request, begun + time));
            let mut all = Samples::default();
            try_join_all(clients).await?.into_iter().for_each(|samples| all.extend(samples));
            Ok(all)
        })
    })
    .await
    .context("the load broke")?
}

async fn ask_again_and_again(address: SocketAddr, request: &Request, until: Instant) -> anyhow::Result<Samples> {
    let mut client = Client::connect(address, "").await?;
    let mut samples = Samples::default();
    loop {
        let begun = Instant::now();
        if begun >= until {
            return Ok(samples);
        }
        let answer = client.send(request).await?;
        let succeeded = (200..300).contains(&answer.status);
        ensure!(succeeded, "status {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        samples.add(begun.elapsed());
    }
}
