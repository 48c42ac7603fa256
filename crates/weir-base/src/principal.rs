//! Who asks for something, and within which workspace.

use std::fmt;
use std::net::IpAddr;

use crate::{ApiKeyId, Permission, Permissions, SessionId, TriggerId, UserId, WorkspaceId};

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A person, signed in.
    User {
        /// Which.
        user: UserId,
        /// By which sign-in.
        session: SessionId,
    },
    /// A program with a key.
    ApiKey {
        /// The key.
        key: ApiKeyId,
        /// Whose key it is.
        user: UserId,
    },
    /// What starts workflows by itself.
    Trigger(TriggerId),
    /// Who runs the process: the command line over the data directory, and Weir itself.
    Operator,
    /// Somebody who is not signed in.
    Anonymous,
}

impl Actor {
    /// The person behind it, if there is one.
    pub const fn user(self) -> Option<UserId> {
        match self {
            Self::User { user, .. } | Self::ApiKey { user, .. } => Some(user),
            Self::Trigger(_) | Self::Operator | Self::Anonymous => None,
        }
    }
}

impl fmt::Display for Actor {
    /// `user:ID`, `key:ID`, `trigger:ID`, `operator` or `anonymous`, as the audit log has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { user, .. } => write!(f, "user:{user}"),
            Self::ApiKey { key, .. } => write!(f, "key:{key}"),
            Self::Trigger(trigger) => write!(f, "trigger:{trigger}"),
            Self::Operator => f.write_str("operator"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// Who asks, in which workspace, and what they may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub actor: Actor,
    /// Where; everything they see and change is of this workspace.
    pub workspace: WorkspaceId,
    /// What they may do there.
    pub permissions: Permissions,
    /// From where the request came.
    pub address: Option<IpAddr>,
}

impl Principal {
    /// Who runs the process, in this workspace: may do everything.
    pub fn operator(workspace: WorkspaceId) -> Self {
        Self { actor: Actor::Operator, workspace, permissions: Permissions::all(), address: None }
    }

    /// Whether they may do this.
    pub const fn may(&self, permission: Permission) -> bool {
        self.permissions.allow(permission)
    }
}
