//! A PostgreSQL server of the tests' own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::NoTls;

use crate::process::{Process, Stop, free_port, unprivileged, unprivileged_folder};

/// Names a server that is there already; every test makes a database of its own in it.
const VARIABLE: &str = "WEIR_TEST_POSTGRES_URL";

/// A PostgreSQL server.
#[derive(Debug)]
pub struct TestPostgres {
    /// Up to the name of the database.
    address: String,
    /// Nothing when the server is somebody else's.
    pub(crate) own: Option<Process>,
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
        loop {
            let folder = unprivileged_folder("postgres");
            initialise(&binaries, &folder);
            let port = free_port();
            let mut process = Process::new(folder.clone(), "QUIT", serve(&binaries, &folder, port));
            // Between the look for a free port and the start, another test process may take it.
            if try_start(&mut process) {
                return Self { address: format!("postgres://postgres@127.0.0.1:{port}"), own: Some(process) };
            }
        }
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
        self.mine().stop(match how {
            Stop::Fast => "INT",
            Stop::Crash => "QUIT",
        });
    }

    /// Starts the server again, on the same port; answers when it takes connections.
    ///
    /// # Panics
    /// If it is not this process' own, or does not start.
    pub fn start(&mut self) {
        assert!(try_start(self.mine()), "another process took the port of the server");
    }

    const fn mine(&mut self) -> &mut Process {
        self.own.as_mut().expect("the server was started by this process")
    }

    fn url(&self, database: &str) -> String {
        match self.address.split_once('?') {
            Some((address, options)) => format!("{address}/{database}?{options}"),
            None => format!("{}/{database}", self.address),
        }
    }
}

/// The command that runs the server.
fn serve(binaries: &Path, folder: &Path, port: u16) -> Vec<std::ffi::OsString> {
    let mut command = vec![binaries.join("postgres").into(), "-D".into(), folder.join("data").into()];
    for setting in [
        format!("port={port}"),
        format!("unix_socket_directories={}", folder.display()),
        "listen_addresses=127.0.0.1".to_owned(),
        "max_connections=400".to_owned(),
        "shared_buffers=64MB".to_owned(),
    ] {
        command.extend(["-c".into(), setting.into()]);
    }
    unprivileged(command)
}

/// False if the port is taken.
fn try_start(process: &mut Process) -> bool {
    process.start(|log| {
        let ready = log.contains("database system is ready to accept connections");
        (ready || log.contains("could not create any TCP/IP sockets")).then_some(ready)
    })
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

fn initialise(binaries: &Path, folder: &Path) {
    let mut command = vec![binaries.join("initdb").into()];
    for argument in ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D"] {
        command.push(argument.into());
    }
    command.push(folder.join("data").into());
    let command = unprivileged(command);
    let output = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("cannot run initdb: {error}"));
    assert!(output.status.success(), "initdb failed:\n{}", String::from_utf8_lossy(&output.stderr));
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
        let folder = server.own.as_ref().unwrap().folder().to_owned();
        server.stop(Stop::Crash);
        assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
        server.start();
        assert!(tokio_postgres::connect(&url, NoTls).await.is_ok());
        drop(server);
        assert!(!folder.exists());
    }
}
