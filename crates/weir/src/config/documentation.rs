//! Keeps `weir.example.toml` and the table of `docs/configuration.md` true: both are made from the settings.
//!
//! `UPDATE_DOCS=1 cargo test -p weir` writes them anew.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::settings::{example, settings};

const BEGIN: &str = "<!-- settings: made by `UPDATE_DOCS=1 cargo test -p weir` -->\n";
const END: &str = "<!-- end of settings -->\n";

#[test]
fn the_example_file_shows_every_setting() {
    check("weir.example.toml", |_| example());
}

#[test]
fn the_example_file_without_its_comment_signs_changes_nothing() {
    let active: String = example()
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line).to_owned() + "\n")
        .collect();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("weir.toml");
    std::fs::write(&file, active).unwrap();
    let overrides = super::Overrides { file: Some(file), flags: Vec::new() };
    let nothing = std::collections::BTreeMap::new();
    let (explicit, defaults) =
        (super::load(&overrides, &nothing).unwrap(), super::load(&super::Overrides::default(), &nothing).unwrap());
    assert_eq!(format!("{:?}", explicit.config), format!("{:?}", defaults.config));
    assert!(explicit.values.iter().all(|value| value.source != super::Source::Default));
}

#[test]
fn the_table_of_the_guide_shows_every_setting() {
    check("docs/configuration.md", |text| {
        let (head, rest) = text.split_once(BEGIN).expect("docs/configuration.md has the line where the table begins");
        let (_, tail) = rest.split_once(END).expect("docs/configuration.md has the line where the table ends");
        format!("{head}{BEGIN}{}{END}{tail}", table())
    });
}

fn table() -> String {
    let mut text = String::from("| in `weir.toml` | variables | default | meaning |\n| --- | --- | --- | --- |\n");
    for setting in settings() {
        let mut variables = setting.variables();
        if setting.secret {
            variables.extend(setting.variables().iter().map(|name| format!("{name}_FILE")));
        }
        let variables: Vec<String> = variables.iter().map(|name| format!("`{name}`")).collect();
        let default = match setting.default {
            "" => "none".to_owned(),
            default => format!("`{default}`"),
        };
        writeln!(text, "| `{}` | {} | {default} | {} |", setting.key, variables.join(", "), setting.meaning).unwrap();
    }
    text
}

fn check(path: &str, wanted: impl Fn(&str) -> String) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    let wanted = wanted(&found);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, wanted).unwrap();
    } else {
        assert!(found == wanted, "{path} is out of date: UPDATE_DOCS=1 cargo test -p weir");
    }
}
