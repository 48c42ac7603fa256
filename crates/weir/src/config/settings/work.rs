//! How work is done, and what is told about it.

use std::time::Duration;

use super::super::LogFormat;
use super::{Kind, Setting, at_least_one, list};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "log.level",
        also: &["RUST_LOG"],
        default: "info",
        kind: Kind::Text,
        secret: false,
        meaning: "What is logged to standard error: `error`, `warn`, `info`, `debug`, `trace`, or levels by module, \
                  such as `info,weir_engine=debug`. Commands other than `serve` log warnings only, unless this is set.",
        put: |config, text| {
            text.parse::<tracing_subscriber::filter::Targets>()
                .map_err(|_| "expected error, warn, info, debug, trace, or levels by module".to_owned())?;
            config.log_level = text.to_owned();
            Ok(())
        },
    },
    Setting {
        key: "log.format",
        also: &[],
        default: "text",
        kind: Kind::Text,
        secret: false,
        meaning: "How log lines look: `text` for people, `json` for machines.",
        put: |config, text| {
            config.log_format = match text {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return Err("expected text or json".to_owned()),
            };
            Ok(())
        },
    },
    Setting {
        key: "log.access_file",
        also: &[],
        default: "",
        kind: Kind::Text,
        secret: false,
        meaning: "A file that the server notes every answered request in, a JSON object a line: method, path without \
                  the query, status, duration. None without it.",
        put: |config, text| {
            config.access_log = Some(text).filter(|text| !text.is_empty()).map(Into::into);
            Ok(())
        },
    },
    Setting {
        key: "http.allow",
        also: &[],
        default: "",
        kind: Kind::List,
        secret: false,
        meaning: "Hosts, host:port pairs and networks that workflows may reach although they are not public, such as \
                  `localhost:9000` or `10.1.0.0/16`. Everything else that is private, local or reserved is refused.",
        put: |config, text| {
            let entries = list(text).map(|entry| entry.parse().map_err(|error| format!("{error}")));
            config.http.allow = entries.collect::<Result<_, _>>()?;
            Ok(())
        },
    },
    Setting {
        key: "http.max_response_bytes",
        also: &[],
        default: "1073741824",
        kind: Kind::Number,
        secret: false,
        meaning: "The longest answer that `http_request` takes, in bytes.",
        put: |config, text| {
            config.http.max_response_bytes = at_least_one(text)?;
            Ok(())
        },
    },
    Setting {
        key: "engine.max_running_executions",
        also: &[],
        default: "1000",
        kind: Kind::Number,
        secret: false,
        meaning: "Executions that run at a time in this process; further ones wait their turn. Those that only wait \
                  for something do not count.",
        put: |config, text| {
            config.engine.max_running_executions = at_least_one(text)?;
            Ok(())
        },
    },
    Setting {
        key: "engine.max_running_nodes",
        also: &[],
        default: "256",
        kind: Kind::Number,
        secret: false,
        meaning: "Nodes that run at a time in this process.",
        put: |config, text| {
            config.engine.max_running_nodes = at_least_one(text)?;
            Ok(())
        },
    },
    Setting {
        key: "engine.worker_lease_seconds",
        also: &[],
        default: "10",
        kind: Kind::Number,
        secret: false,
        meaning: "How long other processes on the same PostgreSQL wait for a sign of life before they take over this \
                  one's executions.",
        put: |config, text| {
            config.engine.worker_lease = Duration::from_secs(at_least_one(text)?);
            Ok(())
        },
    },
    Setting {
        key: "engine.stop_grace_seconds",
        also: &[],
        default: "30",
        kind: Kind::Number,
        secret: false,
        meaning: "How long running nodes may take to finish when the server stops. What is cut off is tried again at \
                  the next start.",
        put: |config, text| {
            let seconds = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
            config.engine.stop_grace = Duration::from_secs(seconds);
            Ok(())
        },
    },
];
