//! Domain events: what happened to the things of the domain, told to whoever wants to know.
//!
//! Invariants: an event is committed together with the change it tells of, or not at all; it is delivered at least
//! once, under an id that stays the same; events of one thing are delivered in their order.
//! Knows nothing about executions, workflows or people: contexts tell, subscribers listen.

mod event;
mod outbox;

use weir_db::Migration;

pub use event::DomainEvent;
pub use outbox::{TELL, tell};

/// The tables of this crate; their context is named `events`.
pub const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "outbox",
    sqlite: include_str!("../migrations/sqlite/0001_outbox.sql"),
    postgres: include_str!("../migrations/postgres/0001_outbox.sql"),
}];
