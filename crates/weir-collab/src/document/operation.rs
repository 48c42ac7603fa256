//! The operations of the JSON protocol.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use weir_base::Timestamp;
use weir_core::merge::merged;
use yrs::{Map as _, MapPrelim, MapRef, Out, TextPrelim, TransactionMut, WriteTxn as _};

use super::read::value_of;
use super::write::{write_entry, write_meta};
use super::{COMMENTS, EDGES, META, NODES};
use crate::Author;

/// A change of the document. What it is about and is not there any more, it leaves alone: somebody else was quicker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operation {
    /// Puts a node there, in the place of one of its id.
    AddNode(Entry),
    MoveNode(MoveNode),
    /// Changes fields of a node, by a JSON Merge Patch (RFC 7396).
    UpdateNode(Update),
    /// Removes a node, the edges at it, and what is inside it.
    RemoveNode(Named),
    /// Puts an edge there, in the place of one of its id.
    AddEdge(Entry),
    RemoveEdge(Named),
    /// Changes fields of the document itself, by a JSON Merge Patch.
    SetMeta(Changes),
    AddComment(AddComment),
    UpdateComment(UpdateComment),
    RemoveComment(Named),
}

/// Why a payload is none of its operation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error(
        "there is no operation {0:?}: add_node, move_node, update_node, remove_node, add_edge, remove_edge, set_meta, \
         add_comment, update_comment and remove_comment are there"
    )]
    Name(String),
    #[error("the payload of {name}: {message}")]
    Payload { name: String, message: String },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    id: String,
    fields: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveNode {
    id: String,
    position: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Update {
    id: String,
    changes: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    id: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    changes: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddComment {
    id: String,
    text: String,
    node: Option<String>,
    /// The comment it answers.
    reply_to: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateComment {
    id: String,
    text: Option<String>,
    resolved: Option<bool>,
}

impl Operation {
    /// Reads an operation of the JSON protocol.
    pub(crate) fn read(name: &str, payload: Value) -> Result<Self, Invalid> {
        match name {
            "add_node" => entry(name, payload, "node").map(Self::AddNode),
            "move_node" => fields(name, payload).map(Self::MoveNode),
            "update_node" => fields(name, payload).map(Self::UpdateNode),
            "remove_node" => fields(name, payload).map(Self::RemoveNode),
            "add_edge" => entry(name, payload, "edge").map(Self::AddEdge),
            "remove_edge" => fields(name, payload).map(Self::RemoveEdge),
            "set_meta" => fields(name, payload).map(Self::SetMeta),
            "add_comment" => fields(name, payload).map(Self::AddComment),
            "update_comment" => fields(name, payload).map(Self::UpdateComment),
            "remove_comment" => fields(name, payload).map(Self::RemoveComment),
            _ => Err(Invalid::Name(name.chars().take(64).collect())),
        }
    }

    /// Does it.
    pub(crate) fn apply(self, txn: &mut TransactionMut<'_>, now: Timestamp, author: &Author) {
        match self {
            Self::AddNode(Entry { id, fields }) => {
                let nodes = txn.get_or_insert_map(NODES);
                write_entry(txn, &nodes, &id, &fields);
            }
            Self::MoveNode(MoveNode { id, position }) => {
                patch_entry(txn, NODES, &id, &json!({ "position": position }));
            }
            Self::UpdateNode(Update { id, changes }) => patch_entry(txn, NODES, &id, &Value::Object(changes)),
            Self::RemoveNode(Named { id }) => remove_node(txn, &id),
            Self::AddEdge(Entry { id, fields }) => {
                let edges = txn.get_or_insert_map(EDGES);
                write_entry(txn, &edges, &id, &fields);
            }
            Self::RemoveEdge(Named { id }) => {
                let edges = txn.get_or_insert_map(EDGES);
                edges.remove(txn, &id);
            }
            Self::SetMeta(Changes { changes }) => {
                let meta = txn.get_or_insert_map(META);
                let there = value_of(txn, &Out::YMap(meta), &Value::Null, 1).unwrap_or_default();
                if let Value::Object(fields) = merged(there, &Value::Object(changes)) {
                    write_meta(txn, &fields);
                }
            }
            Self::AddComment(comment) => add_comment(txn, comment, now, author),
            Self::UpdateComment(UpdateComment { id, text, resolved }) => {
                let Some(comment) = find_comment(txn, &id) else { return };
                if let Some(text) = text {
                    comment.insert(txn, "text", TextPrelim::new(text));
                }
                if let Some(resolved) = resolved {
                    comment.insert(txn, "resolved", resolved);
                }
            }
            Self::RemoveComment(Named { id }) => {
                let comments = txn.get_or_insert_map(COMMENTS);
                if comments.remove(txn, &id).is_none() {
                    for replies in replies(txn, &comments) {
                        replies.remove(txn, &id);
                    }
                }
            }
        }
    }
}

fn fields<T: DeserializeOwned>(name: &str, payload: Value) -> Result<T, Invalid> {
    serde_json::from_value(payload)
        .map_err(|error| Invalid::Payload { name: name.to_owned(), message: error.to_string() })
}

fn entry(name: &str, mut payload: Value, field: &str) -> Result<Entry, Invalid> {
    let invalid = |message: String| Invalid::Payload { name: name.to_owned(), message };
    let Some(Value::Object(fields)) = payload.get_mut(field).map(Value::take) else {
        return Err(invalid(format!("`{field}` must be an object")));
    };
    match fields.get("id").and_then(Value::as_str) {
        Some(id) if !id.is_empty() => Ok(Entry { id: id.to_owned(), fields }),
        _ => Err(invalid(format!("`{field}.id` must be a text"))),
    }
}

/// Changes what is there; does not bring back what was removed.
fn patch_entry(txn: &mut TransactionMut<'_>, root: &str, id: &str, changes: &Value) {
    let map = txn.get_or_insert_map(root);
    let Some(entry @ Out::YMap(_)) = map.get(txn, id) else { return };
    let there = value_of(txn, &entry, &Value::Null, 3).unwrap_or_default();
    if let Value::Object(fields) = merged(there, changes) {
        write_entry(txn, &map, id, &fields);
    }
}

fn remove_node(txn: &mut TransactionMut<'_>, id: &str) {
    let (nodes, edges) = (txn.get_or_insert_map(NODES), txn.get_or_insert_map(EDGES));
    let mut inside: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (node, parent) in texts(txn, &nodes, "parentNode") {
        inside.entry(parent).or_default().push(node);
    }
    // Containers within containers: what is inside of any that goes, goes as well. Whatever a client wrote, each once.
    let mut gone = BTreeSet::from([id.to_owned()]);
    let mut left = vec![id.to_owned()];
    while let Some(parent) = left.pop() {
        left.extend(inside.remove(&parent).into_iter().flatten().filter(|node| gone.insert(node.clone())));
    }
    for end in ["source", "target"] {
        for (edge, _) in texts(txn, &edges, end).into_iter().filter(|(_, end)| gone.contains(end)) {
            edges.remove(txn, &edge);
        }
    }
    for node in gone {
        nodes.remove(txn, &node);
    }
}

/// The entries that have a text in this field, with it, in the order of their ids.
fn texts(txn: &TransactionMut<'_>, map: &MapRef, field: &str) -> BTreeMap<String, String> {
    let text = |entry: Out| match entry {
        Out::YMap(entry) => value_of(txn, &entry.get(txn, field)?, &Value::Null, 0)?.as_str().map(str::to_owned),
        _ => None,
    };
    map.iter(txn).filter_map(|(id, entry)| Some((id.to_owned(), text(entry)?))).collect()
}

fn add_comment(txn: &mut TransactionMut<'_>, comment: AddComment, now: Timestamp, author: &Author) {
    let AddComment { id, text, node, reply_to } = comment;
    let comments = txn.get_or_insert_map(COMMENTS);
    let place = match reply_to {
        None => comments,
        Some(first) => {
            let Some(Out::YMap(first)) = comments.get(txn, &first) else { return };
            match first.get(txn, "replies") {
                Some(Out::YMap(replies)) => replies,
                _ => first.insert(txn, "replies", MapPrelim::default()),
            }
        }
    };
    // What somebody said stays theirs.
    if place.get(txn, &id).is_some() {
        return;
    }
    let comment = place.insert(txn, id, MapPrelim::default());
    comment.insert(txn, "text", TextPrelim::new(text));
    comment.insert(txn, "author_name", author.name.as_str());
    comment.insert(txn, "created_at", now.to_rfc3339());
    if let Some(node) = node {
        comment.insert(txn, "node", node);
    }
    if let Some(user) = author.user {
        comment.insert(txn, "author", user.to_string());
    }
}

fn find_comment(txn: &mut TransactionMut<'_>, id: &str) -> Option<MapRef> {
    let comments = txn.get_or_insert_map(COMMENTS);
    let threads = std::iter::once(comments.clone()).chain(replies(txn, &comments));
    threads.into_iter().find_map(|thread| match thread.get(txn, id) {
        Some(Out::YMap(comment)) => Some(comment),
        _ => None,
    })
}

fn replies(txn: &TransactionMut<'_>, comments: &MapRef) -> Vec<MapRef> {
    let replies = |entry: Out| match entry {
        Out::YMap(comment) => match comment.get(txn, "replies") {
            Some(Out::YMap(replies)) => Some(replies),
            _ => None,
        },
        _ => None,
    };
    comments.iter(txn).filter_map(|(_, entry)| replies(entry)).collect()
}
