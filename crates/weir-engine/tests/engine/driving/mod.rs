//! The engine drives executions: on both databases, with real expressions, through crashes.

mod commands;
mod flow;
mod live;
mod nodes;
mod recovery;
mod rig;
