//! A server process that ends with the test process, however that ends.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Below the ports the system hands out by itself: a client that tries again and again while the server is stopped
/// would otherwise be given that very port and connect to itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A cold start with fsync on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// In order: connections are closed and everything is written.
    Fast,
    /// As in a crash: nothing more is written; the next start recovers from what there is.
    Crash,
}

/// A folder, a server that works in it, and the shell that watches over both: it ends the server and removes the
/// folder when this process is gone.
#[derive(Debug)]
pub(crate) struct Process {
    folder: PathBuf,
    watcher: Child,
    /// Taken away when the watcher shall end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// The server's, while it runs.
    id: Option<u32>,
}

impl Process {
    /// A watcher for a server that is not started yet. `last_signal` ends it in the end, without regard for its data.
    pub(crate) fn new(folder: PathBuf, last_signal: &str, command: impl IntoIterator<Item = OsString>) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", include_str!("serve.sh"), "serve.sh"]).arg(&folder).arg(last_signal).args(command);
        // Whoever captures the output of the tests must not wait for the watcher; and an interrupt from the keyboard
        // is for the tests: the watcher has to outlive them.
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut watcher = shell.spawn().unwrap_or_else(|error| panic!("cannot run a shell: {error}"));
        let orders = watcher.stdin.take();
        let answers = BufReader::new(watcher.stdout.take().expect("it was asked for"));
        Self { folder, watcher, orders, answers, id: None }
    }

    /// What the server works in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts the server and reads what it writes until `look` finds in it what was waited for.
    pub(crate) fn start<T>(&mut self, look: impl Fn(&str) -> Option<T>) -> T {
        assert!(self.id.is_none(), "the server runs already");
        let id = self.order("start").parse().expect("the answer is the server's process id");
        self.id = Some(id);
        let begun = Instant::now();
        loop {
            // Asked before the log is read: what a server said before it ended is in there then.
            let ended = is_zombie(id);
            let log = self.log();
            if let Some(found) = look(&log) {
                return found;
            }
            assert!(!ended, "the server ended at its start:\n{log}");
            assert!(begun.elapsed() < PATIENCE, "the server did not start within {PATIENCE:?}:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the server with a signal; answers when it is gone.
    pub(crate) fn stop(&mut self, signal: &str) {
        assert!(self.id.take().is_some(), "the server is stopped already");
        assert_eq!(self.order(signal), "stopped");
    }

    /// What the server has written since its last start.
    pub(crate) fn log(&self) -> String {
        std::fs::read(self.folder.join("server.log"))
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    fn order(&mut self, order: &str) -> String {
        writeln!(self.orders.as_ref().expect("only `drop` takes it away"), "{order}").expect("the watcher listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the watcher answers");
        answer.trim_end().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.orders.take());
        // A test that ends is not failed by a server that ended before it.
        let _ = self.watcher.wait();
    }
}

/// Whether the process has ended; its parent, the watcher, has not asked for it yet. False where there is no /proc.
fn is_zombie(id: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

/// A folder for a server that runs as this process does. Its watcher removes it, so that even a killed test leaves
/// none behind.
pub(crate) fn folder(server: &str) -> PathBuf {
    let prefix = format!("weir-{server}-");
    tempfile::Builder::new().prefix(&prefix).tempdir().expect("a temporary folder").keep()
}

/// A folder for a server that runs as [`unprivileged`].
pub(crate) fn unprivileged_folder(server: &str) -> PathBuf {
    let folder = folder(server);
    if is_root() {
        std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY)).expect("root may give a folder away");
    }
    folder
}

/// The user who owns nothing, by the number it has everywhere.
const NOBODY: u32 = 65_534;

/// The command, run as nobody if we are root: database servers refuse to run as root.
pub(crate) fn unprivileged(command: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let before: &[&str] =
        if is_root() { &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"] } else { &[] };
    before.iter().map(OsString::from).chain(command).collect()
}

fn is_root() -> bool {
    // The owner of our own entry in /proc is who we are; anywhere without /proc we are taken to be nobody special.
    std::fs::metadata("/proc/self").is_ok_and(|entry| std::os::unix::fs::MetadataExt::uid(&entry) == 0)
}

/// The path of a program: on the `PATH`, or where Debian keeps what only root is expected to call.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A port nobody listens on. Processes begin to look at different places, so that they rarely meet.
pub(crate) fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let places = u32::from(PORTS.end - PORTS.start);
    for _ in 0..places {
        let turn = TAKEN.fetch_add(1, Ordering::Relaxed);
        let place = (std::process::id().wrapping_mul(97).wrapping_add(turn)) % places;
        let port = PORTS.start + u16::try_from(place).expect("the range is one of ports");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port between {} and {} is free", PORTS.start, PORTS.end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OidcProvider, SmtpOptions, SmtpServer, TestMariaDb, TestPostgres, TestRedis};

    const SERVERS: usize = 5;

    /// Tells this test that it is the process to be killed.
    const OWNER: &str = "WEIR_TESTKIT_OWNER";

    fn own_one_server_of_each_kind() {
        let (redis, mariadb, oidc) = (TestRedis::own(), TestMariaDb::shared(), OidcProvider::start());
        let (postgres, smtp) = (TestPostgres::own(), SmtpServer::start(SmtpOptions::default()));
        let postgres = postgres.own.as_ref().expect("it is our own");
        for process in [&redis.process, &mariadb.process, &oidc._process, &smtp.process, postgres] {
            println!("server {} {}", process.id.expect("it runs"), process.folder.display());
        }
        // If the one who shall kill this process dies first, the pipe ends.
        std::io::stdin().read_line(&mut String::new()).expect("a pipe");
        panic!("this process was to be killed");
    }

    #[test]
    fn servers_end_with_a_killed_test() {
        if std::env::var_os(OWNER).is_some() {
            own_one_server_of_each_kind();
        }
        let mut owner = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process::tests::servers_end_with_a_killed_test", "--nocapture"])
            .env(OWNER, "")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(owner.stdout.take().unwrap());
        let lines = output.lines().map(Result::unwrap);
        let servers: Vec<(u32, PathBuf)> = lines
            .filter_map(|line| {
                let (id, folder) = line.strip_prefix("server ")?.split_once(' ')?;
                Some((id.parse().unwrap(), folder.into()))
            })
            .take(SERVERS)
            .collect();
        assert_eq!(servers.len(), SERVERS);
        assert!(servers.iter().all(|(_, folder)| folder.is_dir()));
        owner.kill().unwrap();
        owner.wait().unwrap();
        let begun = Instant::now();
        for (id, folder) in servers {
            while Path::new(&format!("/proc/{id}")).exists() || folder.exists() {
                assert!(begun.elapsed() < PATIENCE, "process {id} or {} outlives its owner", folder.display());
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
