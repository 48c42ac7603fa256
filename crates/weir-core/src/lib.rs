//! The workflow document and the execution state machine, without I/O.
//!
//! Knows nothing about stores, runtimes, HTTP, clocks or randomness: time and random numbers come in as arguments,
//! effects go out as data. That is what lets tests drive it through every interleaving and every crash.

pub mod diff;
pub mod document;
pub mod evaluator;
pub mod event;
pub mod execution;
pub mod lexer;
pub mod merge;
pub mod node_error;
pub mod node_type;
pub mod outcome;
pub mod params;
pub mod path;
pub mod payload;
pub mod plan;
mod pointer;
pub mod problem;
pub mod schema;
mod schema_errors;
pub mod template;
pub mod user_schema;
pub mod validate;
