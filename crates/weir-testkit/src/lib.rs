//! Real servers for the tests of Weir: what a test needs is started, and gone when the test process is.
//!
//! Nothing here skips: a test that cannot have its server fails and says what to install.

#![expect(clippy::expect_used, reason = "a test kit stops at the first surprise")]

mod databases;
mod mariadb;
mod node;
mod oidc;
mod postgres;
mod process;
mod python;
mod redis;
mod smtp;

pub use databases::{TestDatabase, databases};
pub use mariadb::TestMariaDb;
pub use node::node;
pub use oidc::OidcProvider;
pub use postgres::TestPostgres;
pub use process::Stop;
pub use python::python;
pub use redis::TestRedis;
pub use smtp::{Mail, SmtpOptions, SmtpServer};
