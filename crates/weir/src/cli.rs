//! The command line: what can be said, and how it is explained.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use url::Url;
use weir_base::WorkspaceId;

use crate::commands::audit::AuditArgs;
use crate::commands::completions::CompletionsArgs;
use crate::commands::config::ConfigArgs;
use crate::commands::credential::CredentialCommand;
use crate::commands::execution::ExecutionCommand;
use crate::commands::key::KeyCommand;
use crate::commands::login::LoginArgs;
use crate::commands::migrate::MigrateArgs;
use crate::commands::run::RunArgs;
use crate::commands::serve::ServeArgs;
use crate::commands::user::UserCommand;
use crate::commands::validate::ValidateArgs;
use crate::commands::workflow::WorkflowCommand;
use crate::commands::workspace::WorkspaceCommand;
use crate::config::Overrides;

const EXIT_CODES: &str = "\
Exit codes:
  0  done; the execution completed
  1  the execution failed, or something else did
  2  the command line, the document or the input is not right
  3  the execution was cancelled
  4  the execution ran out of time
  130, 143  ended by SIGINT or SIGTERM; what ran goes on with the next `weir run` or `weir serve`";

/// Durable workflows: drawn or written, run to the end whatever happens in between.
#[derive(Debug, Parser)]
#[command(name = "weir", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Configuration file, instead of ./weir.toml if there is one [env: WEIR_CONFIG]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Folder of the database, files and snapshots
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    data_dir: Option<PathBuf>,
    /// Set anything that `weir config` lists; can be repeated
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Use this server instead of the data directory
    #[arg(long, global = true, value_name = "URL", env = "WEIR_SERVER", value_parser = server)]
    pub(crate) server: Option<Url>,
    /// API key to use with the server; better kept in the variable, where other users do not see it
    #[arg(long, global = true, value_name = "KEY", env = "WEIR_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// Workspace to work in, by its id; without it the key's own, or one's first
    #[arg(long = "workspace", global = true, value_name = "ID", env = "WEIR_WORKSPACE")]
    pub(crate) within: Option<WorkspaceId>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API and run executions until told to stop
    Serve(ServeArgs),
    /// Run a workflow file and show its result
    Run(RunArgs),
    /// Check workflow files; tells everything that is wrong
    Validate(ValidateArgs),
    /// Look at executions and tell them what to do
    #[command(subcommand, visible_alias = "executions")]
    Execution(ExecutionCommand),
    /// List, import, export and compare workflows
    #[command(subcommand, visible_alias = "workflows")]
    Workflow(WorkflowCommand),
    /// Sign in at a server, and keep a key for later commands
    Login(LoginArgs),
    /// Forget the key for a server, and end it
    Logout,
    /// Look after accounts
    #[command(subcommand, visible_alias = "users")]
    User(UserCommand),
    /// Look after workspaces and their members
    #[command(subcommand, visible_alias = "workspaces")]
    Workspace(WorkspaceCommand),
    /// Look after API keys
    #[command(subcommand, visible_alias = "keys")]
    Key(KeyCommand),
    /// Look after secrets that workflows use
    #[command(subcommand, visible_alias = "credentials")]
    Credential(CredentialCommand),
    /// Show who did what
    Audit(AuditArgs),
    /// Print the JSON Schema of workflow files, for editors
    Schema,
    /// Bring the database's tables up to date
    Migrate(MigrateArgs),
    /// Check what Weir needs, and say what to do about it
    Doctor,
    /// Show what is set, and where each value came from
    Config(ConfigArgs),
    /// Print a shell's completion script
    Completions(CompletionsArgs),
}

impl Cli {
    /// What the flags say about the configuration.
    pub(crate) fn overrides(&self) -> Overrides {
        let mut flags: Vec<(String, String, String)> = Vec::new();
        let mut flag = |key: &str, value: Option<String>, name: &str| {
            flags.extend(value.map(|value| (key.to_owned(), value, name.to_owned())));
        };
        flag("data_dir", self.global.data_dir.as_ref().map(|path| path.display().to_string()), "--data-dir");
        if let Command::Serve(serve) = &self.command {
            flag("host", serve.host.clone(), "--host");
            flag("port", serve.port.map(|port| port.to_string()), "--port");
            flag("database_url", serve.database_url.clone(), "--database-url");
            flag("objects_url", serve.objects_url.clone(), "--objects-url");
            let access_log = serve.access_log.as_ref().map(|path| path.display().to_string());
            flag("log.access_file", access_log, "--access-log");
        }
        for (key, value) in &self.global.set {
            flag(key, Some(value.clone()), &format!("--set {key}"));
        }
        Overrides { file: self.global.config.clone(), flags }
    }
}

/// Reads `KEY=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

fn server(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; expected a URL such as http://127.0.0.1:8080"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err("expected a URL such as http://127.0.0.1:8080".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
