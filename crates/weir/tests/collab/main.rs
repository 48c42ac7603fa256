//! Many people on one draft, by the real binary and the clients they use: the stock ones of Yjs, in Node.js, and
//! programs that speak JSON.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod clients;
mod converge;
mod kill;
mod processes;
mod refused;
mod socket;
mod together;
mod undo;
mod weir;
