//! Every rule of the document in one list: its code, how much it matters, and what it says.
//!
//! The docs, the API's error table and the tests read [`ALL`]; a code is never reused for another rule.

use crate::problem::{Problem, Severity};

/// A rule that a document can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The stable machine word that problems carry.
    pub code: &'static str,
    /// Whether a document that breaks it can run.
    pub severity: Severity,
    /// What it says, in a sentence.
    pub rule: &'static str,
}

impl Rule {
    const fn error(code: &'static str, rule: &'static str) -> Self {
        Self { code, severity: Severity::Error, rule }
    }

    const fn warning(code: &'static str, rule: &'static str) -> Self {
        Self { code, severity: Severity::Warning, rule }
    }

    /// The problem that this rule is broken at a JSON pointer.
    pub(crate) fn at(
        &self,
        pointer: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Problem {
        Problem {
            code: self.code,
            severity: self.severity,
            node: None,
            edge: None,
            pointer: pointer.into(),
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// All rules, in the order in which they are looked at.
pub const ALL: &[Rule] = &[
    DOCUMENT_TOO_LARGE,
    ENCODING_INVALID,
    SYNTAX_INVALID,
    KEY_DUPLICATE,
    KEY_RESERVED,
    DOCUMENT_TOO_DEEP,
    FIELD_MISSING,
    FIELD_TYPE,
    FIELD_MISSPELT,
    NAME_INVALID,
    SETTINGS_INVALID,
    INPUTS_INVALID,
    NODES_TOO_MANY,
    EDGES_TOO_MANY,
    NODE_ID_INVALID,
    NODE_ID_DUPLICATE,
    EDGE_ID_INVALID,
    EDGE_ID_DUPLICATE,
    NODE_TYPE_UNKNOWN,
    PARENT_UNKNOWN,
    PARENT_NOT_CONTAINER,
    PARENT_CYCLE,
    NESTING_TOO_DEEP,
    CONTAINER_EMPTY,
    START_MISSING,
    START_DUPLICATE,
    START_INCOMING,
    EDGE_UNKNOWN_NODE,
    EDGE_SELF,
    EDGE_ACROSS_LEVELS,
    EDGE_DUPLICATE,
    EDGE_AFTER_END,
    HANDLE_MISSING,
    HANDLE_UNKNOWN,
    HANDLE_DUPLICATE,
    CYCLE,
    NODE_UNREACHABLE,
    COMPENSATE_INVALID,
    PARAM_MISSING,
    PARAM_UNKNOWN,
    PARAM_INVALID,
    EXPRESSION_SYNTAX,
    EXPRESSION_UNKNOWN_NAME,
    EXPRESSION_UNKNOWN_NODE,
    EXPRESSION_NODE_NOT_BEFORE,
    RETRY_INVALID,
    RETRY_UNSUPPORTED,
    TIMEOUT_INVALID,
    ON_ERROR_UNSUPPORTED,
    ERROR_EDGE_MISSING,
    JOIN_NEEDLESS,
    CHECKPOINT_NEEDLESS,
];

/// Bytes of the text.
pub const DOCUMENT_TOO_LARGE: Rule = Rule::error("document_too_large", "A document has at most 2 MiB as JSON or YAML.");
/// Encoding of the text.
pub const ENCODING_INVALID: Rule = Rule::error("encoding_invalid", "A document is UTF-8.");
/// Syntax of the text.
pub const SYNTAX_INVALID: Rule = Rule::error("syntax_invalid", "A document is one JSON value or one YAML document.");
/// Keys of the text.
pub const KEY_DUPLICATE: Rule = Rule::error("key_duplicate", "An object names each of its keys once.");
/// Keys that the JSON library keeps for itself.
pub const KEY_RESERVED: Rule = Rule::error("key_reserved", "No key begins with `$serde_json::private::`.");
/// Nesting of the text.
pub const DOCUMENT_TOO_DEEP: Rule =
    Rule::error("document_too_deep", "Objects and arrays are nested at most 64 levels deep.");
/// A required field.
pub const FIELD_MISSING: Rule = Rule::error("field_missing", "A required field is there.");
/// The shape of a field.
pub const FIELD_TYPE: Rule = Rule::error("field_type", "A field has the type that the format gives it.");
/// A field that looks like a known one.
pub const FIELD_MISSPELT: Rule = Rule::warning(
    "field_misspelt",
    "Unknown fields are kept without meaning; one that resembles a known field is doubtful.",
);
/// The workflow's name.
pub const NAME_INVALID: Rule = Rule::error("name_invalid", "The name has 1 to 200 characters.");
/// The workflow's settings.
pub const SETTINGS_INVALID: Rule = Rule::error(
    "settings_invalid",
    "`settings.timeout_seconds` is above 0 and at most a year, `settings.max_parallel_nodes` 1 to 1,000.",
);
/// The schema of the input.
pub const INPUTS_INVALID: Rule = Rule::error(
    "inputs_invalid",
    "`inputs` is a JSON Schema (2020-12) that refers to nothing outside of itself and never to itself at the same place.",
);
/// Count of nodes.
pub const NODES_TOO_MANY: Rule = Rule::error("nodes_too_many", "A document has at most 2,000 nodes.");
/// Count of edges.
pub const EDGES_TOO_MANY: Rule = Rule::error("edges_too_many", "A document has at most 10,000 edges.");
/// The form of a node's id.
pub const NODE_ID_INVALID: Rule = Rule::error("node_id_invalid", "A node's id matches `[A-Za-z_][A-Za-z0-9_-]{0,63}`.");
/// Two nodes of one id.
pub const NODE_ID_DUPLICATE: Rule =
    Rule::error("node_id_duplicate", "A node's id is unique in the document, inside containers as well.");
/// The form of an edge's id.
pub const EDGE_ID_INVALID: Rule = Rule::error("edge_id_invalid", "An edge's id has 1 to 200 characters.");
/// Two edges of one id.
pub const EDGE_ID_DUPLICATE: Rule = Rule::error("edge_id_duplicate", "An edge's id is unique among the edges.");
/// The node type's name.
pub const NODE_TYPE_UNKNOWN: Rule = Rule::error("node_type_unknown", "A node's type is one of the catalog.");
/// A container that is not there.
pub const PARENT_UNKNOWN: Rule = Rule::error("parent_unknown", "`parentNode` names a node of the document.");
/// A container that is none.
pub const PARENT_NOT_CONTAINER: Rule =
    Rule::error("parent_not_container", "`parentNode` names a container, such as a `map` or a `loop`.");
/// Containers inside each other.
pub const PARENT_CYCLE: Rule = Rule::error("parent_cycle", "No container lies inside of itself.");
/// Levels of containers.
pub const NESTING_TOO_DEEP: Rule =
    Rule::error("nesting_too_deep", "There are at most 16 levels, the outermost included.");
/// A container without a body.
pub const CONTAINER_EMPTY: Rule = Rule::error("container_empty", "A container has at least one node inside.");
/// No beginning.
pub const START_MISSING: Rule = Rule::error("start_missing", "The outermost level has a start node.");
/// Two beginnings.
pub const START_DUPLICATE: Rule = Rule::error("start_duplicate", "A level has at most one start node.");
/// Something before the beginning.
pub const START_INCOMING: Rule = Rule::error("start_incoming", "No edge leads to a start node.");
/// An edge's end that is not there.
pub const EDGE_UNKNOWN_NODE: Rule =
    Rule::error("edge_unknown_node", "An edge's `source` and `target` name nodes of the document.");
/// An edge from a node to itself.
pub const EDGE_SELF: Rule = Rule::error("edge_self", "No edge leads from a node to itself.");
/// An edge into or out of a container.
pub const EDGE_ACROSS_LEVELS: Rule = Rule::error("edge_across_levels", "An edge joins two nodes of the same level.");
/// The same edge twice.
pub const EDGE_DUPLICATE: Rule =
    Rule::error("edge_duplicate", "Two nodes are joined once for each handle of the source.");
/// An edge from a node that nothing follows.
pub const EDGE_AFTER_END: Rule =
    Rule::error("edge_after_end", "Nothing follows a node of a type without handles, such as `end`.");
/// An edge that does not say which handle.
pub const HANDLE_MISSING: Rule =
    Rule::error("handle_missing", "An edge names its `sourceHandle` when the source has several to choose from.");
/// A handle that is not there.
pub const HANDLE_UNKNOWN: Rule = Rule::error(
    "handle_unknown",
    "An edge's `sourceHandle` is a handle of its source; `error` is one under `on_error: branch`.",
);
/// Two handles of one name.
pub const HANDLE_DUPLICATE: Rule =
    Rule::error("handle_duplicate", "The handles that a node's params name differ from each other.");
/// A way back.
pub const CYCLE: Rule = Rule::error("cycle", "The edges of a level form no cycle.");
/// A node that never runs.
pub const NODE_UNREACHABLE: Rule =
    Rule::warning("node_unreachable", "A node can be reached from where its level begins.");
/// A compensation that cannot be run.
pub const COMPENSATE_INVALID: Rule = Rule::error(
    "compensate_invalid",
    "`compensate` names another node of the same level that has no edges and is neither a container nor a start or end.",
);
/// A param that is not there.
pub const PARAM_MISSING: Rule = Rule::error("param_missing", "A node has the params that its type requires.");
/// A param that the type does not have.
pub const PARAM_UNKNOWN: Rule = Rule::error("param_unknown", "A node has only params that its type knows.");
/// A param of the wrong form.
pub const PARAM_INVALID: Rule = Rule::error(
    "param_invalid",
    "A node's params satisfy its type's JSON Schema; a string with an expression stands for any value.",
);
/// An expression that cannot be read.
pub const EXPRESSION_SYNTAX: Rule =
    Rule::error("expression_syntax", "What stands between `{{` and `}}` is a JavaScript expression.");
/// An expression with a name that is not in scope.
pub const EXPRESSION_UNKNOWN_NAME: Rule = Rule::error(
    "expression_unknown_name",
    "An expression uses `input`, `steps`, `vars`, `execution`, JavaScript's own names, and what the containers around it give.",
);
/// A step that is not there.
pub const EXPRESSION_UNKNOWN_NODE: Rule =
    Rule::error("expression_unknown_node", "`steps.<id>` names a node of the document.");
/// A step that has not run by then.
pub const EXPRESSION_NODE_NOT_BEFORE: Rule = Rule::error(
    "expression_node_not_before",
    "`steps.<id>` names a node that comes before this one, on its level or before a container around it.",
);
/// Attempts and waits.
pub const RETRY_INVALID: Rule = Rule::error(
    "retry_invalid",
    "`retry` has 1 to 100 attempts and waits of 0 to 30 days, either listed or exponential.",
);
/// A retry of something that is never retried.
pub const RETRY_UNSUPPORTED: Rule =
    Rule::error("retry_unsupported", "Only effects are retried: not containers, not pure nodes.");
/// The time of an attempt.
pub const TIMEOUT_INVALID: Rule = Rule::error("timeout_invalid", "`timeout_seconds` is above 0 and at most a year.");
/// Going on without a way to go.
pub const ON_ERROR_UNSUPPORTED: Rule =
    Rule::error("on_error_unsupported", "`on_error: continue` needs a node type with the handle `out`.");
/// A branch for errors that leads nowhere.
pub const ERROR_EDGE_MISSING: Rule =
    Rule::warning("error_edge_missing", "A node with `on_error: branch` has an edge from its `error` handle.");
/// A join of a single edge.
pub const JOIN_NEEDLESS: Rule =
    Rule::warning("join_needless", "`join: any` has a meaning only with two or more incoming edges.");
/// A record of what is recorded anyhow.
pub const CHECKPOINT_NEEDLESS: Rule = Rule::warning(
    "checkpoint_needless",
    "`checkpoint` has a meaning only for pure nodes; effects are always recorded.",
);
