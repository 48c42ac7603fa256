//! W3: a map over 10,000 items, each with a recorded step, and a join.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use crate::documents;
use crate::report::{Report, Target};
use crate::store::Home;

const ITEMS: u32 = 10_000;

/// Items worked on at a time.
const CONCURRENCY: u32 = 256;

/// Runs; the fastest and the median are told.
const RUNS: usize = 5;

/// How long the server may settle before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);

pub(crate) async fn run(home: &Home, report: &mut Report) -> anyhow::Result<()> {
    let server = home.serve("").await?;
    let mut client = server.client().await?;
    let workflow = client.publish(&documents::map(CONCURRENCY)).await?;
    let path = format!("/api/v1/workflows/{workflow}/execute?wait=60");
    // Once with few items, so that what is made once is there before memory is read.
    client.json("POST", &path, Some(&json!({ "input": { "items": [1, 2, 3] } }))).await?;
    tokio::time::sleep(SETTLE).await;
    let before = server.memory_kib("VmRSS")?;
    server.reset_peak_memory()?;
    let items: Vec<u32> = (0..ITEMS).collect();
    let body = json!({ "input": { "items": items } });
    let mut seconds = Vec::new();
    let mut peak = 0.0;
    for run in 0..RUNS {
        let begun = Instant::now();
        let result: Value = client.json("POST", &path, Some(&body)).await?;
        seconds.push(begun.elapsed().as_secs_f64());
        ensure!(result["status"] == "completed", "the map did not complete in time: {}", result["status"]);
        if run == 0 {
            peak = server.memory_kib("VmHWM")?;
        }
    }
    tokio::time::sleep(SETTLE).await;
    let after = server.memory_kib("VmRSS")?;
    seconds.sort_by(f64::total_cmp);
    let per_item = |kib: f64| kib / f64::from(ITEMS);
    let mut section = report.section("W3", Some(home.store));
    section.judge("10,000 items, start to result, median of 5", seconds[RUNS / 2], "s", Target::AtMost(1.0));
    section.add("10,000 items, start to result, fastest of 5", seconds[0], "s");
    section.judge("memory at its highest, per item", per_item(peak - before), "KiB", Target::AtMost(4.0));
    section.add("memory kept after 5 runs, per item of one", per_item(after - before), "KiB");
    Ok(())
}
