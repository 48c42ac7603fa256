//! A broken rule, told so that its author can mend it.

use serde::Serialize;

/// One thing that is wrong (or doubtful) in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A stable machine word, such as `edge_unknown_node`.
    pub code: &'static str,
    /// Whether the document can run in spite of it.
    pub severity: Severity,
    /// The node it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The edge it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    /// JSON pointer to the place in the document.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// Whether a problem forbids running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The document cannot be run or published.
    Error,
    /// It can; but its author should look.
    Warning,
}
