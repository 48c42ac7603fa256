//! No tabs, no white space at the end of a line, one newline at the end of a file.

use super::Violation;
use super::tree::{SourceFile, Tree};

const EXTENSIONS: [&str; 15] =
    ["rs", "toml", "md", "yaml", "yml", "json", "sql", "sh", "ts", "js", "mjs", "vue", "css", "html", "py"];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.files.iter().filter(|file| is_written_by_hand(file)).flat_map(check_file).collect()
}

fn is_written_by_hand(file: &SourceFile) -> bool {
    // A script has no extension.
    EXTENSIONS.contains(&file.extension()) || file.text.starts_with("#!/")
}

fn check_file(file: &SourceFile) -> Vec<Violation> {
    let mut found = Vec::new();
    for (number, line) in file.lines() {
        if line.contains('\t') {
            found.push(Violation::new(&file.path, number, "use spaces instead of the tab"));
        }
        if line.ends_with(char::is_whitespace) {
            found.push(Violation::new(&file.path, number, "remove the white space at the end of the line"));
        }
    }
    if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
        found.push(Violation::new(&file.path, file.text.lines().count(), "end the file with one newline"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_stray_white_space_is_found_at_its_line() {
        let lines = |text: &str| check(&Tree::of(&[("a.md", text)])).iter().map(|v| v.line).collect::<Vec<_>>();
        assert!(lines("a\nb\n").is_empty());
        assert!(lines("").is_empty());
        assert_eq!(lines("a\n\tb\n"), [2]);
        assert_eq!(lines("a  \nb\n"), [1]);
        assert_eq!(lines("a\r\nb\n"), [1]);
        assert_eq!(lines("a\nb"), [2]);
        assert_eq!(lines("a\n\n"), [2]);
    }

    #[test]
    fn scripts_are_checked_and_makefiles_are_not() {
        assert_eq!(check(&Tree::of(&[("scripts/setup", "#!/bin/sh\n\ttrue\n")])).len(), 1);
        assert!(check(&Tree::of(&[("Makefile", "all:\n\ttrue\n")])).is_empty());
    }
}
