//! All settings: name, variables, default and meaning of each, told once.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Config, LogFormat};

/// Something that can be set.
pub(crate) struct Setting {
    /// Its name in `weir.toml`; a dot makes a table.
    pub(crate) key: &'static str,
    /// Variables besides `WEIR_...` that set it, as other programs know them.
    pub(crate) also: &'static [&'static str],
    /// `{data_dir}` stands for the data directory.
    pub(crate) default: &'static str,
    pub(crate) kind: Kind,
    /// It may hold a password: it is masked when shown, and can come from a file that `..._FILE` names.
    pub(crate) secret: bool,
    /// For people, in sentences.
    pub(crate) meaning: &'static str,
    /// Puts the text into its place.
    pub(crate) put: fn(&mut Config, &str) -> Result<(), String>,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key)
    }
}

/// How a value is written in `weir.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    /// An array of texts; in variables and flags they are separated by commas.
    List,
}

impl Setting {
    /// The variable of its own.
    pub(crate) fn variable(&self) -> String {
        format!("WEIR_{}", self.key.to_ascii_uppercase().replace('.', "_"))
    }

    /// All variables that set it, the one that wins first.
    pub(crate) fn variables(&self) -> Vec<String> {
        std::iter::once(self.variable()).chain(self.also.iter().map(|&name| name.to_owned())).collect()
    }

    /// A value of it as `weir.toml` has it.
    pub(crate) fn in_toml(&self, text: &str) -> String {
        // The escapes of JSON are escapes of TOML as well.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self.kind {
            Kind::Number => text.to_owned(),
            Kind::Text => quoted(text),
            Kind::List => {
                let items: Vec<String> = list(text).map(quoted).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}

/// Every setting; the data directory first, because others lie in it by default.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: "data_dir",
        also: &[],
        default: "./weir-data",
        kind: Kind::Text,
        secret: false,
        meaning: "The folder of everything that Weir keeps by itself: database, files, snapshots.",
        put: |config, text| {
            config.data_dir = given(text)?.into();
            Ok(())
        },
    },
    Setting {
        key: "database_url",
        also: &["DATABASE_URL"],
        default: "sqlite:{data_dir}/weir.db",
        kind: Kind::Text,
        secret: true,
        meaning: "Where executions and workflows are recorded: `sqlite:PATH`, used by one process at a time, or \
                  `postgres://USER:PASSWORD@HOST/DATABASE` (PostgreSQL 15 or newer). `sslmode=require` in the query \
                  asks for TLS.",
        put: |config, text| {
            let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
            if !known {
                return Err("expected sqlite:PATH or postgres://USER@HOST/DATABASE".to_owned());
            }
            config.database_url = text.to_owned();
            Ok(())
        },
    },
    Setting {
        key: "objects_url",
        also: &[],
        default: "file:{data_dir}/objects",
        kind: Kind::Text,
        secret: true,
        meaning: "Where files and large values lie: `file:PATH` or `s3://BUCKET/PREFIX`. Region, endpoint and \
                  credentials of S3 come from the usual `AWS_*` variables.",
        put: |config, text| {
            if !["file:", "s3://"].iter().any(|scheme| text.starts_with(scheme)) {
                return Err("expected file:PATH or s3://BUCKET/PREFIX".to_owned());
            }
            config.objects_url = text.to_owned();
            Ok(())
        },
    },
    Setting {
        key: "host",
        also: &["HOST"],
        default: "127.0.0.1",
        kind: Kind::Text,
        secret: false,
        meaning: "The address `weir serve` listens on. There is no sign-in yet, so only loopback addresses are \
                  accepted.",
        put: |config, text| {
            config.host = given(text)?.to_owned();
            Ok(())
        },
    },
    Setting {
        key: "port",
        also: &["PORT"],
        default: "8080",
        kind: Kind::Number,
        secret: false,
        meaning: "The port `weir serve` listens on; 0 takes any that is free.",
        put: |config, text| {
            config.port = text.parse().map_err(|_| "expected a port, 0 to 65535".to_owned())?;
            Ok(())
        },
    },
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

/// A `weir.toml` with every setting at its default, explained.
pub(crate) fn example() -> String {
    let mut text = String::from(
        "# Everything that can be set, at its default. Variables win over this file, flags over variables;\n\
         # `weir config` shows what is in force and where it came from. Made by `weir config --example`.\n",
    );
    let mut table = "";
    for setting in SETTINGS {
        let (within, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if within != table {
            table = within;
            push(&mut text, format_args!("\n[{table}]"));
        }
        push(&mut text, format_args!(""));
        for line in wrapped(setting.meaning, 98) {
            push(&mut text, format_args!("# {line}"));
        }
        push(&mut text, format_args!("# Variables: {}.", setting.variables().join(", ")));
        push(
            &mut text,
            format_args!("# {name} = {}", setting.in_toml(&setting.default.replace("{data_dir}", "./weir-data"))),
        );
    }
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let written = writeln!(text, "{line}");
    debug_assert!(written.is_ok(), "a string takes all text");
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if lines[last].is_empty() {
            lines[last].push_str(word);
        } else if lines[last].len() + 1 + word.len() > width {
            lines.push(word.to_owned());
        } else {
            lines[last].push(' ');
            lines[last].push_str(word);
        }
    }
    lines
}

fn given(text: &str) -> Result<&str, String> {
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(text) }
}

fn at_least_one<N: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Result<N, String> {
    let number = text.parse::<N>().ok().filter(|number| *number >= N::from(1));
    number.ok_or_else(|| "expected a whole number, 1 or more".to_owned())
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}
