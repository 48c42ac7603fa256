//! The only place that writes to standard output and standard error (besides the log).

use std::io::{ErrorKind, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

/// Texts in a table are cut to this length, in characters.
const CELL: usize = 120;

/// A line on standard output.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    leave_if_nobody_reads(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// A text on standard output as it is.
pub(crate) fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    leave_if_nobody_reads(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// A value on standard output as JSON, readable for people too.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(&text),
        Err(error) => note(&format!("error: the result is no JSON: {error}")),
    }
}

/// A line on standard error, for people.
pub(crate) fn note(text: &str) {
    // If nobody can be told, there is nothing else to do about it.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A table on standard output.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    line(&rendered(head.map(str::to_owned).to_vec(), rows.into_iter().map(Vec::from).collect()));
}

/// A result for people: a table where it is one, readable JSON otherwise.
pub(crate) fn result(value: &Value) {
    match value {
        Value::String(text) => line(text),
        Value::Object(fields) if !fields.is_empty() => {
            let rows = fields.iter().map(|(name, value)| vec![name.clone(), cell(value)]).collect();
            line(&rendered(vec!["name".to_owned(), "value".to_owned()], rows));
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            let mut head: Vec<String> = Vec::new();
            for name in items.iter().filter_map(Value::as_object).flat_map(|item| item.keys()) {
                if !head.contains(name) {
                    head.push(name.clone());
                }
            }
            let row = |item: &Value| head.iter().map(|name| item.get(name).map(cell).unwrap_or_default()).collect();
            let rows = items.iter().map(row).collect();
            line(&rendered(head, rows));
        }
        other => json(other),
    }
}

/// A value in a table.
pub(crate) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= CELL { text } else { text.chars().take(CELL - 1).chain(['…']).collect() }
}

/// A field of an object as it looks in a table.
pub(crate) fn field(object: &Value, name: &str) -> String {
    object.get(name).map(cell).unwrap_or_default()
}

fn rendered(head: Vec<String>, rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head);
    table.add_rows(rows);
    let lines: Vec<String> = table.to_string().lines().map(|line| line.trim().to_owned()).collect();
    lines.join("\n")
}

/// `weir ... | head` closes the pipe: that is no failure of ours, and nobody is left to tell.
fn leave_if_nobody_reads(written: std::io::Result<()>) {
    if let Err(error) = written {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        note(&format!("error: cannot write to standard output: {error}"));
        std::process::exit(1);
    }
}
