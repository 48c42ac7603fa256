//! W2: one client that waits for the result of 1 step and of 10 steps.

use std::time::Instant;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::documents;
use crate::fsync::Disk;
use crate::report::{Report, Target};
use crate::samples::Samples;
use crate::store::Home;

/// Runs that are measured.
const RUNS: usize = 300;

/// Runs before.
const WARM_UP: usize = 30;

/// What is allowed beside the fsyncs, in milliseconds.
const BESIDE: f64 = 2.0;

pub(crate) async fn run(home: &Home, disk: &mut Disk, report: &mut Report) -> anyhow::Result<()> {
    let server = home.serve("").await?;
    let mut client = server.client().await?;
    for steps in [1, 10] {
        let workflow = client.publish(&documents::steps(steps)).await?;
        let path = format!("/api/v1/workflows/{workflow}/execute?wait=30");
        let request = client.request("POST", &path, Some(&json!({})));
        let mut samples = Samples::default();
        for run in 0..WARM_UP + RUNS {
            let begun = Instant::now();
            let answer = client.send(&request).await?;
            let took = begun.elapsed();
            let result: Value = answer.json()?;
            ensure!(result["status"] == "completed", "an execution of W2 did not complete: {result}");
            if run >= WARM_UP {
                samples.add(took);
            }
        }
        disk.try_again()?;
        let p50 = samples.percentile_ms(0.5);
        let fsyncs = (steps + 1) as f64 * disk.percentile_ms(0.5);
        let mut section = report.section("W2", Some(home.store));
        let name = |what: &str| format!("{steps} steps: {what}");
        section.judge(name("result P50"), p50, "ms", Target::AtMost(fsyncs + BESIDE));
        section.add(name("result P95"), samples.percentile_ms(0.95), "ms");
        section.add(name("result P99"), samples.percentile_ms(0.99), "ms");
        section.add(name("(steps + 1) fsyncs at their P50"), fsyncs, "ms");
        section.judge(name("beside the fsyncs"), p50 - fsyncs, "ms", Target::AtMost(BESIDE));
    }
    Ok(())
}
