//! The real binary under the worst: killed amid work, its disk full, its database stopped. Counted is what an outside
//! server saw: nothing may be lost, and nothing whose result was recorded may be done again.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod disk_full;
mod effects;
mod kill;
mod postgres_restart;
mod recorded;
mod weir;
