//! Links between the documents of the repository lead somewhere.

use super::Violation;
use super::tree::{SourceFile, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.files.iter().filter(|file| file.extension() == "md").flat_map(|file| check_file(tree, file)).collect()
}

fn check_file(tree: &Tree, file: &SourceFile) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for target in targets(&without_code(line)) {
            let exists = resolve(&file.path, target).is_some_and(|path| tree.contains(&path));
            if is_relative(target) && !exists {
                found.push(Violation::new(
                    &file.path,
                    number,
                    format!("the link to `{target}` leads nowhere: mend it"),
                ));
            }
        }
    }
    found
}

/// The line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

/// What the line links to: `[text](target)` and `[label]: target`.
fn targets(line: &str) -> Vec<&str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let definition =
        line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).and_then(|(_, rest)| rest.split(' ').next());
    inline.chain(definition).collect()
}

fn is_relative(target: &str) -> bool {
    !target.starts_with('#') && !target.starts_with("mailto:") && !target.contains("://")
}

/// The path from the root of the repository that `target` means in the document `from`; none when it leads out of it.
fn resolve(from: &str, target: &str) -> Option<String> {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(text: &str) -> Vec<usize> {
        let tree = Tree::of(&[("docs/guide.md", text), ("README.md", ""), ("docs/images/a.png", "")]);
        check(&tree).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn links_to_files_folders_and_the_web_are_fine() {
        assert!(dead("[a](../README.md) [b](images/) ![c](images/a.png) [d](../README.md#top)\n").is_empty());
        assert!(dead("[a](https://example.org/x) [b](#here) [c](mailto:a@example.org)\n").is_empty());
        assert!(dead("`[a](gone.md)`\n```\n[a](gone.md)\n```\n").is_empty());
    }

    #[test]
    fn dead_links_are_found_at_their_line() {
        assert_eq!(dead("fine\n[a](gone.md)\n"), [2]);
        assert_eq!(dead("[a]: gone.md\n"), [1]);
        assert_eq!(dead("[a](../../outside.md)\n"), [1]);
        assert_eq!(dead("[a](../README.md) and [b](gone.md \"title\")\n"), [1]);
    }
}
