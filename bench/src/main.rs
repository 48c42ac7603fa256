//! `weir-bench`: measures a running Weir and prints the figures together with the conditions they were taken under.

mod ceiling;
mod client;
mod crowd;
mod documents;
mod effects;
mod fsync;
mod hello;
mod load;
mod machine;
mod micro;
mod open_files;
mod peers;
mod report;
mod samples;
mod server;
mod socket;
mod store;
mod w1;
mod w2;
mod w3;
mod w4;
mod w5;
mod w6;
mod w7;
mod yjs;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::fsync::Disk;
use crate::report::Report;
use crate::store::Store;

/// Measure a running Weir.
#[derive(Debug, Parser)]
#[command(name = "weir-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

/// The same as Weir's, so that the server it is compared with has no worse one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure single pieces in this process: expressions, the state machine, validation
    Micro,
    /// Say hello over HTTP: what W6 compares with
    #[command(hide = true)]
    Hello,
}

/// What is measured, and with what.
#[derive(Debug, Args)]
struct Options {
    /// Workloads of the specification's section 5
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["w1", "w2", "w3", "w4", "w5", "w6", "w7"], ignore_case = true)]
    workloads: Vec<Workload>,
    /// Databases
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["sqlite", "postgres"])]
    stores: Vec<Store>,
    /// How long W1, each request of W6 and each scene of W7 puts load on the server
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Executions W5 lets wait; the specification speaks of 1000000
    #[arg(long, default_value_t = 20_000)]
    waiting: usize,
    /// Connections of W7, ten a document
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Also measure DBOS for Python on the same PostgreSQL; its package is installed under target/
    #[arg(long)]
    peers: bool,
    /// Folder of the results
    #[arg(long, default_value = "bench/results")]
    out: PathBuf,
    /// The binary to measure
    #[arg(long, default_value = "target/release/weir")]
    weir: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Workload {
    /// Throughput of 3-step executions started by 64 clients
    W1,
    /// Time from start to result of 1 and 10 steps
    W2,
    /// A map over 10,000 recorded items
    W3,
    /// kill -9 amid 200 executions
    W4,
    /// Idle: start, memory, waiting executions
    W5,
    /// Signed-in requests beside a server that says hello
    W6,
    /// Live documents that many edit, beside the reference server of y-websocket
    W7,
}

fn main() -> anyhow::Result<()> {
    let Cli { command, options } = Cli::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all();
    if let Some(Command::Hello) = command {
        return runtime.build()?.block_on(hello::serve());
    }
    let runtime = runtime.worker_threads(2).build()?;
    let mut report = Report::new();
    report.introduce();
    match command {
        Some(Command::Micro) => runtime.block_on(micro::run(&mut report))?,
        _ => runtime.block_on(measure(&options, &mut report))?,
    }
    let file = report.keep(&options.out)?;
    report::say(&format!("kept in {}", file.display()));
    Ok(())
}

async fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let weir = options.weir.canonicalize().with_context(|| {
        format!("no binary at {}: build it with `cargo build --release --bin weir`", options.weir.display())
    })?;
    for &kind in &options.stores {
        for &workload in &options.workloads {
            // Every workload begins with an empty database.
            let home = store::Home::new(kind, &weir).await?;
            let mut disk = Disk::of(home.database_folder())?;
            match workload {
                Workload::W1 => w1::run(&home, &mut disk, Duration::from_secs(options.seconds), report).await?,
                Workload::W2 => w2::run(&home, &mut disk, report).await?,
                Workload::W3 => w3::run(&home, report).await?,
                Workload::W4 => w4::run(&home, report).await?,
                Workload::W5 => w5::run(&home, options.waiting, report).await?,
                Workload::W6 => w6::run(&home, &mut disk, Duration::from_secs(options.seconds), report).await?,
                Workload::W7 => {
                    w7::run(&home, options.connections, Duration::from_secs(options.seconds), report).await?;
                }
            }
            report.disk(kind, workload_name(workload), &mut disk);
        }
    }
    if options.peers {
        peers::run(report).await;
    }
    Ok(())
}

const fn workload_name(workload: Workload) -> &'static str {
    match workload {
        Workload::W1 => "W1",
        Workload::W2 => "W2",
        Workload::W3 => "W3",
        Workload::W4 => "W4",
        Workload::W5 => "W5",
        Workload::W6 => "W6",
        Workload::W7 => "W7",
    }
}
