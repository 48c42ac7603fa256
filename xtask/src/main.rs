//! `cargo xtask`: the chores of this repository. Without a command it lists them.

mod tidy;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// Chores of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the house rules; every violation is printed with what to do about it
    Tidy,
}

fn main() -> anyhow::Result<ExitCode> {
    match Options::parse().command {
        Command::Tidy => report_tidy(),
    }
}

fn report_tidy() -> anyhow::Result<ExitCode> {
    let violations = tidy::violations(repository())?;
    let mut out = io::stdout().lock();
    for violation in &violations {
        writeln!(out, "{violation}").context("write the report")?;
    }
    if violations.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "tidy: {} to mend", violations.len()).context("write the report")?;
    Ok(ExitCode::FAILURE)
}

/// The root of the repository this binary was built from.
fn repository() -> &'static Path {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir.parent().unwrap_or(manifest_dir)
}
