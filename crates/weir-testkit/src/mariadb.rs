//! A MariaDB server of the tests' own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::{Process, find_program, free_port, unprivileged, unprivileged_folder};

/// Little and quick: nobody wants the data back after a power cut.
const SETTINGS: &[&str] = &[
    "--aria-log-file-size=8M",
    "--aria-pagecache-buffer-size=8M",
    "--innodb-buffer-pool-size=32M",
    "--innodb-doublewrite=0",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-log-file-size=8M",
    "--key-buffer-size=1M",
    "--sync-frm=0",
    "--skip-name-resolve",
];

/// A MariaDB server on the loopback interface.
#[derive(Debug)]
pub struct TestMariaDb {
    port: u16,
    pub(crate) process: Process,
}

impl TestMariaDb {
    /// The server all tests of this process share; it ends with the process.
    ///
    /// # Panics
    /// If there is no MariaDB on this machine, or it does not start.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestMariaDb> = OnceLock::new();
        SHARED.get_or_init(Self::own)
    }

    fn own() -> Self {
        loop {
            let folder = unprivileged_folder("mariadb");
            initialise(&folder);
            let port = free_port();
            let mut process = Process::new(folder.clone(), "KILL", serve(&folder, port));
            let ready = process.start(|log| {
                let ready = log.contains("ready for connections");
                (ready || log.contains("Address already in use")).then_some(ready)
            });
            // Between the look for a free port and the start, another test process may take it.
            if ready {
                return Self { port, process };
            }
        }
    }

    /// Makes an empty database and answers its URL, `mysql://USER:PASSWORD@127.0.0.1:PORT/NAME`. The user may do
    /// everything in the databases made here, and nothing else.
    ///
    /// # Panics
    /// If the server does not answer.
    pub async fn fresh_database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("weir_test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let sql = format!(
            "CREATE DATABASE {name}; CREATE USER IF NOT EXISTS weir@'127.0.0.1' IDENTIFIED BY 'secret'; \
             GRANT ALL ON {name}.* TO weir@'127.0.0.1'"
        );
        let output = tokio::process::Command::new(program("mariadb"))
            .args(["--no-defaults", "--user=root", "--execute", &sql, "--socket"])
            .arg(self.process.folder().join("socket"))
            .output()
            .await
            .unwrap_or_else(|error| panic!("cannot run mariadb: {error}"));
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        format!("mysql://weir:secret@127.0.0.1:{}/{name}", self.port)
    }
}

fn program(name: &str) -> PathBuf {
    find_program(name).unwrap_or_else(|| {
        panic!(
            "these tests need MariaDB, and there is no {name}: run `make setup` (Debian: apt-get install \
             mariadb-server-core mariadb-client-core)"
        )
    })
}

/// The command that runs the server.
fn serve(folder: &Path, port: u16) -> Vec<OsString> {
    let mut command = vec![program("mariadbd").into_os_string(), "--no-defaults".into()];
    command.extend(SETTINGS.iter().map(OsString::from));
    for setting in [
        format!("--datadir={}", folder.join("data").display()),
        format!("--socket={}", folder.join("socket").display()),
        format!("--pid-file={}", folder.join("pid").display()),
        format!("--tmpdir={}", folder.display()),
        format!("--port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--max-connections=200".to_owned(),
    ] {
        command.push(setting.into());
    }
    unprivileged(command)
}

fn initialise(folder: &Path) {
    let mut command = vec![program("mariadb-install-db").into_os_string(), "--no-defaults".into()];
    command.extend(SETTINGS.iter().map(OsString::from));
    command.push(format!("--datadir={}", folder.join("data").display()).into());
    command.extend(["--auth-root-authentication-method=normal".into(), "--skip-test-db".into()]);
    let command = unprivileged(command);
    let output = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("cannot run mariadb-install-db: {error}"));
    let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "mariadb-install-db failed:\n{}{}", said(&output.stdout), said(&output.stderr));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(url: &str, password: &str, sql: &str) -> Result<String, String> {
        let (server, database) = url.rsplit_once('/').unwrap();
        let (_, port) = server.rsplit_once(':').unwrap();
        let output = Command::new(program("mariadb"))
            .args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--skip-column-names", "--user=weir"])
            .args([&format!("--port={port}"), &format!("--password={password}"), "--execute", sql, database])
            .output()
            .unwrap();
        let said = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(said(output.stdout)) } else { Err(said(output.stderr)) }
    }

    #[tokio::test]
    async fn each_database_is_empty_and_asks_for_the_password() {
        let server = TestMariaDb::own();
        let (one, other) = (server.fresh_database().await, server.fresh_database().await);
        let sql = "CREATE TABLE t (n INT); INSERT INTO t VALUES (7); SELECT n FROM t";
        assert_eq!(ask(&one, "secret", sql).unwrap(), "7\n");
        assert_eq!(ask(&other, "secret", "SHOW TABLES").unwrap(), "");
        assert!(ask(&one, "wrong", "SELECT 1").unwrap_err().contains("Access denied"));
        let folder = server.process.folder().to_owned();
        drop(server);
        assert!(!folder.exists());
    }
}
