//! The core as its users see it: documents in, problems out.

mod catalog;
mod diff;
mod document;
mod execution;
mod schema;
mod validate;
