//! The Python environment that `make setup` makes for the tests.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The interpreter with the packages of `scripts/requirements-test.txt`. Programs of these packages are run as its
/// modules: `python -m schemathesis.cli run ...`, which leaves notes in its working folder: give it a temporary one.
///
/// # Panics
/// If set-up was not run.
pub fn python() -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = repository.join(".tools/python/bin/python");
    assert!(python.is_file(), "these tests need programs written in Python: run `make setup`, which installs them");
    python
}

/// The command that runs a script.
pub(crate) fn command(script: &str, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    // Isolated: whatever the environment says of Python is for other programs.
    let mut command = vec![python().into_os_string(), "-I".into(), "-c".into(), script.into()];
    command.extend(arguments);
    command
}

/// The port a script said it listens on.
pub(crate) fn port(log: &str) -> Option<u16> {
    let (_, rest) = log.split_once("listening on port ")?;
    rest.split_once('.')?.0.parse().ok()
}
