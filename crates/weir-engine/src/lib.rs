//! Drives executions durably: journals, timers, leases, and the node contract.
//!
//! Invariants: a result is durable before anything that depends on it starts and before any client is told; one
//! process drives an execution at a time, fenced by its epoch; what waits costs rows, not memory.
//! Knows nothing about workflows, node types of its own, agents or HTTP.

mod background;
mod children;
mod config;
pub mod credential;
mod documents;
mod driver;
mod engine;
mod error;
pub mod executions;
pub mod files;
mod hub;
pub mod journal;
mod mask;
mod migrations;
pub mod node;
mod prepared;
mod stranded;
mod telling;
mod usage;
mod values;
mod workspaces;

pub use config::Config;
pub use documents::Documents;
pub use engine::{Engine, Parts, Rerun, StartExecution, Started, Used, Waited};
pub use error::{Error, InputProblem};
pub use hub::{Watch, Watched};
pub use migrations::MIGRATIONS;
pub use values::{LARGEST_VALUE, Values};
pub use workspaces::{NoSettings, Quota, WorkspaceSettings};
