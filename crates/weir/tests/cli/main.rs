//! What a user sees of the command line, by the real binary: answers, mistakes, exit codes.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod configuration;
mod documents;
mod executions;
mod guides;
mod people;
mod server;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// An empty folder to work in.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// The same place, with this variable for every command.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    /// The binary, here, untouched by whoever runs the tests.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        for (name, _) in std::env::vars() {
            if name.starts_with("WEIR_") || ["HOST", "PORT", "DATABASE_URL", "RUST_LOG"].contains(&name.as_str()) {
                command.env_remove(name);
            }
        }
        // Logins are kept here as well.
        command.args(args).current_dir(self.path()).env("XDG_CONFIG_HOME", self.path()).stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        ended(self.command(args).output().unwrap())
    }

    /// A command that goes on, with the lines it tells people.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut process = self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let told = BufReader::new(process.stderr.take().unwrap());
        Running { process, told }
    }
}

/// A command that goes on. Killed when dropped.
pub(crate) struct Running {
    process: Child,
    told: BufReader<std::process::ChildStderr>,
}

impl Running {
    /// The first line of standard error from now on with this text in it.
    pub(crate) fn tells(&mut self, text: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.told.read_line(&mut line).unwrap() > 0, "it ended without telling {text:?}");
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// What it came to, once it has ended by itself.
    pub(crate) fn end(mut self) -> Ran {
        let (mut out, mut err) = (String::new(), String::new());
        self.process.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.told.read_to_string(&mut err).unwrap();
        Ran { code: self.process.wait().unwrap().code().unwrap_or(-1), out, err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ended(output: std::process::Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A workflow with one node between its start and its end.
pub(crate) fn with_node(node: &str) -> String {
    format!(
        "name: One node\nnodes:\n  - {{id: start, type: start}}\n  - {node}\n  - {{id: end, type: end}}\nedges:\n  \
         - {{id: e1, source: start, target: it}}\n  - {{id: e2, source: it, target: end}}\n"
    )
}

/// One that greets whoever the input names.
pub(crate) const GREETING: &str = r#"
name: Greeting
inputs: {type: object, required: [who], properties: {who: {type: string}}}
nodes:
  - {id: start, type: start}
  - {id: greet, type: set, data: {params: {values: {text: "Hello {{ input.who }}"}}}}
  - {id: end, type: end}
edges:
  - {id: e1, source: start, target: greet}
  - {id: e2, source: greet, target: end}
"#;
