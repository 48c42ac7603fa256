//! Rules about the document as a whole: its size, name, settings and the schema of its input.

use std::io::Write;

use serde_json::Value;

use super::codes::{
    DOCUMENT_TOO_DEEP, DOCUMENT_TOO_LARGE, EDGES_TOO_MANY, INPUTS_INVALID, KEY_RESERVED, NAME_INVALID, NODES_TOO_MANY,
    SETTINGS_INVALID,
};
use super::node_settings::{MAX_TIMEOUT_SECONDS, shown};
use super::subject::Subject;
use crate::document::{MAX_BYTES, MAX_DEPTH, RESERVED_PREFIX};
use crate::problem::Problem;
use crate::user_schema::UserSchema;

/// The most nodes of a document.
const MAX_NODES: usize = 2_000;
/// The most edges of a document.
const MAX_EDGES: usize = 10_000;
/// The longest name, in characters.
const MAX_NAME: usize = 200;
/// The most nodes of one execution that may run at a time.
const MAX_PARALLEL_NODES: u32 = 1_000;

/// What must hold before a tree may be looked at more closely.
pub(super) fn check_tree(tree: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    if is_deeper(tree, MAX_DEPTH) {
        problems.push(DOCUMENT_TOO_DEEP.at(
            "",
            format!("objects and arrays are nested more than {MAX_DEPTH} levels deep"),
            "flatten the value, or build it with a `code` node",
        ));
        return problems;
    }
    if let Some(key) = reserved_key(tree) {
        problems.push(KEY_RESERVED.at("", format!("the key `{key}` is reserved"), "choose another key"));
    }
    let size = size(tree);
    if size > MAX_BYTES {
        problems.push(DOCUMENT_TOO_LARGE.at(
            "",
            format!("the document has {size} bytes as JSON; {MAX_BYTES} are allowed"),
            "move long texts into files or variables, or split the workflow with `sub_workflow`",
        ));
    }
    problems
}

pub(super) fn check(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    counts(subject, problems);
    name(subject, problems);
    settings(subject, problems);
    inputs(subject, problems);
}

fn counts(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let split = "split the workflow with `sub_workflow`";
    let (nodes, edges) = (subject.nodes.len(), subject.edges.len());
    if nodes > MAX_NODES {
        problems.push(NODES_TOO_MANY.at("/nodes", format!("there are {nodes} nodes; {MAX_NODES} are allowed"), split));
    }
    if edges > MAX_EDGES {
        problems.push(EDGES_TOO_MANY.at("/edges", format!("there are {edges} edges; {MAX_EDGES} are allowed"), split));
    }
}

fn name(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let name = &subject.document.name;
    let length = name.chars().count();
    if name.trim().is_empty() {
        problems.push(NAME_INVALID.at("/name", "the name is empty", "say what the workflow does in a few words"));
    } else if length > MAX_NAME {
        problems.push(NAME_INVALID.at(
            "/name",
            format!("the name has {length} characters; {MAX_NAME} are allowed"),
            "shorten it and move the rest into `description`",
        ));
    }
}

fn settings(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let settings = &subject.document.settings;
    if let Some(seconds) = settings.timeout_seconds
        && !(seconds > 0.0 && seconds <= MAX_TIMEOUT_SECONDS)
    {
        problems.push(SETTINGS_INVALID.at(
            "/settings/timeout_seconds",
            format!("an execution cannot time out after {} seconds", shown(seconds)),
            format!("use a number above 0, at most {MAX_TIMEOUT_SECONDS} (a year), or leave it out for no limit"),
        ));
    }
    if let Some(count) = settings.max_parallel_nodes
        && !(1..=MAX_PARALLEL_NODES).contains(&count)
    {
        problems.push(SETTINGS_INVALID.at(
            "/settings/max_parallel_nodes",
            format!("{count} nodes cannot run at a time"),
            format!("use 1 to {MAX_PARALLEL_NODES}"),
        ));
    }
}

fn inputs(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let Some(Err(errors)) = subject.document.inputs.as_ref().map(UserSchema::compile) else { return };
    problems.extend(errors.into_iter().map(|error| {
        INPUTS_INVALID.at(
            format!("/inputs{}", error.pointer),
            error.message,
            "`inputs` is a JSON Schema (2020-12), such as `{type: object, properties: {url: {type: string}}}`",
        )
    }));
}

fn is_deeper(tree: &Value, levels: usize) -> bool {
    match tree {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(members) => levels == 0 || members.values().any(|member| is_deeper(member, levels - 1)),
        _ => false,
    }
}

fn reserved_key(tree: &Value) -> Option<&str> {
    match tree {
        Value::Array(items) => items.iter().find_map(reserved_key),
        Value::Object(members) => members.iter().find_map(|(key, member)| {
            if key.starts_with(RESERVED_PREFIX) { Some(key.as_str()) } else { reserved_key(member) }
        }),
        _ => None,
    }
}

fn size(tree: &Value) -> usize {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting cannot fail, and a tree of values always has a JSON text.
    let written = serde_json::to_writer(&mut count, tree);
    debug_assert!(written.is_ok(), "a tree of values is JSON");
    count.0
}
