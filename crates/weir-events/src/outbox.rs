//! The outbox: events are written with the change they tell of, in one transaction.

use weir_base::{Timestamp, WorkspaceId};
use weir_db::{Statement, args};

use crate::DomainEvent;

/// The statement that tells of a change; it belongs at the end of the batch that makes the change, so that events of
/// one thing get their positions in the order of its changes. All events must be of one workspace.
pub fn tell(events: &[DomainEvent]) -> Statement {
    debug_assert!(events.windows(2).all(|pair| pair[0].workspace == pair[1].workspace), "one workspace a row");
    let workspace: Option<WorkspaceId> = events.first().and_then(|event| event.workspace);
    let at: Timestamp = events.first().map_or(Timestamp::UNIX_EPOCH, |event| event.at);
    // Strings, numbers and JSON values always serialise.
    let body = serde_json::to_string(events).unwrap_or_default();
    Statement::new(TELL, args![workspace, body, at])
}

/// The statement behind [`tell`], for writers that put many changes into one statement of their own.
pub const TELL: &str = "INSERT INTO outbox (workspace_id, events, at) VALUES ($1, $2, $3)";
