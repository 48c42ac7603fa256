//! A Redis server of the tests' own.

use std::ffi::OsString;
use std::sync::OnceLock;

use crate::process::{Process, Stop, find_program, folder, free_port};

/// A Redis server on the loopback interface, without a password.
#[derive(Debug)]
pub struct TestRedis {
    port: u16,
    pub(crate) process: Process,
}

impl TestRedis {
    /// The server all tests of this process share; it ends with the process. Tests keep to keys of their own.
    ///
    /// # Panics
    /// If there is no Redis on this machine, or it does not start.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestRedis> = OnceLock::new();
        SHARED.get_or_init(Self::own)
    }

    /// A server that one test may stop and start. It starts empty, also again: what is in it is a cache.
    ///
    /// # Panics
    /// If there is no Redis on this machine, or it does not start.
    pub fn own() -> Self {
        let program = find_program("redis-server").unwrap_or_else(|| {
            panic!("these tests need Redis: run `make setup` (Debian: apt-get install redis-server)")
        });
        loop {
            let port = free_port();
            let folder = folder("redis");
            let mut command = vec![program.clone().into_os_string(), "--port".into(), port.to_string().into()];
            for (name, value) in [("--bind", "127.0.0.1"), ("--appendonly", "no"), ("--save", "")] {
                command.extend([OsString::from(name), value.into()]);
            }
            command.extend(["--dir".into(), folder.clone().into_os_string()]);
            let mut server = Self { port, process: Process::new(folder, "KILL", command) };
            // Between the look for a free port and the start, another test process may take it.
            if server.try_start() {
                return server;
            }
        }
    }

    /// Where clients connect to: `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Stops the server, and with it goes what it knew.
    ///
    /// # Panics
    /// If it is not running.
    pub fn stop(&mut self, how: Stop) {
        self.process.stop(match how {
            Stop::Fast => "TERM",
            Stop::Crash => "KILL",
        });
    }

    /// Starts the server again, on the same port; answers when it takes connections.
    ///
    /// # Panics
    /// If it runs already, or does not start.
    pub fn start(&mut self) {
        assert!(self.try_start(), "another process took the port of the server");
    }

    /// False if the port is taken.
    fn try_start(&mut self) -> bool {
        self.process.start(|log| {
            let ready = log.contains("Ready to accept connections");
            (ready || log.contains("Address already in use")).then_some(ready)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    fn ask(server: &TestRedis, command: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", server.port))?;
        connection.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn a_server_is_stopped_and_started_on_one_port_and_leaves_no_folder() {
        let mut server = TestRedis::own();
        let folder = server.process.folder().to_owned();
        assert_eq!(ask(&server, "SET answer 42").unwrap(), "+OK\r\n+OK\r\n");
        assert_eq!(ask(&server, "GET answer").unwrap(), "$2\r\n42\r\n+OK\r\n");
        for how in [Stop::Crash, Stop::Fast] {
            server.stop(how);
            assert!(ask(&server, "PING").is_err());
            server.start();
            assert_eq!(ask(&server, "GET answer").unwrap(), "$-1\r\n+OK\r\n");
        }
        server.stop(Stop::Fast);
        drop(server);
        assert!(!folder.exists());
    }

    #[test]
    fn the_shared_server_is_one() {
        assert_eq!(TestRedis::shared().url(), TestRedis::shared().url());
        assert_eq!(ask(TestRedis::shared(), "PING").unwrap(), "+PONG\r\n+OK\r\n");
    }
}
