//! The exceptions to the house rules, each with its reason.

use anyhow::Context as _;
use serde::Deserialize;

use super::tree::Tree;

/// Where the exceptions are written down.
pub(super) const PATH: &str = "xtask/tidy-allow.toml";

/// The content of the allow list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Allowed {
    /// Files that may be longer than the rest.
    #[serde(default)]
    pub(super) long_file: Vec<Exception>,
}

/// One file that a rule does not hold for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exception {
    pub(super) path: String,
    pub(super) reason: String,
}

impl Allowed {
    /// The allow list of the repository; empty when there is none.
    pub(super) fn read(tree: &Tree) -> anyhow::Result<Self> {
        tree.file(PATH).map_or_else(
            || Ok(Self::default()),
            |file| toml::from_str(&file.text).with_context(|| format!("read {PATH}")),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_without_a_reason_is_refused() {
        assert!(Allowed::read(&Tree::of(&[])).unwrap().long_file.is_empty());
        assert!(Allowed::read(&Tree::of(&[(PATH, "[[long-file]]\npath = \"a.rs\"\n")])).is_err());
        let complete = "[[long-file]]\npath = \"a.rs\"\nreason = \"a table\"\n";
        assert_eq!(Allowed::read(&Tree::of(&[(PATH, complete)])).unwrap().long_file[0].path, "a.rs");
    }
}
