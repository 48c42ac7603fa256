//! What the disk can do: one block written and made durable, over and over.

use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::samples::Samples;

/// How long the disk is tried.
const MEASURED: Duration = Duration::from_secs(2);

/// What was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disk {
    /// Write and fdatasync of one 4 KiB block, per second.
    pub(crate) fsyncs_per_second: f64,
    /// One of them, in milliseconds.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Measures the disk this folder is on.
pub(crate) fn measure(folder: &Path) -> anyhow::Result<Disk> {
    let mut file = tempfile::tempfile_in(folder).with_context(|| format!("cannot write in {}", folder.display()))?;
    let block = [0x5a_u8; 4096];
    // Allocated beforehand, as a write-ahead log is: the size does not change with each write.
    file.set_len(4096)?;
    file.write_all(&block)?;
    file.sync_all()?;
    let mut samples = Samples::default();
    let begun = Instant::now();
    while begun.elapsed() < MEASURED {
        let one = Instant::now();
        file.rewind()?;
        file.write_all(&block)?;
        file.sync_data()?;
        samples.add(one.elapsed());
    }
    Ok(Disk {
        fsyncs_per_second: samples.count() as f64 / begun.elapsed().as_secs_f64(),
        p50_ms: samples.percentile_ms(0.5),
        p99_ms: samples.percentile_ms(0.99),
    })
}
