//! The workflow document within a Yjs document. Nothing here does I/O.
//!
//! Three maps have it: `nodes` and `edges` by their ids, `meta` with the other fields; `comments` is no part of it. An
//! object is a Y.Map, so that its fields are edited one by one; an array or a scalar is one value; a long-lived text is
//! a Y.Text. Whatever a client may have made of it is read as well as it goes.

mod comments;
mod operation;
mod read;
mod write;

pub use self::comments::Comment;
pub(crate) use self::comments::comments;
pub(crate) use self::operation::Operation;
pub(crate) use self::read::view;
pub(crate) use self::write::{rewrite, seed};

/// The roots of the Yjs document.
const NODES: &str = "nodes";
const EDGES: &str = "edges";
const META: &str = "meta";
const COMMENTS: &str = "comments";

/// Fields of `meta` that are one value: what they hold is read as a whole.
const WHOLE: [&str; 2] = ["inputs", "viewport"];

/// What a text in the parameters of a node is called that several people may be writing at.
const TEXTS: [&str; 12] = [
    "body",
    "code",
    "expression",
    "html",
    "markdown",
    "message",
    "prompt",
    "query",
    "sql",
    "system",
    "template",
    "text",
];

#[cfg(test)]
mod tests;
