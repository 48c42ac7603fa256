//! All settings: name, variables, default and meaning of each, told once.

mod people;
mod server;
mod storage;
mod work;

use std::fmt::Write as _;

use ipnet::IpNet;

use super::Config;

/// Something that can be set.
pub(crate) struct Setting {
    /// Its name in `weir.toml`; a dot makes a table.
    pub(crate) key: &'static str,
    /// Variables besides `WEIR_...` that set it, as other programs know them.
    pub(crate) also: &'static [&'static str],
    /// `{data_dir}` stands for the data directory.
    pub(crate) default: &'static str,
    pub(crate) kind: Kind,
    /// It may hold a password: it is masked when shown, and can come from a file that `..._FILE` names.
    pub(crate) secret: bool,
    /// For people, in sentences.
    pub(crate) meaning: &'static str,
    /// Puts the text into its place.
    pub(crate) put: fn(&mut Config, &str) -> Result<(), String>,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key)
    }
}

/// How a value is written in `weir.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    /// An array of texts; in variables and flags they are separated by commas.
    List,
}

impl Setting {
    /// The variable of its own.
    pub(crate) fn variable(&self) -> String {
        format!("WEIR_{}", self.key.to_ascii_uppercase().replace('.', "_"))
    }

    /// All variables that set it, the one that wins first.
    pub(crate) fn variables(&self) -> Vec<String> {
        std::iter::once(self.variable()).chain(self.also.iter().map(|&name| name.to_owned())).collect()
    }

    /// A value of it as `weir.toml` has it.
    pub(crate) fn in_toml(&self, text: &str) -> String {
        // The escapes of JSON are escapes of TOML as well.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self.kind {
            Kind::Number => text.to_owned(),
            Kind::Text => quoted(text),
            Kind::List => {
                let items: Vec<String> = list(text).map(quoted).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}

/// Every setting; the data directory first, because others lie in it by default.
pub(crate) fn settings() -> impl Iterator<Item = &'static Setting> {
    [storage::SETTINGS, server::SETTINGS, people::SETTINGS, work::SETTINGS].into_iter().flatten()
}

/// A `weir.toml` with every setting at its default, explained.
pub(crate) fn example() -> String {
    let mut text = String::from(
        "# Everything that can be set, at its default. Variables win over this file, flags over variables;\n\
         # `weir config` shows what is in force and where it came from. Made by `weir config --example`.\n",
    );
    let mut table = "";
    for setting in settings() {
        let (within, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if within != table {
            table = within;
            push(&mut text, format_args!("\n[{table}]"));
        }
        push(&mut text, format_args!(""));
        for line in wrapped(setting.meaning, 98) {
            push(&mut text, format_args!("# {line}"));
        }
        push(&mut text, format_args!("# Variables: {}.", setting.variables().join(", ")));
        push(
            &mut text,
            format_args!("# {name} = {}", setting.in_toml(&setting.default.replace("{data_dir}", "./weir-data"))),
        );
    }
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let written = writeln!(text, "{line}");
    debug_assert!(written.is_ok(), "a string takes all text");
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if lines[last].is_empty() {
            lines[last].push_str(word);
        } else if lines[last].len() + 1 + word.len() > width {
            lines.push(word.to_owned());
        } else {
            lines[last].push(' ');
            lines[last].push_str(word);
        }
    }
    lines
}

fn given(text: &str) -> Result<&str, String> {
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(text) }
}

fn at_least_one<N: std::str::FromStr + PartialOrd + From<u8>>(text: &str) -> Result<N, String> {
    let number = text.parse::<N>().ok().filter(|number| *number >= N::from(1));
    number.ok_or_else(|| "expected a whole number, 1 or more".to_owned())
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// A network, or a single address.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse().ok().map(|address: std::net::IpAddr| address.into());
    text.parse().ok().or_else(address).ok_or_else(|| format!("{text:?} is neither an address nor a network"))
}
