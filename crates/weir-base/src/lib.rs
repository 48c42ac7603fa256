//! The few words every crate of Weir speaks: ids, time, error kinds, page cursors.
//!
//! Invariants: no I/O, no runtime, no knowledge of any context; under 1,500 lines for ever.

mod clock;
mod credential;
mod error_kind;
mod id;
mod page;
mod permission;
mod principal;

pub use clock::{Clock, ManualClock, SystemClock};
pub use credential::Credential;
pub use error_kind::ErrorKind;
pub use id::{
    ApiKeyId, CredentialId, ExecutionId, InvalidId, SessionId, TriggerId, UserId, WebhookId, WorkerId, WorkflowId,
    WorkspaceId,
};
pub use page::{Cursor, InvalidCursor, MAX_PAGE, Page, PageRequest};
pub use permission::{Permission, Permissions, Role, UnknownPermission, UnknownRole};
pub use principal::{Actor, Principal};

/// An instant in UTC, stored with microseconds, printed as RFC 3339.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
