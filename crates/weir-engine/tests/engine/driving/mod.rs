//! The engine drives executions: on both databases, with real expressions, through crashes.

mod cluster;
mod commands;
mod flow;
mod letting_go;
mod limits;
mod live;
mod many;
mod nodes;
mod recovery;
mod rig;
mod secrets;
mod telling;
mod tenancy;
