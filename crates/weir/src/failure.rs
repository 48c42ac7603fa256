//! How a command ends, and how a failure is told.

use std::fmt;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::output;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked; the execution completed.
    Done,
    /// The execution failed, or something else did.
    Failed,
    /// The command line, the document or the input is not right.
    Invalid,
    /// The execution was cancelled.
    Cancelled,
    /// The execution ran out of time.
    Timeout,
    /// A signal ended the command.
    Signal(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Invalid => 2,
            Exit::Cancelled => 3,
            Exit::Timeout => 4,
            Exit::Signal(signal) => 128_u8.saturating_add(signal),
        })
    }
}

/// A failure with its exit code and everything that is wrong.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// A stable machine word, where there is one.
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    /// `{pointer, code, message}` each, and whatever else is known.
    pub(crate) problems: Vec<Value>,
}

impl Failure {
    /// The caller's mistake.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { exit: Exit::Invalid, code: None, message: message.into(), problems: Vec::new() }
    }

    /// Anything else.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, ..Self::invalid(message) }
    }

    /// The same, naming all that is wrong.
    pub(crate) fn with_problems(mut self, problems: Vec<Value>) -> Self {
        self.problems = problems;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The exit code of an error.
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<Failure>().map_or(Exit::Failed, |failure| failure.exit)
}

/// Tells an error: to people on standard error, to programs as an object on standard output.
pub(crate) fn tell(error: &anyhow::Error, json: bool) {
    let failure = error.downcast_ref::<Failure>();
    let problems = failure.map(|failure| failure.problems.as_slice()).unwrap_or_default();
    if json {
        let mut told = json!({"message": format!("{error:#}")});
        if let Some(code) = failure.and_then(|failure| failure.code.as_ref()) {
            told["code"] = json!(code);
        }
        if !problems.is_empty() {
            told["problems"] = json!(problems);
        }
        return output::json(&json!({ "error": told }));
    }
    output::note(&format!("error: {error:#}"));
    for problem in problems {
        output::note(&problem_text(problem));
    }
}

/// A problem of a document or an input, for people.
pub(crate) fn problem_text(problem: &Value) -> String {
    let field = |name: &str| problem.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut text = format!("  {}", field("severity").unwrap_or("error"));
    if let Some(node) = field("node") {
        text.push_str(&format!(" node {node}"));
    } else if let Some(edge) = field("edge") {
        text.push_str(&format!(" edge {edge}"));
    }
    if let Some(pointer) = field("pointer") {
        text.push_str(&format!(" at {pointer}"));
    }
    text.push_str(&format!(": {}", field("message").unwrap_or_default()));
    if let Some(code) = field("code") {
        text.push_str(&format!(" [{code}]"));
    }
    if let Some(hint) = field("hint") {
        text.push_str(&format!("\n      {hint}"));
    }
    text
}
