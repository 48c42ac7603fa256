//! Rust files stay short enough to be read in one sitting.

use super::Violation;
use super::allow::{self, Allowed};
use super::tree::{SourceFile, Tree};

/// Lines a file may have before its tests.
const LIMIT: usize = 600;

pub(super) fn check(tree: &Tree, allowed: &Allowed) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| !is_test(&file.path)) {
        let lines = lines_before_tests(file);
        if lines > LIMIT && !allowed.long_file.iter().any(|entry| entry.path == file.path) {
            let advice = format!(
                "{lines} lines before its tests, over {LIMIT}: split it, or add it with a reason to {}",
                allow::PATH
            );
            found.push(Violation::new(&file.path, LIMIT + 1, advice));
        }
    }
    for entry in &allowed.long_file {
        if entry.reason.trim().is_empty() {
            found.push(Violation::new(allow::PATH, 1, format!("say why {} may be long", entry.path)));
        }
        if tree.file(&entry.path).is_none_or(|file| lines_before_tests(file) <= LIMIT) {
            found.push(Violation::new(allow::PATH, 1, format!("take {} out: it is short or gone", entry.path)));
        }
    }
    found
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn lines_before_tests(file: &SourceFile) -> usize {
    let mut lines = file.text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        // Only a module ends the count: a single item may be for tests as well.
        if line == "#[cfg(test)]" && lines.peek().is_some_and(|(_, next)| next.starts_with("mod ")) {
            return index;
        }
    }
    file.text.lines().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::allow::Exception;

    fn allowing(path: &str) -> Allowed {
        Allowed { long_file: vec![Exception { path: path.to_owned(), reason: "a table".to_owned() }] }
    }

    #[test]
    fn tests_do_not_count() {
        let code = "fn a() {}\n".repeat(LIMIT);
        let long = format!("{code}fn b() {{}}\n");
        let tested = format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n");
        let tree = Tree::of(&[("src/long.rs", &long), ("src/tested.rs", &tested), ("crates/a/tests/long.rs", &long)]);
        let found = check(&tree, &Allowed::default());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "src/long.rs");
        assert!(check(&tree, &allowing("src/long.rs")).is_empty());
    }

    #[test]
    fn an_item_for_tests_does_not_end_the_count() {
        let text = format!("#[cfg(test)]\nfn only_for_tests() {{}}\n{}", "fn a() {}\n".repeat(LIMIT));
        assert_eq!(check(&Tree::of(&[("a.rs", &text)]), &Allowed::default()).len(), 1);
    }

    #[test]
    fn a_needless_exception_is_found() {
        let tree = Tree::of(&[("src/short.rs", "fn a() {}\n")]);
        assert_eq!(check(&tree, &allowing("src/short.rs")).len(), 1);
        assert_eq!(check(&tree, &allowing("src/gone.rs")).len(), 1);
    }
}
