//! How many files and connections this process, and those it starts, may have open.

use anyhow::{Context as _, ensure};
use rustix::process::{Resource, getrlimit, setrlimit};

/// What a server has open besides its connections: databases, logs, pools.
const OTHERS: usize = 200;

/// Sees to it that so many connections can be open in one process.
pub(crate) fn allow(connections: usize) -> anyhow::Result<()> {
    let needed = u64::try_from(connections + OTHERS)?;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let highest = limit.maximum.unwrap_or(needed);
    ensure!(
        highest >= needed,
        "{connections} connections need {needed} open files a process, and this machine allows {highest}: raise the \
         hard limit (`ulimit -Hn`) or measure with fewer --connections"
    );
    limit.current = Some(highest);
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit of open files")
}
