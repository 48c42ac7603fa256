//! The API as a client meets it: a real server on a real socket, a real engine on a real database.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod approvals;
mod bad_requests;
mod collab;
mod conventions;
mod core_flow;
mod cors;
mod dead_letters;
mod documents;
mod executions;
mod headers;
mod health;
mod limits;
mod node_types;
mod openapi;
mod people;
mod permissions;
mod proxies;
mod server;
mod shown;
mod sse;
mod tenancy;
mod workflows;
