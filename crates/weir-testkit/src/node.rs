//! The Node packages that `make setup` installs for the tests: Yjs, its WebSocket client and its reference server.

use std::path::Path;
use std::process::Command;

/// Runs the text of a JavaScript module, which may import the packages of `node/package.json`. What is added to the
/// command are the program's arguments, from `process.argv[1]` on. A program that ends with its standard input ends
/// with the test, also with a killed one.
///
/// # Panics
/// If set-up was not run.
pub fn node(module: &str) -> Command {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/node");
    let installed = packages.join("installed.json");
    assert!(
        installed.is_file(),
        "these tests need programs written in JavaScript: run `make setup`, which installs them"
    );
    let mut command = Command::new("node");
    // The text of a module finds packages from the working folder; a file would from where it lies, among the sources.
    command.current_dir(packages).args(["--input-type=module", "--eval", module, "--"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_finds_the_packages_and_its_arguments() {
        let module = "import * as Y from 'yjs'; console.log(typeof Y.Doc, process.argv[1])";
        let output = node(module).arg("here").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "function here\n", "{output:?}");
    }
}
