//! What this crate tells about itself.

use serde_json::Value;
use weir_base::{Actor, Permissions, Principal, Timestamp, UserId, WorkspaceId};
use weir_db::Statement;
use weir_events::DomainEvent;

use crate::identity::NOWHERE;

/// An event about a user; it belongs to the workspace it was asked in, or to the installation.
pub(crate) fn of_user(who: &Principal, kind: &str, user: UserId, at: Timestamp, data: Value) -> DomainEvent {
    event(who, kind, format!("user/{user}"), at, data)
}

/// An event about anything.
pub(crate) fn event(who: &Principal, kind: &str, subject: String, at: Timestamp, data: Value) -> DomainEvent {
    let mut event = DomainEvent::by(who, kind, subject, at, data);
    if who.workspace == NOWHERE {
        event.workspace = None;
    }
    event
}

/// The statement that tells one event.
pub(crate) fn tell(event: DomainEvent) -> Statement {
    weir_events::tell(&[event])
}

/// Somebody of whom no more is known than what they do and from where.
pub(crate) fn somebody(actor: Actor, home: Option<WorkspaceId>, address: Option<std::net::IpAddr>) -> Principal {
    Principal { actor, workspace: home.unwrap_or(NOWHERE), permissions: Permissions::NONE, address }
}
