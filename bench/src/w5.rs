//! W5: a server that has nothing to do: how soon it is there, how much memory it takes, alone and with executions that
//! wait for a day.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::future::try_join_all;
use serde_json::json;

use crate::client::Request;
use crate::documents;
use crate::report::{Report, Target};
use crate::server::Server;
use crate::store::Home;

const CLIENTS: usize = 64;

/// How long the server may settle before its memory is read.
const SETTLE: Duration = Duration::from_secs(3);

/// What a million waiting executions may take, in MiB.
const WAITING_LIMIT: f64 = 200.0;

pub(crate) async fn run(home: &Home, waiting: usize, report: &mut Report) -> anyhow::Result<()> {
    // The first start makes the tables; the one that is measured finds them.
    let first = home.serve("").await?;
    let first_ready = first.ready_after;
    first.kill().await?;
    let begun = Instant::now();
    let server = home.serve("").await?;
    let mut client = server.client().await?;
    client.json("GET", "/healthz", None).await?;
    let healthy = begun.elapsed();
    tokio::time::sleep(SETTLE).await;
    let idle = server.memory_kib("VmRSS")? / 1024.0;
    let mut section = report.section("W5", Some(home.store));
    section.judge("process start to ready", server.ready_after.as_secs_f64() * 1e3, "ms", Target::AtMost(300.0));
    section.add("process start to the first 200 of /healthz", healthy.as_secs_f64() * 1e3, "ms");
    section.add("process start to ready, with new tables", first_ready.as_secs_f64() * 1e3, "ms");
    section.judge("memory, idle", idle, "MiB", Target::AtMost(60.0));

    let workflow = client.publish(&documents::waiting()).await?;
    let request = client.request("POST", &format!("/api/v1/workflows/{workflow}/execute"), Some(&json!({})));
    let left = AtomicUsize::new(waiting);
    let begun = Instant::now();
    let clients = (0..CLIENTS).map(|_| start(&server, &request, &left));
    try_join_all(clients).await?;
    // The server closes a connection that was idle for long.
    let mut client = server.client().await?;
    while client.any("pending,running").await? {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = begun.elapsed().as_secs_f64();
    tokio::time::sleep(SETTLE).await;
    let memory = server.memory_kib("VmRSS")? / 1024.0;
    let mut section = report.section("W5", Some(home.store));
    section.add("waiting executions", waiting as f64, "");
    section.add("started and waiting", waiting as f64 / took, "1/s");
    section.judge("memory with them", memory, "MiB", Target::AtMost(WAITING_LIMIT));
    section.add("memory per waiting execution", (memory - idle) * 1024.0 / waiting as f64, "KiB");
    Ok(())
}

async fn start(server: &Server, request: &Request, left: &AtomicUsize) -> anyhow::Result<()> {
    let mut client = server.client().await?;
    let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    while take() {
        let answer = client.send(request).await?;
        ensure!(answer.status == 202, "status {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    Ok(())
}
