//! A cache in memory and, where there is one, in Redis; and the counting that limits are made of.
//!
//! [`Cache::of`] gives a typed view on one sort of things: what is in memory is handed out as it is, what is only in
//! Redis is read from there, and everything else is loaded once, however many ask for it. [`Cache::window`] counts
//! hits in a sliding window. Nothing here ever fails because Redis is away.

mod cache;
mod cached;
mod error;
mod key;
mod link;
mod local;
mod resources;
mod shared;
mod tally;
mod window;

#[cfg(test)]
mod tests;

pub use cache::{Backend, Cache, Health, Stats};
pub use cached::Cached;
pub use error::Error;
pub use resources::{
    AGENT, API_KEY, BATCH_REPORT, DATABASE_SCHEMA, EXECUTION, PERSONA, PROCESSED, Resource, SESSION, SQL_RESULT, Ttl,
    USER,
};
pub use window::{SlidingWindow, Verdict};
