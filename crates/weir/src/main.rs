//! The `weir` binary: the server and the command line.

mod boot;
mod cli;
mod client;
mod commands;
mod config;
mod examples;
mod failure;
mod follow;
mod installation;
mod logging;
mod logins;
mod output;
mod running;
mod signals;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;

/// The system's allocator keeps what many threads have freed; this one gives it back and is quicker.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.global.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(&format!("error: cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(commands::run(cli));
    // What still runs on a blocking thread (a name being resolved, say) must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = failure::exit_of(&error);
            failure::tell(&error, json);
            exit.into()
        }
    }
}
