//! The few words every crate of Weir speaks: ids, time, error kinds, page cursors.
//!
//! Invariants: no I/O, no runtime, no knowledge of any context; under 1,500 lines for ever.

mod clock;
mod error_kind;
mod id;
mod page;

pub use clock::{Clock, ManualClock, SystemClock};
pub use error_kind::ErrorKind;
pub use id::{ExecutionId, InvalidId, WorkerId, WorkflowId};
pub use page::{Cursor, InvalidCursor, MAX_PAGE, Page, PageRequest};

/// An instant in UTC, stored with microseconds, printed as RFC 3339.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
