//! Typed ids: UUIDv7, so that they sort by the time they were made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Text that is not a UUID was given where an id is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not an id: expected a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct InvalidId {
    given: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id; later ids sort after earlier ones.
            #[expect(clippy::new_without_default, reason = "a fresh id is not a default value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Wraps an id read from a store.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID, for a store.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| InvalidId { given: text.chars().take(64).collect() })
            }
        }
    };
}

id! {
    /// One run of a workflow.
    ExecutionId
}
id! {
    /// A workflow, over all its versions.
    WorkflowId
}
id! {
    /// One running `weir` process, as the owner of the executions it drives.
    WorkerId
}
id! {
    /// What owns everything: workflows, executions, credentials.
    WorkspaceId
}
id! {
    /// A person with an account.
    UserId
}
id! {
    /// One sign-in of a user, until its end.
    SessionId
}
id! {
    /// A key that programs sign in with.
    ApiKeyId
}
id! {
    /// A stored secret.
    CredentialId
}
id! {
    /// What starts executions of a workflow.
    TriggerId
}
id! {
    /// A receiver of domain events outside of Weir.
    WebhookId
}

impl WorkspaceId {
    /// The workspace every installation begins with; what was made before there were workspaces belongs to it.
    pub const FIRST: Self = Self(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));
}
