//! Who edits.

use serde::{Deserialize, Serialize};
use weir_base::{ApiKeyId, UserId};

/// Who an edit is from. It is stored with the edit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Author {
    /// The person behind it, if there is one.
    pub user: Option<UserId>,
    /// Their key, if a program comes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ApiKeyId>,
    /// What others are to call them.
    pub name: String,
}

/// One who takes part in a document, over one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who it is.
    pub author: Author,
    /// Whether they may edit; others only see.
    pub can_write: bool,
    /// What they speak, unless their first frame says otherwise.
    pub kind: Kind,
}

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The protocol of y-websocket, in binary frames.
    Yjs {
        /// Whether they want to be told how many of their frames are durable (message 120). Clients that do not know
        /// of it complain about it.
        saved: bool,
    },
    /// The JSON protocol, in text frames.
    Json,
}
