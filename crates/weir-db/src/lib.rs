//! The database of Weir: SQLite or PostgreSQL, a closed pair behind [`Db`].
//!
//! Writes are data: a store builds a [`Batch`] of statements with the row counts it expects, and [`Db::write`] runs it
//! as one transaction. SQLite commits from one writer thread, many batches to an fsync; PostgreSQL gets a batch in one
//! or two round trips. Reads go through [`Db::query`]. SQL is written once, with `$1..$n` as placeholders; where the
//! two differ, a store asks [`Db::dialect`].
//!
//! Both store the same things: JSON is text (PostgreSQL's `jsonb` refuses `\u0000` and reorders numbers), a UUID is a
//! `BLOB` of 16 bytes or `uuid`, an instant is an `INTEGER` of microseconds or `timestamptz`, a boolean is an
//! `INTEGER` or `boolean`.
//!
//! Knows nothing of any context: tables and migrations belong to the crates above.

mod db;
mod error;
mod migration;
pub mod postgres;
mod row;
mod sqlite;
mod statement;
mod value;

pub use db::{Db, Dialect, Stats};
pub use error::Error;
pub use migration::Migration;
pub use postgres::Postgres;
pub use row::{Cell, Column, Row};
pub use sqlite::Sqlite;
pub use statement::{Batch, Expect, Outcome, Statement, Written};
pub use value::Value;
