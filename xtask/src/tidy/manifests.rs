//! Every package says what it is, takes the lints of the workspace, and each crate has its place in the architecture.

use anyhow::Context as _;
use serde::Deserialize;

use super::Violation;
use super::tree::{SourceFile, Tree};

const ARCHITECTURE: &str = "ARCHITECTURE.md";

#[derive(Debug, Deserialize)]
struct Manifest {
    package: Package,
    lints: Option<Lints>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    description: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Lints {
    #[serde(default)]
    workspace: bool,
}

pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Violation>> {
    let mut found = Vec::new();
    let manifests = tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    for file in manifests {
        let manifest = toml::from_str(&file.text).with_context(|| format!("read {}", file.path))?;
        found.extend(check_manifest(file, &manifest, tree.file(ARCHITECTURE)));
    }
    Ok(found)
}

fn check_manifest(file: &SourceFile, manifest: &Manifest, architecture: Option<&SourceFile>) -> Vec<Violation> {
    let package = &manifest.package;
    let mut found = Vec::new();
    if package.description.as_deref().is_none_or(str::is_empty) {
        found.push(Violation::new(&file.path, 1, "add `description`: one sentence on what the package is for"));
    }
    if !manifest.lints.as_ref().is_some_and(|lints| lints.workspace) {
        found.push(Violation::new(&file.path, 1, "add `[lints]` with `workspace = true`"));
    }
    let folder = file.path.strip_prefix("crates/").and_then(|path| path.strip_suffix("/Cargo.toml"));
    if let Some(folder) = folder {
        if folder != package.name {
            found.push(Violation::new(&file.path, 1, format!("call the folder `{}`, like its crate", package.name)));
        }
        if architecture.is_some_and(|file| !file.text.contains(&format!("`{}`", package.name))) {
            let advice = format!("give `{}` its place in {ARCHITECTURE}", package.name);
            found.push(Violation::new(&file.path, 1, advice));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"weir-base\"\ndescription = \"Ids.\"\n[lints]\nworkspace = true\n";

    fn check_one(path: &str, manifest: &str, architecture: &str) -> usize {
        check(&Tree::of(&[(path, manifest), (ARCHITECTURE, architecture)])).unwrap().len()
    }

    #[test]
    fn a_complete_manifest_passes() {
        assert_eq!(check_one("crates/weir-base/Cargo.toml", GOOD, "`weir-base` owns ids"), 0);
    }

    #[test]
    fn what_is_missing_is_found() {
        let bare = "[package]\nname = \"weir-base\"\n";
        assert_eq!(check_one("crates/weir-base/Cargo.toml", bare, "`weir-base`"), 2);
        assert_eq!(check_one("crates/weir-base/Cargo.toml", GOOD, "nothing"), 1);
        assert_eq!(check_one("crates/base/Cargo.toml", GOOD, "`weir-base`"), 1);
        assert_eq!(check_one("bench/Cargo.toml", GOOD, "nothing"), 0);
    }

    #[test]
    fn a_broken_manifest_is_an_error_with_its_path() {
        let error = check(&Tree::of(&[("bench/Cargo.toml", "[package")])).unwrap_err();
        assert_eq!(error.to_string(), "read bench/Cargo.toml");
    }
}
