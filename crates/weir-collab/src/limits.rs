//! How much of everything there may be.

/// A frame of a client, in bytes.
pub const MAX_FRAME: usize = 1024 * 1024;

/// A document, in bytes as Yjs encodes it.
pub const MAX_DOCUMENT: usize = 8 * 1024 * 1024;

/// What is not durable yet of one room, in bytes; until it is, no more is taken.
pub(crate) const MAX_UNWRITTEN: usize = 8 * 1024 * 1024;

/// What waits for edits that were never sent, in bytes.
pub(crate) const MAX_UNMET: usize = 1024 * 1024;

/// The updates that wait for edits that were never sent.
pub(crate) const MAX_UNMET_UPDATES: usize = 1_000;

/// What a client says that it has, in bytes.
pub(crate) const MAX_STATE_VECTOR: usize = 128 * 1024;

/// How deep shared types may be nested in each other. Yjs removes them recursively.
pub(crate) const MAX_NESTING: usize = 200;

/// How deep a plain value may be nested.
pub(crate) const MAX_VALUE_DEPTH: usize = 128;

/// What a client tells of itself, in bytes of JSON.
pub(crate) const MAX_PRESENCE: usize = 16 * 1024;

/// What all clients of a room tell of themselves, in bytes.
pub(crate) const MAX_PRESENCES: usize = 1024 * 1024;

/// The clients of a room of which something is known.
pub(crate) const MAX_CLIENTS: usize = 1_000;

/// The frames that wait for a member to read them.
pub(crate) const MAX_WAITING: usize = 64;

/// The bytes that wait for a member to read them.
pub(crate) const MAX_WAITING_BYTES: usize = 256 * 1024;

/// The answers that wait for a member to read them.
pub(crate) const MAX_ANSWERS: usize = 1_024;

/// The bytes of answers that wait for a member to read them; a single one may be larger.
pub(crate) const MAX_ANSWERED: usize = 1024 * 1024;

/// The frames that wait while a room mends its copy of the document.
pub(crate) const MAX_STALLED: usize = 256;

/// The unnamed snapshots of a workflow that are kept.
pub(crate) const MAX_SNAPSHOTS: u32 = 100;

/// The authors of one row; there may have been more.
pub(crate) const MAX_AUTHORS: usize = 50;

/// The name of a snapshot, in characters.
pub(crate) const MAX_NAME: usize = 200;

/// An update that is told to other processes itself; of a larger one they are told where to read it.
pub(crate) const MAX_TOLD: usize = 64 * 1024;
