//! A PostgreSQL server of the tests' own.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

/// Names a server that is there already; every test makes a database of its own in it.
const VARIABLE: &str = "WEIR_TEST_POSTGRES_URL";

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
    /// As in a crash: the next start recovers from the log.
    Crash,
}

/// A PostgreSQL server.
#[derive(Debug)]
pub struct TestPostgres {
    /// Up to the name of the database.
    address: String,
    /// Nothing when the server is somebody else's.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
    /// The shell that watches over the server, while it runs.
    watcher: Option<(Child, ChildStdin)>,
}

impl TestPostgres {
    /// The server all tests of this process share: the one `WEIR_TEST_POSTGRES_URL` names, or one that is started
    /// now and stopped when the process ends.
    ///
    /// # Panics
    /// If there is no PostgreSQL on this machine, or it does not start.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestPostgres> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var(VARIABLE) {
            Ok(url) => Self { address: without_database(&url), own: None },
            Err(_) => Self::own(),
        })
    }

    /// A server that one test may stop and start.
    ///
    /// # Panics
    /// If there is no PostgreSQL on this machine, or it does not start.
    pub fn own() -> Self {
        let binaries = find_binaries();
        let folder = make_folder();
        initialise(&binaries, &folder);
        let mut own = Own { binaries, folder, port: free_port(), watcher: None };
        // Between the look for a free port and the start, another test process may take it.
        while !own.start() {
            own.stop(Stop::Crash);
            own.port = free_port();
        }
        Self { address: format!("postgres://postgres@127.0.0.1:{}", own.port), own: Some(own) }
    }

    /// Makes an empty database and answers its URL.
    ///
    /// # Panics
    /// If the server does not answer.
    pub async fn fresh_database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let name = format!("weir_test_{process}_{count}");
        let (client, connection) = tokio_postgres::connect(&self.url("postgres"), NoTls)
            .await
            .unwrap_or_else(|error| panic!("cannot connect to the PostgreSQL of the tests: {error}"));
        let driver = tokio::spawn(connection);
        // A server that is not ours may hold what an earlier run with this process id left.
        for sql in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
            client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        drop(client);
        // The answers are in; how the connection ended does not matter.
        let _ = driver.await;
        self.url(&name)
    }

    /// Stops the server; its data stays.
    ///
    /// # Panics
    /// If it is not this process' own, or not running.
    pub fn stop(&mut self, how: Stop) {
        self.mine().stop(how);
    }

    /// Starts the server again, on the same port; answers when it takes connections.
    ///
    /// # Panics
    /// If it is not this process' own, or does not start.
    pub fn start(&mut self) {
        assert!(self.mine().start(), "another process took the port of the server");
    }

    const fn mine(&mut self) -> &mut Own {
        self.own.as_mut().expect("the server was started by this process")
    }

    fn url(&self, database: &str) -> String {
        match self.address.split_once('?') {
            Some((address, options)) => format!("{address}/{database}?{options}"),
            None => format!("{}/{database}", self.address),
        }
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        if let Some((mut watcher, pipe)) = self.own.as_mut().and_then(|own| own.watcher.take()) {
            drop(pipe);
            // A test that ends is not failed by a server that ended before it.
            let _ = watcher.wait();
        }
    }
}

impl Own {
    /// Starts the server; false if its port is taken.
    fn start(&mut self) -> bool {
        assert!(self.watcher.is_none(), "the server runs already");
        let mut command = Command::new("sh");
        command.args(["-c", include_str!("serve_postgres.sh"), "serve_postgres.sh"]).arg(&self.folder);
        command.args(unprivileged()).arg(self.binaries.join("postgres")).arg("-D").arg(self.folder.join("data"));
        for setting in [
            format!("port={}", self.port),
            format!("unix_socket_directories={}", self.folder.display()),
            "listen_addresses=127.0.0.1".to_owned(),
            "max_connections=400".to_owned(),
            "shared_buffers=64MB".to_owned(),
        ] {
            command.arg("-c").arg(setting);
        }
        // Whoever captures the output of the tests must not wait for the watcher.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut watcher = command.spawn().unwrap_or_else(|error| panic!("cannot run a shell: {error}"));
        let pipe = watcher.stdin.take().expect("it was asked for");
        self.watcher = Some((watcher, pipe));
        self.wait_until_ready()
    }

    fn wait_until_ready(&self) -> bool {
        let begun = Instant::now();
        loop {
            // Asked through the socket in our folder: on the port, somebody else's server could answer.
            let asked = Command::new(self.binaries.join("pg_isready"))
                .args(["-q", "-p", &self.port.to_string(), "-h"])
                .arg(&self.folder)
                .status()
                .unwrap_or_else(|error| panic!("cannot run pg_isready: {error}"));
            if asked.success() {
                return true;
            }
            let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
            if log.contains("could not create any TCP/IP sockets") {
                return false;
            }
            assert!(!log.contains("FATAL") || log.contains("starting up"), "PostgreSQL ended at its start:\n{log}");
            assert!(begun.elapsed() < PATIENCE, "PostgreSQL did not start within {PATIENCE:?}:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self, how: Stop) {
        let (mut watcher, mut pipe) = self.watcher.take().expect("the server runs");
        let signal = match how {
            Stop::Fast => "INT",
            Stop::Crash => "QUIT",
        };
        writeln!(pipe, "{signal}").expect("the watcher listens");
        watcher.wait().expect("the watcher is our child");
    }
}

/// The folder with `initdb` and `postgres`, the newest if Debian has several.
fn find_binaries() -> PathBuf {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    let version = |folder: &PathBuf| folder.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    folders.sort_by_key(version);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = folders.into_iter().rev().chain(std::env::split_paths(&path));
    candidates.find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file()).unwrap_or_else(
        || {
            panic!(
                "these tests need PostgreSQL: install it (Debian: apt-get install postgresql), put initdb and postgres \
             on the PATH, or set {VARIABLE} to the URL of a server where databases may be created"
            )
        },
    )
}

/// What to put before a command so that it does not run as root, which PostgreSQL refuses.
fn unprivileged() -> &'static [&'static str] {
    if is_root() { &["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] } else { &[] }
}

fn is_root() -> bool {
    // The owner of our own entry in /proc is who we are; anywhere without /proc we are taken to be nobody special.
    std::fs::metadata("/proc/self").is_ok_and(|entry| std::os::unix::fs::MetadataExt::uid(&entry) == 0)
}

/// A folder the server may write to. The watcher removes it, so that even a killed test leaves none behind.
fn make_folder() -> PathBuf {
    let folder = tempfile::Builder::new().prefix("weir-postgres-").tempdir().expect("a temporary folder").keep();
    if is_root() {
        let given = Command::new("chown").arg("postgres:postgres").arg(&folder).status();
        assert!(
            given.is_ok_and(|status| status.success()),
            "PostgreSQL does not run as root, and there is no user postgres to run it as: add one, run the tests as \
             another user, or set {VARIABLE}"
        );
    }
    folder
}

fn initialise(binaries: &Path, folder: &Path) {
    let mut words = unprivileged().iter();
    let mut command = match words.next() {
        Some(first) => Command::new(first),
        None => Command::new(binaries.join("initdb")),
    };
    if is_root() {
        command.args(words).arg(binaries.join("initdb"));
    }
    command.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D"]);
    let output = command
        .arg(folder.join("data"))
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("cannot run initdb: {error}"));
    assert!(output.status.success(), "initdb failed:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// A port nobody listens on. Processes begin to look at different places, so that they rarely meet.
fn free_port() -> u16 {
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

/// The URL up to the name of the database, with its options.
fn without_database(url: &str) -> String {
    let (address, options) = url.split_once('?').map_or((url, None), |(address, options)| (address, Some(options)));
    let server = address.find("://").map_or(0, |at| at + 3);
    let end = address[server..].find('/').map_or(address.len(), |at| server + at);
    match options {
        Some(options) => format!("{}?{options}", &address[..end]),
        None => address[..end].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_cut_out_of_a_url() {
        assert_eq!(without_database("postgres://weir@db:5432/weir"), "postgres://weir@db:5432");
        assert_eq!(without_database("postgres://weir@db?sslmode=disable"), "postgres://weir@db?sslmode=disable");
        assert_eq!(without_database("postgres://weir@db/weir?a=b"), "postgres://weir@db?a=b");
    }

    #[tokio::test]
    async fn a_server_keeps_its_data_over_a_crash_and_leaves_no_folder() {
        let mut server = TestPostgres::own();
        let url = server.fresh_database().await;
        let folder = server.own.as_ref().unwrap().folder.clone();
        server.stop(Stop::Crash);
        assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
        server.start();
        assert!(tokio_postgres::connect(&url, NoTls).await.is_ok());
        drop(server);
        assert!(!folder.exists());
    }
}
