//! The way out to other systems: which addresses may be reached, and requests over HTTP to those.
//!
//! Invariants: only public addresses are reached unless the operator lists an exception; an address that was judged is
//! the one that is connected to; every redirect is judged like the first request; no error holds a URL or a header.
//! Knows nothing about workflows: whoever sends a request says what for.

mod access;
mod error;
mod guard;
mod outbound;
mod redirect;
mod request;

pub use access::{Allowed, HttpAccess, InvalidAllowed};
pub use error::Error;
pub use guard::{Refusal, rule_against};
pub use outbound::{Outbound, tls};
pub use redirect::{MAX_REDIRECTS, Redirect};
pub use request::{Answer, Request};
