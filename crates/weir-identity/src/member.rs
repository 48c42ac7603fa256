//! What is known of a member of a workspace.

use serde_json::json;
use weir_base::{Permissions, Principal, Role, Timestamp, UserId, WorkspaceId};
use weir_db::{Row, Statement, args};
use weir_events::DomainEvent;

use crate::Error;
use crate::api_key::words;
use crate::events::event;
use crate::user::version;
use crate::views::role;

/// A person in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Their address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Whether their account is active.
    pub is_active: bool,
    /// What they are.
    pub role: Role,
    /// What they may do beyond their role.
    pub extra: Permissions,
    /// Counts every change.
    pub version: u64,
    /// Since when.
    pub joined_at: Timestamp,
}

impl Member {
    /// All that they may do.
    pub fn permissions(&self) -> Permissions {
        self.role.permissions().or(self.extra)
    }
}

/// The columns that [`read_member`] reads.
pub(crate) const MEMBER: &str =
    "m.user_id, u.email, u.name, u.is_active, m.role, m.permissions, m.version, m.joined_at";

pub(crate) fn read_member(row: &Row) -> Result<Member, Error> {
    let user = row.get(0)?;
    Ok(Member {
        user,
        email: row.get(1)?,
        name: row.get(2)?,
        is_active: row.get(3)?,
        role: role(row.get(4)?, user)?,
        extra: words(row.get(5)?),
        version: version(row.get(6)?),
        joined_at: row.get(7)?,
    })
}

/// The statement that makes somebody a member.
pub(crate) fn insertion(workspace: WorkspaceId, user: UserId, role: Role, now: Timestamp) -> Statement {
    let insert = "INSERT INTO members (workspace_id, user_id, role, permissions, version, joined_at) \
                  VALUES ($1, $2, $3, '', 1, $4)";
    Statement::new(insert, args![workspace, user, role.as_str(), now])
}

/// The event of somebody who became a member of the workspace that `who` is in.
pub(crate) fn joined(who: &Principal, user: UserId, role: Role, at: Timestamp) -> DomainEvent {
    event(who, "MemberJoined", subject(who.workspace, user), at, json!({ "user": user, "role": role.as_str() }))
}

/// The subject of events about a member.
pub(crate) fn subject(workspace: WorkspaceId, user: UserId) -> String {
    format!("member/{workspace}/{user}")
}
