//! The house rules as checks: one module a rule, all violations reported at once.

mod allow;
mod heads;
mod imports;
mod links;
mod manifests;
mod sizes;
mod tree;
mod whitespace;
mod words;

use std::fmt;
use std::path::Path;

use allow::Allowed;
use tree::Tree;

/// One broken rule: where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    /// Path from the root of the repository.
    path: String,
    /// Counted from one.
    line: usize,
    advice: String,
}

impl Violation {
    fn new(path: impl Into<String>, line: usize, advice: impl Into<String>) -> Self {
        Self { path: path.into(), line, advice: advice.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.advice)
    }
}

/// Every broken rule of the repository at `root`, by path and line.
pub(crate) fn violations(root: &Path) -> anyhow::Result<Vec<Violation>> {
    let tree = Tree::read(root)?;
    let allowed = Allowed::read(&tree)?;
    let mut found = [
        imports::check(&imports::packages(root)?),
        heads::check(&tree),
        sizes::check(&tree, &allowed),
        words::check(&tree),
        manifests::check(&tree)?,
        links::check(&tree),
        whitespace::check(&tree),
    ]
    .concat();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_repository_keeps_its_house_rules() {
        let violations = super::violations(crate::repository()).unwrap();
        let report = violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(violations.is_empty(), "run `cargo xtask tidy`:\n{report}");
    }
}
