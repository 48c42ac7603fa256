//! Sending mail over SMTP.
//!
//! Invariants: no text of a message becomes a header of its own; a password goes over an unencrypted connection only
//! where the URL says `tls=none`; what a server answers is bounded in size and time; no error holds the URL.
//! Knows nothing about whom is written to and why.

mod connection;
mod error;
mod mailer;
mod message;
mod server;

pub use error::Error;
pub use mailer::Mailer;
pub use message::{MAX_MESSAGE_BYTES, MAX_RECIPIENTS, Message};
pub use server::host_and_port;
