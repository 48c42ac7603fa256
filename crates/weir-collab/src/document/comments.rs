//! What people say about a workflow, within its document: it is synchronised with it and no part of the draft.

use serde::Serialize;
use serde_json::Value;
use yrs::{Map as _, MapRef, Out, ReadTxn};

use super::COMMENTS;
use super::read::value_of;

/// Something that somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comment {
    /// Names it.
    pub id: String,
    /// The node it is about; the whole workflow without one.
    pub node: Option<String>,
    /// What was said.
    pub text: String,
    /// Whose account it is, as their client says.
    pub author: Option<String>,
    /// What they are called, as their client says.
    pub author_name: Option<String>,
    /// When it was said, in RFC 3339.
    pub created_at: Option<String>,
    /// Whether it is dealt with.
    pub resolved: bool,
    /// What others said to it, the oldest first.
    pub replies: Vec<Self>,
}

/// All comments, the oldest first. One without a text is none.
pub(crate) fn comments<T: ReadTxn>(txn: &T) -> Vec<Comment> {
    txn.get_map(COMMENTS).map_or_else(Vec::new, |map| thread(txn, &map, true))
}

fn thread<T: ReadTxn>(txn: &T, map: &MapRef, is_first: bool) -> Vec<Comment> {
    let read = |(id, entry): (&str, Out)| {
        let Out::YMap(entry) = entry else { return None };
        let field = |name: &str| value_of(txn, &entry.get(txn, name)?, &Value::Null, 0);
        let text = |name: &str| field(name)?.as_str().map(str::to_owned);
        let replies = match entry.get(txn, "replies") {
            Some(Out::YMap(replies)) if is_first => thread(txn, &replies, false),
            _ => Vec::new(),
        };
        Some(Comment {
            id: id.replace('\0', ""),
            node: text("node"),
            text: text("text")?,
            author: text("author"),
            author_name: text("author_name"),
            created_at: text("created_at"),
            resolved: field("resolved").is_some_and(|resolved| resolved == true),
            replies,
        })
    };
    let mut all: Vec<Comment> = map.iter(txn).filter_map(read).collect();
    all.sort_by(|a, b| (&a.created_at, &a.id).cmp(&(&b.created_at, &b.id)));
    all
}
