//! `weir-bench`: measures a running Weir and prints the figures together with the conditions they were taken under.

use clap::Parser;

/// Measure a running Weir.
#[derive(Debug, Parser)]
#[command(name = "weir-bench", version)]
struct Options {}

fn main() -> anyhow::Result<()> {
    Options::parse();
    Ok(())
}
