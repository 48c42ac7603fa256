//! Failure as a value: why a node failed and whether trying again may help.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Why one attempt of a node failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeError {
    /// Decides on retries.
    pub class: ErrorClass,
    /// What went wrong, for people.
    pub message: String,
    /// What said so: a host, a file, a param's pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The other side's answer, or whatever else helps to understand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// The other side asked not to be bothered sooner than this, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for NodeError {}

/// What sort of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The input or the workflow is wrong; the same would happen again.
    Invalid,
    /// It may pass: retried.
    Transient,
    /// It took too long: retried.
    Timeout,
    /// Somebody stopped it.
    Cancelled,
    /// The other side, a rule or a person said no.
    Refused,
}

impl ErrorClass {
    /// Whether another attempt may end better.
    pub const fn is_retried(self) -> bool {
        matches!(self, Self::Transient | Self::Timeout)
    }
}

impl NodeError {
    /// An error of this class.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), source: None, details: None, retry_after_ms: None }
    }

    /// The workflow or its input is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Invalid, message)
    }

    /// It may pass.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Transient, message)
    }

    /// The same error, naming what said so.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error with further facts.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The output of a node that goes on after this error: `{"error": {...}}`.
    pub fn as_output(&self) -> Value {
        json!({ "error": self })
    }
}
