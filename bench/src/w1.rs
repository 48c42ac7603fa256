//! W1: executions of three recorded steps, started over HTTP by 64 clients, each with its next as soon as the last was
//! accepted. Counted is what completed.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use crate::client::Client;
use crate::fsync::Disk;
use crate::report::{Report, Target};
use crate::store::Home;
use crate::{ceiling, documents, load};

const STEPS: usize = 3;

/// How often it is asked whether all have completed.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// Load before the measured time, so that caches and connections are there.
const WARM_UP: Duration = Duration::from_secs(1);

pub(crate) async fn run(home: &Home, disk: &mut Disk, time: Duration, report: &mut Report) -> anyhow::Result<()> {
    let ceiling = ceiling::measure(&home.second_database().await, time.min(Duration::from_secs(5))).await?;
    let server = home.serve("").await?;
    let mut client = server.client().await?;
    let workflow = client.publish(&documents::steps(STEPS)).await?;
    let request = client.request("POST", &format!("/api/v1/workflows/{workflow}/execute"), Some(&json!({})));
    load::put(client.address(), request.clone(), WARM_UP).await?;
    drained(&mut client).await?;

    let (begun, cpu) = (Instant::now(), server.cpu_time()?);
    let mut accepted = load::put(client.address(), request, time).await?;
    let accepted_in = begun.elapsed();
    // The server closes a connection that was idle for long.
    let mut client = server.client().await?;
    drained(&mut client).await?;
    let took = begun.elapsed();
    let cpu = server.cpu_time()? - cpu;
    ensure!(!client.any("failed,cancelled,timeout").await?, "an execution of W1 did not complete");

    disk.try_again()?;
    let count = accepted.count() as f64;
    let rate = count / took.as_secs_f64();
    let mut section = report.section("W1", Some(home.store));
    section.add("group-commit ceiling: executions recorded", ceiling.executions_per_second, "1/s");
    // PostgreSQL's are not counted.
    if ceiling.commits_per_second > 0.0 {
        section.add("group-commit ceiling: commits", ceiling.commits_per_second, "1/s");
    }
    section.add("executions accepted (202)", count / accepted_in.as_secs_f64(), "1/s");
    section.add("executions completed", rate, "1/s");
    section.judge("ratio to the ceiling", rate / ceiling.executions_per_second, "", Target::AtLeast(0.5));
    section.add("executions per fsync of the disk", rate / disk.fsyncs_per_second(), "");
    section.add("202 P50", accepted.percentile_ms(0.5), "ms");
    section.add("202 P99", accepted.percentile_ms(0.99), "ms");
    section.add("server's processor time per execution", cpu.as_secs_f64() * 1e6 / count, "us");
    section.add("server's processor time of the cores", cpu.as_secs_f64() / took.as_secs_f64(), "cores");
    Ok(())
}

/// Waits until nothing runs any more.
pub(crate) async fn drained(client: &mut Client) -> anyhow::Result<()> {
    while client.any("pending,running,waiting").await? {
        tokio::time::sleep(ASK_EVERY).await;
    }
    Ok(())
}
