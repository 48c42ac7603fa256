//! What can be allowed, and what each role allows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $word:literal),* $(,)?) => {
        /// Something that can be allowed: `thing:action`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Permission {
            $($(#[$doc])* $name),*
        }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word used in the API and in stores.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word),*
                }
            }
        }
    };
}

permissions! {
    /// See workflows, their versions, and what they can be made of.
    WorkflowRead = "workflow:read",
    /// Make, change and delete workflows, and publish, pause and archive them.
    WorkflowWrite = "workflow:write",
    /// See executions, what they came to, and the open approvals.
    ExecutionRead = "execution:read",
    /// Start executions, and cancel, pause, retry and repeat them.
    ExecutionRun = "execution:run",
    /// Decide approvals.
    ApprovalDecide = "approval:decide",
    /// See which credentials there are; never what is in them.
    CredentialRead = "credential:read",
    /// Make, change and delete credentials.
    CredentialWrite = "credential:write",
    /// See the workspace's variables.
    VariableRead = "variable:read",
    /// Set and remove variables.
    VariableWrite = "variable:write",
    /// See what starts workflows.
    TriggerRead = "trigger:read",
    /// Make, change and delete triggers.
    TriggerWrite = "trigger:write",
    /// Read domain events.
    EventRead = "event:read",
    /// See where domain events are sent, and what became of them.
    WebhookRead = "webhook:read",
    /// Say where domain events are sent.
    WebhookWrite = "webhook:write",
    /// See the workspace, its limits and its members.
    WorkspaceRead = "workspace:read",
    /// Rename the workspace, change its limits, delete it.
    WorkspaceWrite = "workspace:write",
    /// Invite, change and remove members.
    MemberWrite = "member:write",
    /// Make, see and revoke API keys of one's own.
    KeyOwn = "key:own",
    /// See and revoke the API keys of everybody in the workspace.
    KeyAll = "key:all",
    /// Read who did what.
    AuditRead = "audit:read",
    /// See and change accounts, and make workspaces: for who runs the installation.
    InstallationAdmin = "installation:admin",
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no permission; permissions are words such as workflow:read or execution:run")]
pub struct UnknownPermission(String);

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(word: &str) -> Result<Self, UnknownPermission> {
        let found = Self::ALL.iter().copied().find(|permission| permission.as_str() == word);
        found.ok_or_else(|| UnknownPermission(word.chars().take(64).collect()))
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u64);

const _: () = assert!(Permission::ALL.len() <= 64, "the set has 64 places");

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self(0);

    /// Every permission.
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// Whether `permission` is among them.
    pub const fn allow(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Those in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among them.
    pub const fn contain(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.allow(*permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |set, permission| set | 1 << permission as u8))
    }
}

/// As a list of words.
impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Permission::as_str))
    }
}

/// A word that a newer Weir wrote allows nothing.
impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        Ok(words.iter().filter_map(|word| word.parse::<Permission>().ok()).collect())
    }
}

/// What a member is in a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything in the workspace.
    Admin,
    /// Everything but the members and the keys of others.
    Developer,
    /// Runs, decides and reads.
    Analyst,
    /// Reads.
    Viewer,
}

/// What each role has beyond the ones after it.
const OF_VIEWER: [Permission; 6] = [
    Permission::WorkflowRead,
    Permission::ExecutionRead,
    Permission::TriggerRead,
    Permission::VariableRead,
    Permission::EventRead,
    Permission::WorkspaceRead,
];
const OF_ANALYST: [Permission; 3] = [Permission::ExecutionRun, Permission::ApprovalDecide, Permission::KeyOwn];
const OF_DEVELOPER: [Permission; 7] = [
    Permission::WorkflowWrite,
    Permission::CredentialRead,
    Permission::CredentialWrite,
    Permission::VariableWrite,
    Permission::TriggerWrite,
    Permission::WebhookRead,
    Permission::WebhookWrite,
];
const OF_ADMIN: [Permission; 4] =
    [Permission::MemberWrite, Permission::KeyAll, Permission::AuditRead, Permission::WorkspaceWrite];

impl Role {
    /// Every role, the mightiest first.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Developer, Self::Analyst, Self::Viewer];

    /// The word used in the API and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Analyst => "analyst",
            Self::Viewer => "viewer",
        }
    }

    /// What it allows.
    pub fn permissions(self) -> Permissions {
        let groups: &[&[Permission]] = match self {
            Self::Admin => &[&OF_VIEWER, &OF_ANALYST, &OF_DEVELOPER, &OF_ADMIN],
            Self::Developer => &[&OF_VIEWER, &OF_ANALYST, &OF_DEVELOPER],
            Self::Analyst => &[&OF_VIEWER, &OF_ANALYST],
            Self::Viewer => &[&OF_VIEWER],
        };
        groups.iter().flat_map(|group| group.iter().copied()).collect()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role; there are admin, developer, analyst, viewer")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == word);
        found.ok_or_else(|| UnknownRole(word.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_allows_all_that_the_next_one_does() {
        for pair in Role::ALL.windows(2) {
            let (mightier, lesser) = (pair[0].permissions(), pair[1].permissions());
            assert!(mightier.contain(lesser) && mightier != lesser, "{} and {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn an_admin_has_everything_but_the_installation() {
        let missing: Vec<_> =
            Permission::ALL.iter().copied().filter(|each| !Role::Admin.permissions().allow(*each)).collect();
        assert_eq!(missing, [Permission::InstallationAdmin]);
    }

    #[test]
    fn words_are_read_back() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(*permission));
        }
        assert!("workflow:fly".parse::<Permission>().is_err());
        assert_eq!("viewer".parse(), Ok(Role::Viewer));
    }
}
