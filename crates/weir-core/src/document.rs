//! The workflow document: nodes and edges in the shapes the canvas stores (Vue Flow), as typed data.
//!
//! Fields that Weir does not know are kept and written back, so that a newer document or another program's
//! notes survive a round trip.

mod number;
mod parse;
mod print;
mod read;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

pub(crate) use self::parse::RESERVED_PREFIX;
pub use self::parse::{Format, MAX_BYTES, MAX_DEPTH, parse};
pub(crate) use self::read::{Reading, read};
use crate::problem::{Problem, Severity};

/// A whole workflow, as it is drawn, stored and exchanged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// What people call the workflow; 1 to 200 characters.
    pub name: String,
    /// What it is for, in sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema (2020-12) that an execution's input must satisfy; anything is accepted without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Value>,
    /// How an execution as a whole is run.
    #[serde(default, skip_serializing_if = "Settings::is_default")]
    pub settings: Settings,
    /// The boxes on the canvas.
    pub nodes: Vec<Node>,
    /// The arrows between them.
    #[serde(default)]
    pub edges: Vec<Edge>,
    /// Where the canvas was last looked at; of no meaning to the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewport: Option<Value>,
    /// Fields unknown to this version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Document {
    /// Reads a tree of values; whether the document keeps the rules is for
    /// [`validate`](crate::validate::validate) to say.
    ///
    /// # Errors
    /// Every field that is missing or has the wrong type.
    pub fn from_value(tree: Value) -> Result<Self, Vec<Problem>> {
        let Reading { document, mut problems, .. } = read(tree);
        problems.retain(|problem| problem.severity == Severity::Error);
        if problems.is_empty() { Ok(document) } else { Err(problems) }
    }
}

/// Settings of an execution as a whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// The execution ends with status `timeout` after so many seconds; no limit without it.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "number::optional")]
    pub timeout_seconds: Option<f64>,
    /// At most so many nodes of one execution run at a time (default 32).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel_nodes: Option<u32>,
    /// Fields unknown to this version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Settings {
    /// Whether nothing was set, so that the field is left out of the text.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A box on the canvas: one piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Unique in the document: `[A-Za-z_][A-Za-z0-9_-]{0,63}`.
    pub id: String,
    /// The node type's name.
    #[serde(rename = "type")]
    pub node_type: String,
    /// The container this node is in; the outermost level without it.
    #[serde(rename = "parentNode", default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Where the box stands, in canvas pixels, relative to its container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What the node does and how failures are met.
    #[serde(default, skip_serializing_if = "NodeData::is_default")]
    pub data: NodeData,
    /// Fields unknown to this version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A place on the canvas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// Pixels to the right.
    #[schemars(with = "f64")]
    pub x: Number,
    /// Pixels down.
    #[schemars(with = "f64")]
    pub y: Number,
    /// Fields unknown to this version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What a node does and how its failures are met.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeData {
    /// The caption; the id is shown without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The node type's parameters; strings may hold `{{ expressions }}`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// When to try again after a transient failure or a time-out; the node type's default without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// One attempt may take so many seconds; the node type's default without it.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "number::optional")]
    pub timeout_seconds: Option<f64>,
    /// What happens after the last attempt failed.
    #[serde(default, skip_serializing_if = "OnError::is_default")]
    pub on_error: OnError,
    /// Whether the node waits for all of its incoming edges or for the first one taken.
    #[serde(default, skip_serializing_if = "Join::is_default")]
    pub join: Join,
    /// The node that undoes this one when the execution fails or is cancelled later on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensate: Option<String>,
    /// Record a pure node's output before anything depends on it, instead of computing it again after a crash.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub checkpoint: bool,
    /// Fields unknown to this version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl NodeData {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// When a failed attempt is followed by another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Retry {
    /// Attempts in all, the first included; 1 switches retries off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// The wait before each retry; the last one repeats. Excludes `exponential`.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "number::list")]
    pub delays_seconds: Option<Vec<f64>>,
    /// A wait that grows by a factor, with jitter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exponential: Option<Exponential>,
    /// Fields unknown to this version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Waits that grow: `initial * factor^n`, at most `max`, shortened at random by up to half.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exponential {
    /// The first wait, in seconds.
    #[serde(serialize_with = "number::one")]
    pub initial_seconds: f64,
    /// How much longer each next wait is (default 2).
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "number::optional")]
    pub factor: Option<f64>,
    /// No wait is longer than this, in seconds (default 300).
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "number::optional")]
    pub max_seconds: Option<f64>,
    /// Fields unknown to this version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What happens when a node has failed for good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The level fails: the container, and in the end the execution.
    #[default]
    Fail,
    /// The node counts as finished; its output is `{error}`.
    Continue,
    /// The node finishes by its `error` handle; its output is `{error}`.
    Branch,
}

impl OnError {
    fn is_default(&self) -> bool {
        *self == Self::Fail
    }
}

/// Which incoming edges a node waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// All are resolved and at least one was taken.
    #[default]
    All,
    /// The first one taken starts the node.
    Any,
}

impl Join {
    fn is_default(&self) -> bool {
        *self == Self::All
    }
}

/// An arrow: when its source finishes by this handle, its target may run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// Unique among the edges.
    pub id: String,
    /// The node it leaves.
    pub source: String,
    /// The handle it leaves by; the node's only one without it.
    #[serde(rename = "sourceHandle", default, skip_serializing_if = "Option::is_none")]
    pub source_handle: Option<String>,
    /// The node it leads to.
    pub target: String,
    /// Fields unknown to this version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}
