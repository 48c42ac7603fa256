//! What running a node can come to.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_base::{Timestamp, WorkflowId};

use crate::payload::Payload;

/// What a node's run came to, when it did not fail.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It finished.
    Done {
        /// What later nodes read as `steps.<id>`.
        output: Payload,
        /// The handle it leaves by; [`crate::node_type::DEFAULT_HANDLE`] when `None`.
        handle: Option<String>,
    },
    /// It waits for something outside, at no cost.
    Wait(Wait),
    /// A `map` container: its body runs for each of these.
    Expand(Expansion),
    /// A `loop` container, asked before each iteration: whether the body runs again.
    Iterate(bool),
}

impl Outcome {
    /// Finished by the only handle.
    pub fn done(output: Value) -> Self {
        Self::Done { output: output.into(), handle: None }
    }

    /// Finished by this handle.
    pub fn by(handle: impl Into<String>, output: Value) -> Self {
        Self::Done { output: output.into(), handle: Some(handle.into()) }
    }
}

/// What a node waits for; journaled, so that a restart waits for the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "for")]
pub enum Wait {
    /// An instant.
    Timer {
        /// When.
        due_at: Timestamp,
    },
    /// A signal sent to the execution. Output `{name, data, received_at}`; past the deadline the node leaves by `timeout`.
    Signal {
        /// The signal's name.
        name: String,
        /// Until when; for ever when `None`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
    },
    /// A person's decision. Leaves by `approved`, `rejected` or `expired` with output `{decision, data, by, comment}`.
    Approval(ApprovalRequest),
    /// Another workflow's execution. Output: its output; its failure is this node's failure.
    Child(ChildRequest),
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// The question, in a line.
    pub title: String,
    /// What the decision rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of the data that comes with the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Value>,
    /// Who should decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// Which workflow to run on behalf of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildRequest {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Its version.
    pub version: u32,
    /// Hash of the version's document, as the engine keeps it.
    pub document: String,
    /// What it is started with.
    pub input: Payload,
}

/// What a `map` runs its body for.
#[derive(Debug, Clone, PartialEq)]
pub struct Expansion {
    /// The array or object.
    pub items: Payload,
    /// How many elements it has.
    pub count: u32,
    /// The keys, when it is an object; results then form an object of the same keys.
    pub keys: Option<Vec<String>>,
    /// How many bodies may run at a time; at least 1.
    pub concurrency: u32,
    /// What an item's failure does.
    pub on_item_error: OnItemError,
}

/// What the failure of one item does to its `map`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnItemError {
    /// The `map` fails at once; items still running are cancelled.
    #[default]
    Fail,
    /// The others go on; `results` holds `null` in its place and `errors` tells why.
    Collect,
}
