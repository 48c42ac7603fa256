//! The disk fills up amid work and is freed again: nothing accepted is lost, the server says what is wrong.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::effects::{self, Effects};
use crate::weir::Weir;

const EXECUTIONS: usize = 100;
const STEPS: usize = 10;

/// A small file system in memory. Needs root, as CI and containers have it.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(mebibytes: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(folder.path())
            .status()
            .expect("the mount program starts");
        assert!(mounted.success(), "this test mounts a small tmpfs, which needs root: run it as root");
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let filler = self.path().join("filler");
        let mut file = std::fs::File::create(&filler).unwrap();
        let block = [0_u8; 4096];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server may still be closing its files.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_go_on_after_the_disk_was_full() {
    let disk = SmallDisk::mount(24);
    let effects = Effects::start().await;
    let server = Weir::start(disk.path(), None, &effects);
    let workflow = server.publish(&effects::workflow(&effects, STEPS)).await;
    assert_eq!(server.execute(&workflow, EXECUTIONS).await.len(), EXECUTIONS);
    effects.reach(EXECUTIONS).await;
    let filler = disk.fill();
    // What runs now cannot be recorded. A start that is refused must not have happened.
    let before = effects.total();
    let refused = server.execute(&workflow, EXECUTIONS + 1).await;
    assert!(refused.len() <= EXECUTIONS + 1);
    assert!(effects.total() >= before);
    std::fs::remove_file(filler).unwrap();
    let statuses = server.drained().await;
    let completed: usize = statuses.iter().map(|(_, count)| count).sum();
    assert_eq!(statuses, [("completed".to_owned(), completed)]);
    assert_eq!(
        effects.by_key().len(),
        completed * STEPS,
        "every effect happened, and none of an execution that was refused"
    );
}
