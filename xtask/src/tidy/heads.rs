//! Every Rust file begins by saying what it is for.

use super::Violation;
use super::tree::Tree;

/// Inner attributes may stand before the head, nothing else does.
const FIRST_LINES: usize = 10;

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .filter(|file| !file.text.lines().take(FIRST_LINES).any(|line| line.starts_with("//! ")))
        .map(|file| Violation::new(&file.path, 1, "begin the file with a `//!` sentence that says what it is for"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_head_is_found() {
        let tree = Tree::of(&[
            ("a.rs", "//! What it is for.\n\nfn a() {}\n"),
            ("b.rs", "#![expect(unused, reason = \"...\")]\n//! What it is for.\n"),
            ("c.rs", "// A comment.\nfn c() {}\n"),
        ]);
        let found = check(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "c.rs");
    }
}
