//! Who this installation is to the store, from one start to the next.
//!
//! The data directory keeps a worker id under a lock. Whoever gets the lock knows that the last process of that name is
//! gone, so what it left is taken up at once instead of when its lease ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use weir_base::WorkerId;

/// A worker id is 36 characters; whatever is longer is none.
const LONGEST: u64 = 64;

/// The installation's worker id, held until dropped.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) worker: WorkerId,
    _locked: File,
}

impl Installation {
    /// Takes the name of this data directory; `None` while another process has it.
    pub(crate) fn take(data_dir: &Path) -> anyhow::Result<Option<Self>> {
        std::fs::create_dir_all(data_dir).with_context(|| format!("cannot make {}", data_dir.display()))?;
        let path = data_dir.join("worker");
        let open = || -> std::io::Result<Option<(WorkerId, File)>> {
            let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            let mut text = String::new();
            (&mut file).take(LONGEST).read_to_string(&mut text)?;
            if let Ok(worker) = text.trim().parse() {
                return Ok(Some((worker, file)));
            }
            let worker = WorkerId::new();
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{worker}")?;
            file.sync_all()?;
            Ok(Some((worker, file)))
        };
        let taken = open().with_context(|| format!("cannot use {}", path.display()))?;
        Ok(taken.map(|(worker, locked)| Self { worker, _locked: locked }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_keeps_its_name_and_lends_it_to_one_process_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Installation::take(folder.path()).expect("readable").expect("free");
        assert!(Installation::take(folder.path()).expect("readable").is_none());
        let name = first.worker;
        drop(first);
        assert_eq!(Installation::take(folder.path()).expect("readable").expect("free").worker, name);
    }

    #[test]
    fn a_file_that_holds_no_name_gets_one() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("worker"), "nonsense").expect("writable");
        let taken = Installation::take(folder.path()).expect("readable").expect("free");
        let kept = std::fs::read_to_string(folder.path().join("worker")).expect("readable");
        assert_eq!(kept.trim(), taken.worker.to_string());
    }
}
