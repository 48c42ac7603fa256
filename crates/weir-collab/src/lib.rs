//! Workflow drafts as live documents: rooms, their log, and what clients and server say to each other.
//!
//! Invariants: the log in the database is the truth, and the order in it is the only one; an edit is acknowledged after
//! it is in the log; a document that cannot be read drops nobody's edits; no client makes another wait or the memory
//! grow. Knows the workflow document, and nothing of versions or of publishing.

mod awareness;
mod config;
mod connection;
mod document;
mod drafts;
mod error;
mod fanout;
mod history;
mod limits;
mod log;
mod member;
mod packed;
mod protocol;
mod reader;
mod room;
mod rooms;
mod screen;

use weir_db::Migration;

pub use self::config::Config;
pub use self::connection::{Close, ConnectionIn, ConnectionOut, Frame};
pub use self::document::Comment;
pub use self::drafts::Drafts;
pub use self::error::Error;
pub use self::fanout::{Fanout, Heard, RedisFanout};
pub use self::history::{Snapshot, SnapshotId};
pub use self::limits::{MAX_DOCUMENT, MAX_FRAME};
pub use self::member::{Author, Kind, Member};
pub use self::rooms::{Collab, Draft};

/// The tables of this crate; their context is named `collab`.
pub const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "collab",
    sqlite: include_str!("../migrations/sqlite/0001_collab.sql"),
    postgres: include_str!("../migrations/postgres/0001_collab.sql"),
}];
