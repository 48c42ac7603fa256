//! The files of the repository, read once for all checks.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Folders that hold what is downloaded, built or stored, never sources.
const NOT_SOURCES: [&str; 6] = [".git", ".tools", "node_modules", "weir-data", ".dev", "dist"];

/// A text file of the repository.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// From the root of the repository, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl SourceFile {
    /// The part of the file name behind the last dot; empty when there is none.
    pub(super) fn extension(&self) -> &str {
        self.path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, extension)| extension)
    }

    /// The lines, counted from one.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        // Not `str::lines`: a carriage return is to be seen by the whitespace check.
        self.text.split('\n').enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// The repository: the names of all files, and the content of those that are text.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) paths: BTreeSet<String>,
    pub(super) files: Vec<SourceFile>,
}

impl Tree {
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    fn read_folder(&mut self, root: &Path, folder: &str) -> anyhow::Result<()> {
        let absolute = root.join(folder);
        let entries = fs::read_dir(&absolute).with_context(|| format!("list {}", absolute.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("list {}", absolute.display()))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = entry.file_type().with_context(|| format!("look at {path}"))?;
            // Build folders carry the tag wherever CARGO_TARGET_DIR puts them.
            let sources = !NOT_SOURCES.contains(&name.as_str()) && !entry.path().join("CACHEDIR.TAG").exists();
            if kind.is_dir() && sources {
                self.read_folder(root, &path)?;
            } else if kind.is_file() {
                let bytes = fs::read(entry.path()).with_context(|| format!("read {path}"))?;
                self.paths.insert(path.clone());
                if let Ok(text) = String::from_utf8(bytes) {
                    self.files.push(SourceFile { path, text });
                }
            }
        }
        Ok(())
    }

    /// The Rust sources.
    pub(super) fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.extension() == "rs")
    }

    /// Whether `path` is a file or a folder of the repository; the empty path is its root.
    pub(super) fn contains(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        path.is_empty()
            || self.paths.contains(path)
            || self.paths.range(inside.clone()..).next().is_some_and(|next| next.starts_with(&inside))
    }

    pub(super) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self {
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
            files: files
                .iter()
                .map(|(path, text)| SourceFile { path: (*path).to_owned(), text: (*text).to_owned() })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_count_as_contained_and_prefixes_of_names_do_not() {
        let tree = Tree::of(&[("docs/guide.md", ""), ("docs-old.md", "")]);
        assert!(tree.contains("docs"));
        assert!(tree.contains("docs/guide.md"));
        assert!(!tree.contains("docs/guide"));
        assert!(!tree.contains("doc"));
    }

    #[test]
    fn build_folders_and_binaries_are_left_out() {
        let root = std::env::temp_dir().join(format!("weir-tidy-tree-{}", std::process::id()));
        fs::create_dir_all(root.join("out")).unwrap();
        fs::write(root.join("out/CACHEDIR.TAG"), "Signature").unwrap();
        fs::write(root.join("out/built.rs"), "").unwrap();
        fs::write(root.join("logo.png"), [0xff, 0xfe]).unwrap();
        fs::write(root.join("kept.rs"), "//! Kept.\n").unwrap();
        let tree = Tree::read(&root);
        fs::remove_dir_all(&root).unwrap();
        let tree = tree.unwrap();
        assert_eq!(tree.paths.iter().collect::<Vec<_>>(), ["kept.rs", "logo.png"]);
        assert_eq!(tree.files.len(), 1);
    }
}
