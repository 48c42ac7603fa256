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

use ipnet::IpNet;
use url::Url;
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
    pub(crate) cache_url: String,
    pub(crate) master_key: Option<String>,
    /// The folder of the SQLite files that workflows may use.
    pub(crate) databases_dir: PathBuf,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) public_url: Option<Url>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) admin: FirstAdmin,
    pub(crate) open_registration: bool,
    pub(crate) smtp_url: Option<String>,
    pub(crate) smtp_from: Option<String>,
    pub(crate) oidc: Oidc,
    pub(crate) log_level: String,
    pub(crate) log_format: LogFormat,
    pub(crate) access_log: Option<PathBuf>,
    pub(crate) http: HttpAccess,
    pub(crate) engine: weir_engine::Config,
}

/// Requests a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) user_per_minute: u32,
    pub(crate) address_per_minute: u32,
    pub(crate) logins_per_minute: u32,
    pub(crate) hooks_per_minute: u32,
}

/// Who is made admin at the first start.
#[derive(Debug, Clone, Default)]
pub(crate) struct FirstAdmin {
    pub(crate) email: Option<String>,
    pub(crate) password: Option<String>,
}

/// Another provider that people sign in with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Oidc {
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}
