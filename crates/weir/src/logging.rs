//! The log, to standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::config::{Loaded, LogFormat, Source};

/// What commands log that are no server, unless a level is set.
const QUIET: &str = "warn";

/// Begins to log. A server tells what it does; other commands only what is amiss.
pub(crate) fn start(loaded: &Loaded, is_server: bool) {
    let config = &loaded.config;
    let is_set = loaded.values.iter().any(|value| value.setting.key == "log.level" && value.source != Source::Default);
    let level = if is_server || is_set { config.log_level.as_str() } else { QUIET };
    // The setting was checked when it was read.
    let filter = level.parse::<Targets>().unwrap_or_default();
    let lines = match config.log_format {
        LogFormat::Text => fmt::layer()
            .with_writer(std::io::stderr)
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .boxed(),
        LogFormat::Json => fmt::layer().with_writer(std::io::stderr).json().flatten_event(true).boxed(),
    };
    // A second start, which there is not, would keep the first log.
    let started = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    debug_assert!(started.is_ok(), "the log is started once");
}
