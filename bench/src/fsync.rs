//! What the disk can do: one block written and made durable, over and over.

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::samples::Samples;

/// How long the disk is tried at a time.
const MEASURED: Duration = Duration::from_secs(2);

/// What was found: write and fdatasync of one 4 KiB block at a time.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    samples: Samples,
    tried: Duration,
}

impl Disk {
    /// Tries the disk this folder is on.
    pub(crate) fn of(folder: &Path) -> anyhow::Result<Self> {
        let mut disk = Self { folder: folder.to_owned(), samples: Samples::default(), tried: Duration::ZERO };
        disk.try_again()?;
        Ok(disk)
    }

    /// Tries it once more: disks swing, so what is compared with a workload is taken before and after it.
    pub(crate) fn try_again(&mut self) -> anyhow::Result<()> {
        let file = tempfile::tempfile_in(&self.folder);
        let mut file = file.with_context(|| format!("cannot write in {}", self.folder.display()))?;
        let block = [0x5a_u8; 4096];
        // Written beforehand, as a write-ahead log is: the size does not change with each write.
        file.write_all(&block)?;
        file.sync_all()?;
        let begun = Instant::now();
        while begun.elapsed() < MEASURED {
            let one = Instant::now();
            file.rewind()?;
            file.write_all(&block)?;
            file.sync_data()?;
            self.samples.add(one.elapsed());
        }
        self.tried += begun.elapsed();
        Ok(())
    }

    pub(crate) fn fsyncs_per_second(&self) -> f64 {
        self.samples.count() as f64 / self.tried.as_secs_f64()
    }

    /// One of them, in milliseconds.
    pub(crate) fn percentile_ms(&mut self, share: f64) -> f64 {
        self.samples.percentile_ms(share)
    }
}
