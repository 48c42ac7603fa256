//! `weir serve`: the API and the engine, until told to stop.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::net::TcpListener;

use super::Context;
use crate::boot::{self, App, Purpose};
use crate::config::{Config, Loaded};
use crate::failure::{Exit, Failure};
use crate::signals::Signals;
use crate::{examples, output};

/// Where and with what.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// Port to listen on; 0 takes any that is free [default: 8080]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Database: sqlite:PATH or postgres://...
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// Object storage: file:PATH or s3://BUCKET/PREFIX
    #[arg(long, value_name = "URL")]
    pub(crate) objects_url: Option<String>,
    /// Note every answered request in this file, a JSON object a line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) access_log: Option<PathBuf>,
    /// Import and publish every DIR/*/workflow.yaml that is not there yet
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    load_examples: Option<PathBuf>,
}

pub(crate) async fn run(context: &Context, args: ServeArgs) -> anyhow::Result<Exit> {
    let config = &context.loaded.config;
    allow_open_files();
    let mut signals = Signals::listen()?;
    // The address first: nothing is opened or changed for a server that cannot listen.
    let listener = listen(&context.loaded).await?;
    let mut config = config.clone();
    // Links lead to where the server listens, unless it is known under another name.
    config.public_url.get_or_insert(boot::listening_url(&listener)?);
    let mut app = App::open(&config, Purpose::Serve).await?;
    let admin = app.first_admin(&config).await?;
    if let Some(folder) = &args.load_examples {
        examples::load(&app.workflows, folder).await?;
    }
    let url = app.listen(listener, &config)?;
    if context.json {
        let admin = admin.map(|(email, password)| json!({"email": email, "one_time_password": password}));
        output::json(&json!({"status": "ready", "url": url, "first_admin": admin}));
    } else {
        // In one piece: whoever waits for the first line only may close the pipe after it.
        let sign_in = admin.map_or_else(String::new, |(email, password)| {
            format!(
                "Sign in as {email} with the password {password}\n\
                 It is shown this once, and is to be changed at the first sign-in.\n"
            )
        });
        output::text(&format!("Weir is ready at {url}\n{sign_in}"));
    }
    tracing::info!(url, version = env!("CARGO_PKG_VERSION"), "ready");

    let asked = signals.next().await;
    tracing::info!(signal = asked.number(), "stopping; a second signal ends at once");
    tokio::select! {
        closed = app.close() => closed?,
        again = signals.next() => return Ok(Exit::Signal(again.number())),
    }
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// Raises what the shell allowed, often 1,024, to what the machine allows: every connection is an open file.
fn allow_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files: fewer connections are possible");
    }
}

async fn listen(loaded: &Loaded) -> anyhow::Result<TcpListener> {
    let config = &loaded.config;
    let address = address(loaded).await?;
    TcpListener::bind(address).await.map_err(|error| {
        let message = match error.kind() {
            ErrorKind::AddrInUse => format!(
                "{address} is in use by another program, perhaps another weir: stop it, or choose another port with \
                 --port or PORT (0 takes any that is free)"
            ),
            ErrorKind::PermissionDenied => {
                format!("listening on port {} needs privileges: choose one above 1023 with --port or PORT", config.port)
            }
            _ => format!("cannot listen on {address}: {error}"),
        };
        Failure::failed(message).into()
    })
}

/// The first address of the configured host.
async fn address(loaded: &Loaded) -> anyhow::Result<SocketAddr> {
    let Config { host, port, .. } = &loaded.config;
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((name, *port)).await;
    if let Some(address) = found.ok().and_then(|mut addresses| addresses.next()) {
        return Ok(address);
    }
    let source = loaded.values.iter().find(|value| value.setting.key == "host").map(|value| value.source.to_string());
    let from = source.unwrap_or_default();
    Err(Failure::invalid(format!("host {host:?} (from {from}) is no address of this machine")).into())
}
