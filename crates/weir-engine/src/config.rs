//! How much the engine takes on at a time.

use std::time::Duration;

use weir_base::WorkerId;

/// The engine's bounds.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who this process is to the store. Given again at the next start of the same installation (which must have made
    /// sure that the last one is gone), what it left is taken up at once instead of when the lease ends.
    pub worker: Option<WorkerId>,
    /// Executions held in memory at a time; further ones stay rows with status `pending`.
    pub max_running_executions: usize,
    /// Effects of all executions that run at a time.
    pub max_running_nodes: usize,
    /// How long the executions of a process that died stay untouched by others.
    pub worker_lease: Duration,
    /// How often lost wake-ups and orphans are looked for.
    pub sweep_interval: Duration,
    /// How long a graceful stop waits for running nodes.
    pub stop_grace: Duration,
    /// Whether work that nobody drives and timers that are due are looked for. Without it only what callers ask for is
    /// done, within one lease: for processes that come to look.
    pub takes_up_work: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            worker: None,
            max_running_executions: 1_000,
            max_running_nodes: 256,
            worker_lease: Duration::from_secs(10),
            sweep_interval: Duration::from_secs(2),
            stop_grace: Duration::from_secs(30),
            takes_up_work: true,
        }
    }
}
