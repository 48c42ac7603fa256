//! Objects of Weir: whole files under a key, in a local folder or an S3 bucket.
//!
//! Invariants: what [`Objects::put`] or [`Objects::put_stream`] answered for is durable and whole; a reader sees the
//! old object or the new one, never a part. Every read and write from outside has a limit in bytes. Knows nothing of
//! what the objects mean.

mod connect;
mod error;
mod key;
mod objects;

pub use error::Error;
pub use objects::{Object, Objects, Received};
