//! The engine, tested as a whole and store by store.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod driving;
mod executions;
mod journal;
mod stores;
