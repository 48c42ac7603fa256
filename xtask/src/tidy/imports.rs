//! Who may import whom: a crate imports only crates of a lower level, and not what its row forbids.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::Violation;

/// A row of the table in ARCHITECTURE.md.
struct Row {
    package: &'static str,
    level: u8,
    /// Packages, ours or not, that would break what the crate is for. Those its level forbids are not repeated.
    never: &'static [&'static str],
}

const DATABASES: [&str; 4] = ["rusqlite", "sqlx", "tokio-postgres", "libsqlite3-sys"];

const TABLE: [Row; 21] = [
    Row { package: "xtask", level: 0, never: &[] },
    Row { package: "weir-example-server", level: 0, never: &[] },
    Row { package: "weir-base", level: 0, never: &["tokio", "axum", "reqwest"] },
    Row { package: "weir-core", level: 1, never: &["tokio", "rand", "axum", "reqwest", "futures"] },
    Row { package: "weir-db", level: 1, never: &["axum", "reqwest"] },
    Row { package: "weir-objects", level: 1, never: &["axum"] },
    Row { package: "weir-cache", level: 1, never: &["axum", "reqwest"] },
    Row { package: "weir-mail", level: 1, never: &["axum", "reqwest"] },
    Row { package: "weir-outbound", level: 1, never: &["axum"] },
    Row { package: "weir-vault", level: 1, never: &["tokio", "axum", "reqwest"] },
    Row { package: "weir-events", level: 2, never: &["axum", "lettre"] },
    Row { package: "weir-expr", level: 2, never: &["weir-db", "axum", "reqwest"] },
    Row { package: "weir-collab", level: 3, never: &["axum", "reqwest"] },
    Row { package: "weir-identity", level: 3, never: &["axum", "lettre"] },
    Row { package: "weir-engine", level: 3, never: &["axum", "reqwest"] },
    Row { package: "weir-workflows", level: 4, never: &["axum", "reqwest"] },
    Row { package: "weir-nodes", level: 6, never: &["axum"] },
    Row { package: "weir-api", level: 7, never: &[] },
    Row { package: "weir", level: 8, never: &[] },
    Row { package: TESTKIT, level: 9, never: &[] },
    Row { package: BENCH, level: 10, never: &[] },
];

/// Any crate may use it, and only in its tests; the benchmarks are no part of the product and start what it starts.
const TESTKIT: &str = "weir-testkit";

const BENCH: &str = "weir-bench";

/// The crates that may speak to a database themselves; `weir-engine` through the journal, the others through a store.
const KNOW_DATABASES: [&str; 5] = ["weir-db", "weir-engine", "weir-workflows", "weir-nodes", TESTKIT];

/// A package of the workspace, as `cargo metadata` tells it.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing for a plain one.
    kind: Option<String>,
    /// Only packages of this repository have one.
    path: Option<String>,
}

impl Dependency {
    fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

/// The packages of the workspace at `root` with their direct dependencies.
pub(super) fn packages(root: &Path) -> anyhow::Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("read what cargo metadata printed")?;
    Ok(metadata.packages)
}

pub(super) fn check(packages: &[Package]) -> Vec<Violation> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Violation> {
    let Some(row) = row(&package.name) else {
        return vec![Violation::new(
            manifest(&package.name),
            1,
            "give the crate its level in xtask/src/tidy/imports.rs",
        )];
    };
    let advice = package.dependencies.iter().filter_map(|dependency| objection(row, dependency));
    advice.map(|advice| Violation::new(manifest(&package.name), 1, advice)).collect()
}

/// What to do about `dependency` of the crate in `row`, if anything.
fn objection(row: &Row, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    if name == TESTKIT {
        let allowed = dependency.is_for_tests() || row.package == BENCH;
        return (!allowed).then(|| format!("move {name} to [dev-dependencies]: it is for tests"));
    }
    let ours = dependency.path.is_some();
    // Tests under `tests/` may use what is built on top of the crate: the core's rules with the real expressions.
    if ours && !dependency.is_for_tests() && self::row(name).is_none_or(|other| other.level >= row.level) {
        return Some(format!("do not import {name}: only crates below level {} may be", row.level));
    }
    let speaks_to_database = DATABASES.contains(&name) && !KNOW_DATABASES.contains(&row.package);
    if !dependency.is_for_tests() && (speaks_to_database || row.never.contains(&name)) {
        return Some(format!("do not import {name}: {} is to stay free of it", row.package));
    }
    None
}

fn row(package: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.package == package)
}

fn manifest(package: &str) -> String {
    match package {
        "xtask" => "xtask/Cargo.toml".to_owned(),
        "weir-bench" => "bench/Cargo.toml".to_owned(),
        name => format!("crates/{name}/Cargo.toml"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(name: &str, dependency: &str, kind: Option<&str>) -> Vec<Violation> {
        let ours = dependency.starts_with("weir").then(|| format!("/repository/crates/{dependency}"));
        let dependency = Dependency { name: dependency.to_owned(), kind: kind.map(str::to_owned), path: ours };
        check(&[Package { name: name.to_owned(), dependencies: vec![dependency] }])
    }

    #[test]
    fn only_lower_levels_are_imported() {
        assert!(check_one("weir-engine", "weir-core", None).is_empty());
        assert!(check_one("weir", "weir-api", None).is_empty());
        assert_eq!(check_one("weir-core", "weir-engine", None).len(), 1);
        assert_eq!(check_one("weir-core", "weir-db", None).len(), 1, "the same level is not below");
        assert!(check_one("weir-core", "weir-expr", Some("dev")).is_empty());
        assert_eq!(check_one("weir-engine", "weir-unknown", None).len(), 1);
    }

    #[test]
    fn the_test_kit_is_for_tests_only() {
        assert!(check_one("weir-db", TESTKIT, Some("dev")).is_empty());
        assert_eq!(check_one("weir-db", TESTKIT, None).len(), 1);
        assert!(check_one(BENCH, TESTKIT, None).is_empty());
    }

    #[test]
    fn rows_forbid_packages_of_others_too() {
        assert_eq!(check_one("weir-core", "tokio", None).len(), 1);
        assert!(check_one("weir-core", "tokio", Some("dev")).is_empty());
        assert_eq!(check_one("weir-expr", "weir-db", None).len(), 1);
        assert_eq!(check_one("weir-api", "tokio-postgres", None).len(), 1);
        assert!(check_one("weir-db", "rusqlite", None).is_empty());
    }

    #[test]
    fn a_crate_without_a_level_is_found() {
        assert_eq!(check_one("weir-new", "serde", None)[0].path, "crates/weir-new/Cargo.toml");
    }
}
