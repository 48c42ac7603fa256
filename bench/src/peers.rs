//! Peers under the same load on the same machine, as far as they can be had.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::process::Command;
use weir_testkit::TestPostgres;

use crate::report::Report;

const FOLDER: &str = "target/bench/peers";

const DBOS: &str = "bench/peers/dbos_peer.py";

/// Measures what can be had; a peer that cannot is noted and fails nothing.
pub(crate) async fn run(report: &mut Report) {
    match dbos().await {
        Ok(figures) => {
            let mut section = report.section("W1", None);
            let figure = |name: &str| figures[name].as_f64().unwrap_or_default();
            section.add("DBOS for Python: executions completed", figure("per_second"), "1/s");
            section.add("DBOS for Python: result P50", figure("p50_ms"), "ms");
            let (version, callers) = (figures["version"].as_str().unwrap_or_default(), &figures["callers"]);
            report.note(format!(
                "DBOS {version}: {callers} threads (the best of 4, 16 and 64) in its own process, without HTTP, on \
                 PostgreSQL with fsync"
            ));
        }
        Err(error) => report.note(format!("DBOS was not measured: {error:#}")),
    }
}

/// Runs the script in an environment of its own; the last line it prints are its figures.
async fn dbos() -> anyhow::Result<Value> {
    let python = Path::new(FOLDER).join("bin/python");
    if !python.exists() {
        succeed(Command::new("python3").args(["-m", "venv", FOLDER])).await?;
    }
    succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", "dbos"])).await?;
    let database = TestPostgres::shared().fresh_database().await;
    let printed = succeed(Command::new(&python).arg(DBOS).arg(database)).await?;
    let line = printed.lines().rfind(|line| line.starts_with('{')).context("it printed no figures")?;
    Ok(serde_json::from_str(line)?)
}

async fn succeed(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().await.context("cannot run python3")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", said.lines().last().unwrap_or("it failed and said nothing"));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
