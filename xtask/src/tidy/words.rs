//! Names that say nothing, and code that is not finished.

use super::Violation;
use super::tree::{SourceFile, Tree};

/// What no name of a type or file ends with.
const SUFFIXES: [&str; 4] = ["Manager", "Helper", "Processor", "Impl"];
/// What no module or folder is called.
const MODULES: [&str; 5] = ["utils", "util", "common", "helpers", "misc"];
const TYPE_KEYWORDS: [&str; 5] = ["struct", "enum", "trait", "type", "union"];
/// Macros that do not belong into a commit.
const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust().flat_map(|file| check_path(&file.path).into_iter().chain(check_text(file))).collect()
}

fn check_path(path: &str) -> Option<Violation> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let empty = stem.split('/').find(|part| MODULES.contains(part));
    let vague = stem.rsplit('/').next().filter(|name| {
        SUFFIXES.iter().any(|suffix| {
            let suffix = suffix.to_ascii_lowercase();
            *name == suffix || name.ends_with(&format!("_{suffix}"))
        })
    });
    let name = empty.or(vague)?;
    Some(Violation::new(path, 1, format!("`{name}` does not say what is inside: name the file after its one subject")))
}

fn check_text(file: &SourceFile) -> Vec<Violation> {
    let ignored_test = ["#[", "ignore"].concat();
    let mut found = Vec::new();
    for (number, line) in file.lines().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        if let Some(name) = vague_type(line) {
            let advice = format!("`{name}` does not say what it does: name the type after what it is");
            found.push(Violation::new(&file.path, number, advice));
        }
        for name in MACROS {
            if line.contains(&format!("{name}!(")) {
                found.push(Violation::new(&file.path, number, format!("finish the code behind `{name}!`")));
            }
        }
        if line.contains(&ignored_test) {
            found.push(Violation::new(&file.path, number, "mend the ignored test, or delete it"));
        }
    }
    found
}

/// The name of a type that `line` declares, or of a module, when it is a banned one.
fn vague_type(line: &str) -> Option<&str> {
    let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let keyword = words.find(|word| !matches!(*word, "pub" | "crate" | "super" | "unsafe"))?;
    let name = words.next()?;
    let banned = if keyword == "mod" {
        MODULES.contains(&name)
    } else {
        TYPE_KEYWORDS.contains(&keyword) && SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
    };
    banned.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        check(&Tree::of(&[("src/a.rs", text)])).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn vague_file_names_are_found() {
        for path in ["src/utils.rs", "src/common/mod.rs", "src/helpers.rs", "src/node_manager.rs", "src/store_impl.rs"]
        {
            assert_eq!(check(&Tree::of(&[(path, "//! A file.\n")])).len(), 1, "{path}");
        }
        for path in ["src/commons.rs", "src/managers_of_time.rs", "src/simple.rs"] {
            assert!(check(&Tree::of(&[(path, "//! A file.\n")])).is_empty(), "{path}");
        }
    }

    #[test]
    fn vague_type_and_module_names_are_found() {
        assert_eq!(lines("pub struct NodeManager {}\n"), [1]);
        assert_eq!(lines("\n    pub(crate) trait StoreHelper: Send {}\n"), [2]);
        assert_eq!(lines("type BatchProcessor<T> = Vec<T>;\n"), [1]);
        assert_eq!(lines("mod utils;\n"), [1]);
        assert!(lines("impl Store {}\nfn type_manager() {}\nlet x = NodeManager;\n// struct NodeManager\n").is_empty());
    }

    #[test]
    fn unfinished_code_is_found() {
        for name in MACROS {
            assert_eq!(lines(&format!("fn a() {{\n    {name}!()\n}}\n")), [2], "{name}");
        }
        assert_eq!(lines(&["#[", "ignore = \"slow\"]\nfn a() {}\n"].concat()), [1]);
    }
}
