//! Identity as the API uses it: on both databases.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod credentials;
mod variables;
