//! The measured binary as a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::client::Client;

/// A running `weir serve`. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to the line that says where it listens.
    pub(crate) ready_after: Duration,
    /// When that line came.
    pub(crate) ready_at: Instant,
}

impl Server {
    pub(crate) async fn start(weir: &Path, data: &Path, database_url: &str, allow: &str) -> anyhow::Result<Self> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(data.join("server.log"))?;
        let begun = Instant::now();
        let mut process = Command::new(weir)
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(data)
            .current_dir(data)
            .env("WEIR_DATABASE_URL", database_url)
            .env("WEIR_HTTP_ALLOW", allow)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", weir.display()))?;
        let output = process.stdout.take().context("its output is piped")?;
        let mut lines = BufReader::new(output).lines();
        let address = loop {
            let Some(line) = lines.next_line().await? else {
                let log = std::fs::read_to_string(data.join("server.log"))?;
                bail!("the server ended before it was ready:\n{log}");
            };
            if let Some((_, address)) = line.split_once("http://") {
                break address.trim().parse().with_context(|| format!("no address in {line:?}"))?;
            }
        };
        let (ready_after, ready_at) = (begun.elapsed(), Instant::now());
        // Read to its end, so that the server never writes into a closed pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { process, address, ready_after, ready_at })
    }

    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        Client::connect(self.address).await
    }

    /// `kill -9`.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.process.kill().await?)
    }

    /// Memory of the process in KiB: `VmRSS` now, `VmHWM` at its highest.
    pub(crate) fn memory_kib(&self, what: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(self.proc("status")?)?;
        let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
        let number = line.and_then(|rest| rest.split_whitespace().next()).with_context(|| format!("no {what}"))?;
        Ok(number.parse()?)
    }

    /// Lets `VmHWM` begin anew.
    pub(crate) fn reset_peak_memory(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(self.proc("clear_refs")?, "5")?)
    }

    /// Processor time it has used so far.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        let schedstat = std::fs::read_dir(self.proc("task")?)?;
        let mut nanos = 0_u64;
        for task in schedstat {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += text.split_whitespace().next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let id = self.process.id().context("the server ended")?;
        Ok(format!("/proc/{id}/{file}"))
    }
}
