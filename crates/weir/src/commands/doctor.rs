//! `weir doctor`: checks what Weir needs, and says what to do about what is missing.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::net::TcpListener;
use weir_base::ExecutionId;
use weir_db::{Db, Error as DbError};
use weir_objects::Objects;

use super::Context;
use crate::client::holder;
use crate::config::Config;
use crate::failure::Exit;
use crate::{boot, output};

/// Less free space than this is worth a warning, and less than a tenth of it is a failure; in bytes.
const ENOUGH_SPACE: u64 = 1024 * 1024 * 1024;

/// Flushes in a second below which durable work is slow.
const ENOUGH_FLUSHES: u32 = 100;

/// How long flushes are counted.
const FLUSHING: Duration = Duration::from_millis(250);

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// A check with what it found and what to do.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Check {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, found: found.into(), advice: None }
    }

    fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, advice: Some(advice.into()), ..Self::ok(check, found) }
    }

    fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, advice: Some(advice.into()), ..Self::ok(check, found) }
    }
}

pub(crate) async fn run(context: &Context) -> anyhow::Result<Exit> {
    let config = &context.loaded.config;
    let (folder, writable) = data_dir(config);
    let mut checks = vec![writable];
    if checks[0].verdict == Verdict::Ok {
        checks.push(space(&folder));
        checks.push(flushes(&folder));
    }
    checks.push(database(config).await);
    checks.push(objects(config).await);
    checks.push(port(config).await);

    if context.json {
        output::json(&checks);
    } else {
        for Check { check, verdict, found, advice } in &checks {
            let verdict = match verdict {
                Verdict::Ok => "ok  ",
                Verdict::Warn => "warn",
                Verdict::Fail => "FAIL",
            };
            output::line(&format!("{verdict}  {check}: {found}"));
            if let Some(advice) = advice {
                output::line(&format!("      {advice}"));
            }
        }
    }
    let fails = checks.iter().any(|check| check.verdict == Verdict::Fail);
    Ok(if fails { Exit::Failed } else { Exit::Done })
}

/// Whether the data directory can be written to, or made; the folder that was tried.
fn data_dir(config: &Config) -> (PathBuf, Check) {
    const CHECK: &str = "data directory";
    let wanted = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    let there = wanted.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/")).to_path_buf();
    let check = match tempfile::tempfile_in(&there) {
        Ok(_) if there == wanted => Check::ok(CHECK, wanted.display().to_string()),
        Ok(_) => Check::ok(CHECK, format!("{} (made when it is needed)", wanted.display())),
        Err(error) => Check::fail(
            CHECK,
            format!("cannot write to {}: {error}", there.display()),
            "give this user the right to write there, or choose another folder with --data-dir or WEIR_DATA_DIR",
        ),
    };
    (there, check)
}

fn space(folder: &Path) -> Check {
    const CHECK: &str = "disk space";
    match rustix::fs::statvfs(folder) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let told = format!("{:.1} GiB free", free as f64 / f64::from(1 << 30));
            let advice = "free some space, or move the data directory: a full disk stops every execution";
            match free {
                free if free < ENOUGH_SPACE / 10 => Check::fail(CHECK, told, advice),
                free if free < ENOUGH_SPACE => Check::warn(CHECK, told, advice),
                _ => Check::ok(CHECK, told),
            }
        }
        Err(error) => Check::warn(CHECK, format!("unknown: {error}"), "look at it yourself"),
    }
}

/// Counts how often a second the disk takes a small write for good: that bounds how fast durable work can be.
fn flushes(folder: &Path) -> Check {
    const CHECK: &str = "disk flushes";
    let count = || -> std::io::Result<u32> {
        let mut file = tempfile::tempfile_in(folder)?;
        let (begin, mut count) = (Instant::now(), 0);
        while begin.elapsed() < FLUSHING {
            file.write_all(&[0; 512])?;
            file.sync_data()?;
            count += 1;
        }
        Ok((f64::from(count) / begin.elapsed().as_secs_f64()) as u32)
    };
    match count() {
        Ok(rate) if rate < ENOUGH_FLUSHES => Check::warn(
            CHECK,
            format!("{rate} a second"),
            "the disk is slow to make writes durable: put the data directory on a local SSD",
        ),
        Ok(rate) => Check::ok(CHECK, format!("{rate} a second")),
        Err(error) => Check::fail(CHECK, error.to_string(), "the disk does not make writes durable: check it"),
    }
}

async fn database(config: &Config) -> Check {
    const CHECK: &str = "database";
    if let Some(path) = boot::sqlite_path(config).filter(|path| !path.exists()) {
        return Check::ok(CHECK, format!("{} (made when it is needed)", path.display()));
    }
    let db = match Db::connect(&config.database_url).await {
        Ok(db) => db,
        Err(DbError::InUse { .. }) => {
            return match holder(config, None).await {
                Ok(Some(_)) => Check::ok(CHECK, "in use by a weir that answers"),
                _ => Check::warn(
                    CHECK,
                    "in use by another process that does not answer",
                    "if no weir is running, find who has the file open (fuser, lsof) and end it",
                ),
            };
        }
        Err(error) => return Check::fail(CHECK, error.to_string(), "check database_url, and that the server is up"),
    };
    let check = match boot::pending(&db).await {
        Ok(pending) => {
            let kind = if db.sqlite().is_some() { "SQLite" } else { "PostgreSQL" };
            match pending.iter().map(|(_, migrations)| migrations.len()).sum::<usize>() {
                0 => Check::ok(CHECK, format!("{kind}, tables up to date")),
                count => Check::warn(
                    CHECK,
                    format!("{kind}, {count} migrations pending"),
                    "`weir migrate` or the next `weir serve` applies them; a SQLite database is copied first",
                ),
            }
        }
        Err(error) => Check::fail(CHECK, format!("{error:#}"), "use the weir that made these tables, or a newer one"),
    };
    db.close().await;
    check
}

async fn objects(config: &Config) -> Check {
    const CHECK: &str = "object storage";
    let folder = config.objects_url.strip_prefix("file:").map(|path| path.strip_prefix("//").unwrap_or(path));
    if let Some(folder) = folder.filter(|folder| !Path::new(folder).exists()) {
        return Check::ok(CHECK, format!("{folder} (made when it is needed)"));
    }
    let content = ExecutionId::new().to_string();
    let key = format!("doctor/{content}");
    let tried = async {
        let objects = Objects::connect(&config.objects_url)?;
        objects.put(&key, content.clone().into()).await?;
        let read = objects.get(&key, 1024).await;
        objects.delete(&key).await?;
        read
    };
    match tried.await {
        Ok(read) if read == content.as_bytes() => Check::ok(CHECK, "written, read and deleted"),
        Ok(_) => Check::fail(CHECK, "what was read is not what was written", "do not use this storage"),
        Err(error) => Check::fail(CHECK, error.to_string(), "check objects_url, and the AWS_* variables for s3:"),
    }
}

async fn port(config: &Config) -> Check {
    const CHECK: &str = "port";
    let address = format!("{}:{}", config.host, config.port);
    match TcpListener::bind((config.host.as_str(), config.port)).await {
        Ok(_) => Check::ok(CHECK, format!("{address} is free")),
        Err(error) if matches!(holder(config, None).await, Ok(Some(_))) => {
            Check::ok(CHECK, format!("{address}: {error}; a weir is running on this data directory"))
        }
        Err(error) => Check::warn(CHECK, format!("{address}: {error}"), "choose another with --port or PORT"),
    }
}
