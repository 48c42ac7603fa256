//! Identity as the API uses it: on both databases.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod access_tokens;
mod by_provider;
mod credentials;
mod endings;
mod joining;
mod keys;
mod login;
mod mailed;
mod membership;
mod processes;
mod refreshing;
mod secrets;
mod support;
mod variables;
