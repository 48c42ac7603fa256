//! The configuration: one struct, put together from defaults, `weir.toml`, the environment and flags.
//!
//! `settings.rs` is the one place that knows a setting's name, default and meaning; the example file, the table in the
//! documentation and `weir config` are made from it.

#[cfg(test)]
mod documentation;
mod load;
mod settings;
mod value;

use std::path::PathBuf;

use weir_outbound::HttpAccess;

pub(crate) use self::load::{Loaded, Overrides, load};
pub(crate) use self::settings::example;
pub(crate) use self::value::Source;

/// What is in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) database_url: String,
    pub(crate) objects_url: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) log_level: String,
    pub(crate) log_format: LogFormat,
    pub(crate) access_log: Option<PathBuf>,
    pub(crate) http: HttpAccess,
    pub(crate) engine: weir_engine::Config,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}
