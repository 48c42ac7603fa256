//! The measured binary as a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::client::Client;

/// The first admin, whom W6 signs in as.
pub(crate) const ADMIN: (&str, &str) = ("bench@weir.example", "measured-not-guessed-7");

/// Requests are counted, but never too many.
const UNLIMITED: &str = "4000000000";

/// How the server lets whoever may read its files do everything.
#[derive(Debug, Deserialize)]
struct Running {
    key: String,
}

/// A running `weir serve`, or a server it is compared with. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    /// Lets its clients do everything.
    key: String,
    /// From the start of the process to the line that says where it listens.
    pub(crate) ready_after: Duration,
    /// When that line came.
    pub(crate) ready_at: Instant,
}

impl Server {
    /// `allow` are the addresses that `http_request` nodes may reach.
    pub(crate) async fn start(weir: &Path, data: &Path, database_url: &str, allow: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(weir);
        command.args(["serve", "--port", "0", "--data-dir"]).arg(data).current_dir(data);
        command.env("WEIR_DATABASE_URL", database_url).env("WEIR_HTTP_ALLOW", allow);
        command.env("WEIR_ADMIN_EMAIL", ADMIN.0).env("WEIR_ADMIN_PASSWORD", ADMIN.1);
        for limit in ["USER", "ADDRESS", "LOGINS"] {
            command.env(format!("WEIR_LIMITS_{limit}_PER_MINUTE"), UNLIMITED);
        }
        let mut server = Self::spawn(command, data).await?;
        let beside = match database_url.strip_prefix("sqlite:") {
            Some(file) => PathBuf::from(format!("{file}.address")),
            None => data.join("server.address"),
        };
        let text = std::fs::read(&beside).with_context(|| format!("cannot read {}", beside.display()))?;
        let Running { key } = serde_json::from_slice(&text)?;
        server.key = key;
        Ok(server)
    }

    /// The server that does nothing but say hello.
    pub(crate) async fn hello(folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("hello");
        Self::spawn(command, folder).await
    }

    /// The reference server of y-websocket.
    pub(crate) async fn y_websocket(folder: &Path) -> anyhow::Result<Self> {
        Self::spawn(weir_testkit::node(include_str!("../peers/y_websocket.mjs")).into(), folder).await
    }

    async fn spawn(mut command: Command, folder: &Path) -> anyhow::Result<Self> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("server.log"))?;
        let begun = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut process = command.spawn().with_context(|| format!("cannot run {:?}", command.as_std()))?;
        let output = process.stdout.take().context("its output is piped")?;
        let mut lines = BufReader::new(output).lines();
        let address = loop {
            let Some(line) = lines.next_line().await? else {
                let log = std::fs::read_to_string(folder.join("server.log"))?;
                bail!("the server ended before it was ready:\n{log}");
            };
            if let Some((_, address)) = line.split_once("ready at http://") {
                break address.trim().parse().with_context(|| format!("no address in {line:?}"))?;
            }
        };
        let (ready_after, ready_at) = (begun.elapsed(), Instant::now());
        // Read to its end, so that the server never writes into a closed pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { process, address, key: String::new(), ready_after, ready_at })
    }

    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        Client::connect(self.address, &self.key).await
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
