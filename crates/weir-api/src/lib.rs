//! HTTP for Weir: routes, problems, OpenAPI, server-sent events, and the server around them.
//!
//! Invariants: no operation is reached that does not declare who may use it; every answer that is not a success is a
//! problem (RFC 9457) with a stable code and a trace id; only this crate maps kinds of errors to statuses; wire types
//! live beside their handlers; a router is built with just the services it needs. Knows nothing about tables, journals
//! or drivers.

mod access;
mod access_log;
mod compression;
mod config;
mod conventions;
mod extract;
mod gate;
mod limits;
mod listeners;
mod live;
mod origins;
mod problem;
mod proxies;
mod router;
mod routes;
mod serve;
mod shown;
mod trace;
mod watching;
mod webhook_answer;

pub use access_log::AccessLog;
pub use config::{HttpConfig, InvalidOrigin, Limits, Origin};
pub use router::{Services, Version, router};
pub use serve::serve;
