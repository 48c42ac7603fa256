//! What a node type declares about itself: the one source for validation, the API, the palette and the docs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// The handle a node leaves by when its type names no other.
pub const DEFAULT_HANDLE: &str = "out";

/// The handle a failed node leaves by under `on_error: branch`.
pub const ERROR_HANDLE: &str = "error";

/// Everything that is known about a node type without running it.
#[derive(Debug, Clone, Serialize)]
pub struct NodeTypeInfo {
    /// The name used in documents, such as `http_request`.
    pub name: &'static str,
    /// The group it is shown in.
    pub category: Category,
    /// What people call it.
    pub label: &'static str,
    /// What it does, in one or two sentences.
    pub description: &'static str,
    /// Name of its icon in the web builder's icon set.
    pub icon: &'static str,
    /// JSON Schema (2020-12) of its params.
    pub params_schema: Value,
    /// The top-level params handed over as written: `{{ }}` in them is not Weir's.
    pub literal_params: &'static [&'static str],
    /// The handles it may leave by.
    pub handles: Handles,
    /// A deterministic function of recorded values, so that computing it again gives the same.
    pub pure: bool,
    /// How long one attempt may take unless the node says otherwise, in seconds; no limit when `None`.
    pub default_timeout_seconds: Option<f64>,
    /// Attempts in all unless the node says otherwise; 1 for a type whose failures do not pass by waiting.
    pub default_max_attempts: u32,
    /// What part it plays in the state machine.
    pub role: Role,
}

/// Attempts of an effect by default: the first and three retries.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 4;

/// The waits before the retries by default, in seconds.
pub const DEFAULT_DELAYS_SECONDS: [f64; 3] = [5.0, 30.0, 300.0];

/// The group a node type is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Steers the flow.
    Control,
    /// Shapes values and files.
    Data,
    /// Talks to other systems.
    Integration,
}

/// What part a node type plays in the state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs and finishes.
    Ordinary,
    /// Where a level begins; its output is the level's input.
    Start,
    /// Where a level ends; its output is the level's result.
    End,
    /// A container whose body runs for each item.
    Map,
    /// A container whose body runs again and again.
    Loop,
    /// Its output `{status, headers, body}` answers whoever waits for the execution over HTTP.
    Respond,
}

impl Role {
    /// Whether nodes of this type have a body.
    pub const fn is_container(self) -> bool {
        matches!(self, Self::Map | Self::Loop)
    }
}

/// The handles a node of this type may leave by (the `error` handle of `on_error: branch` comes on top).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Handles {
    /// One, [`DEFAULT_HANDLE`]; edges need not name it.
    Single,
    /// None: nothing follows such a node.
    None,
    /// These. Where [`DEFAULT_HANDLE`] is among them, an edge without a handle leaves by it.
    Fixed(&'static [&'static str]),
    /// Named by the params: the strings at `field` of each object in the array param `list`, and `otherwise`.
    FromParams {
        /// The array param.
        list: &'static str,
        /// The field of its objects that names the handle.
        field: &'static str,
        /// The handle taken when none of them fits.
        otherwise: &'static str,
    },
}

impl Handles {
    /// The names of the handles of a node with these params, without the `error` handle.
    pub fn names(&self, params: &serde_json::Map<String, Value>) -> Vec<String> {
        match self {
            Self::Single => vec![DEFAULT_HANDLE.to_owned()],
            Self::None => Vec::new(),
            Self::Fixed(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            Self::FromParams { list, field, otherwise } => params
                .get(*list)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.get(*field).and_then(Value::as_str).map(str::to_owned))
                .chain([(*otherwise).to_owned()])
                .collect(),
        }
    }

    /// Whether a node of this type finishes by [`DEFAULT_HANDLE`] when it continues after an error.
    pub fn has_default(&self) -> bool {
        match self {
            Self::Single => true,
            Self::Fixed(names) => names.contains(&DEFAULT_HANDLE),
            Self::None | Self::FromParams { .. } => false,
        }
    }
}

/// The node types there are, by name.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    types: BTreeMap<&'static str, NodeTypeInfo>,
}

impl Catalog {
    /// The type of this name.
    pub fn get(&self, name: &str) -> Option<&NodeTypeInfo> {
        self.types.get(name)
    }

    /// All types, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &NodeTypeInfo> {
        self.types.values()
    }
}

impl FromIterator<NodeTypeInfo> for Catalog {
    fn from_iter<I: IntoIterator<Item = NodeTypeInfo>>(types: I) -> Self {
        Self { types: types.into_iter().map(|info| (info.name, info)).collect() }
    }
}
