//! The commands, one file each.

pub(crate) mod audit;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod credential;
mod doctor;
pub(crate) mod execution;
pub(crate) mod key;
pub(crate) mod login;
pub(crate) mod migrate;
pub(crate) mod page;
pub(crate) mod run;
mod schema;
pub(crate) mod serve;
pub(crate) mod user;
pub(crate) mod validate;
pub(crate) mod workflow;
pub(crate) mod workspace;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;
use url::Url;
use weir_base::WorkspaceId;

use crate::cli::{Cli, Command, Global};
use crate::config::{self as configuration, Loaded};
use crate::failure::{Exit, Failure};
use crate::logging;

/// The longest input that is read, in bytes.
const LONGEST_INPUT: u64 = 64 * 1024 * 1024;

/// What every command knows.
pub(crate) struct Context {
    pub(crate) loaded: Loaded,
    /// The server that was named.
    pub(crate) server: Option<Url>,
    /// The API key that was named.
    pub(crate) key: Option<String>,
    /// The workspace that was named.
    pub(crate) workspace: Option<WorkspaceId>,
    /// Answers are for programs.
    pub(crate) json: bool,
}

/// Does what the command line asks for.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<Exit> {
    if let Command::Completions(args) = &cli.command {
        return Ok(completions::run(args));
    }
    let overrides = cli.overrides();
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let loaded = configuration::load(&overrides, &variables).map_err(|problems| {
        let problems = problems.into_iter().map(|message| serde_json::json!({ "message": message })).collect();
        Failure::invalid("the configuration is not right").with_problems(problems)
    })?;
    logging::start(&loaded, matches!(cli.command, Command::Serve(_)));
    let Global { server, key, within, json, .. } = cli.global;
    let context = Context { loaded, server, key, workspace: within, json };
    match cli.command {
        Command::Serve(args) => Box::pin(serve::run(&context, args)).await,
        Command::Run(args) => Box::pin(run::run(&context, args)).await,
        Command::Validate(args) => validate::run(&context, args).await,
        Command::Execution(command) => Box::pin(execution::run(&context, command)).await,
        Command::Workflow(command) => Box::pin(workflow::run(&context, command)).await,
        Command::Login(args) => Box::pin(login::login(&context, args)).await,
        Command::Logout => Box::pin(login::logout(&context)).await,
        Command::User(command) => Box::pin(user::run(&context, command)).await,
        Command::Workspace(command) => Box::pin(workspace::run(&context, command)).await,
        Command::Key(command) => Box::pin(key::run(&context, command)).await,
        Command::Credential(command) => Box::pin(credential::run(&context, command)).await,
        Command::Audit(args) => Box::pin(audit::run(&context, args)).await,
        Command::Schema => schema::run(&context).await,
        Command::Migrate(args) => migrate::run(&context, args).await,
        Command::Doctor => Box::pin(doctor::run(&context)).await,
        Command::Config(args) => Ok(config::run(&context, &args)),
        Command::Completions(args) => Ok(completions::run(&args)),
    }
}

/// Reads a file, or standard input for `-`, of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(limit + 1).read_to_end(&mut bytes).context("cannot read standard input")?;
    } else {
        let refused = |error: std::io::Error| Failure::invalid(format!("cannot read {}: {error}", path.display()));
        let file = std::fs::File::open(path).map_err(refused)?;
        file.take(limit + 1).read_to_end(&mut bytes).map_err(refused)?;
    }
    if bytes.len() as u64 > limit {
        return Err(Failure::invalid(format!("{} has more than {limit} bytes", path.display())).into());
    }
    Ok(bytes)
}

/// Reads JSON that was given as it is, as `@FILE`, or as `-` for standard input.
pub(crate) fn read_json(text: &str, what: &str) -> anyhow::Result<Value> {
    let bytes = match text.strip_prefix('@').or_else(|| (text == "-").then_some("-")) {
        Some(path) => read(Path::new(path), LONGEST_INPUT)?,
        None => text.as_bytes().to_vec(),
    };
    serde_json::from_slice(&bytes).map_err(|error| Failure::invalid(format!("{what} is no JSON: {error}")).into())
}
