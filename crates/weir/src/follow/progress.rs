//! Shows what happens in an execution: a bar with the running nodes on a terminal, lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use weir_base::Timestamp;
use weir_core::event::{AfterFailure, Event, JournalEvent};
use weir_core::outcome::Wait;
use weir_core::path::NodePath;

use crate::output;

/// Names of running nodes in the bar.
const NAMES: usize = 4;

/// What is shown of an execution.
pub(super) struct Progress {
    id: String,
    bar: Option<ProgressBar>,
    /// When the nodes that run began.
    running: BTreeMap<String, Timestamp>,
    counts: String,
}

impl Progress {
    pub(super) fn new(id: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(100);
            // The template is fixed, and its words are known.
            if let Ok(style) = ProgressStyle::with_template("{spinner} [{bar:24}] {percent:>3}% {wide_msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.enable_steady_tick(std::time::Duration::from_millis(100));
            bar
        });
        Self { id: id.to_owned(), bar, running: BTreeMap::new(), counts: String::new() }
    }

    pub(super) const fn has_bar(&self) -> bool {
        self.bar.is_some()
    }

    /// A line for people, above the bar.
    pub(super) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => output::note(text),
        }
    }

    /// How far the execution is, as the API tells it.
    pub(super) fn state(&mut self, execution: &Value) {
        if let Some(bar) = &self.bar {
            bar.set_position(execution["progress"].as_u64().unwrap_or_default());
            self.counts = format!("{}/{} nodes", execution["nodes_done"], execution["nodes_known"]);
            self.show_names();
        }
    }

    /// Something happened.
    pub(super) fn event(&mut self, event: &JournalEvent) {
        match &event.event {
            Event::NodeStarted { path, attempt } => {
                self.running.insert(path.to_string(), event.at);
                if is_outermost(path) && self.bar.is_none() {
                    let again = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
                    self.line(&format!("> {path}{again}"));
                }
            }
            Event::NodeCompleted { path, handle, pinned, .. } => {
                let began = self.running.remove(&path.to_string());
                if is_outermost(path) {
                    let took = began.map(|began| format!("  {}", seconds((event.at - began).num_milliseconds())));
                    let left = handle.as_ref().map(|handle| format!(" -> {handle}")).unwrap_or_default();
                    let given = if *pinned { " (pinned)" } else { "" };
                    self.line(&format!("\u{2713} {path}{left}{given}{}", took.unwrap_or_default()));
                }
            }
            Event::NodeFailed { path, attempt, error, then } => {
                self.running.remove(&path.to_string());
                let then = match then {
                    AfterFailure::Retry { at } => format!("; tried again at {}", at.format("%H:%M:%SZ")),
                    AfterFailure::Continue => "; goes on".to_owned(),
                    AfterFailure::Branch => " -> error".to_owned(),
                    AfterFailure::Fail => String::new(),
                };
                self.line(&format!("\u{2717} {path} (attempt {attempt}): {error}{then}"));
            }
            Event::NodeSkipped { path } if is_outermost(path) => self.line(&format!("- {path} skipped")),
            Event::ItemsExpanded { path, count, .. } => {
                self.running.insert(path.to_string(), event.at);
                self.line(&format!("> {path}: {count} items"));
            }
            Event::NodeWaiting { path, wait } => {
                self.running.insert(path.to_string(), event.at);
                self.waits(path, wait);
            }
            Event::Paused => self.line(&format!("paused; `weir execution resume {}` lets it go on", self.id)),
            Event::Resumed => self.line("resumed"),
            Event::RetryRequested => self.line("retried"),
            Event::CancelRequested { reason } => {
                let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                self.line(&format!("cancelling{why}"));
            }
            Event::CompensationStarted { path, by, .. } => self.line(&format!("< {path} is undone by {by}")),
            Event::CompensationCompleted { path, error: Some(error), .. } => {
                self.line(&format!("\u{2717} {path} could not be undone: {error}"));
            }
            _ => {}
        }
        self.show_names();
    }

    fn waits(&self, path: &NodePath, wait: &Wait) {
        let id = &self.id;
        let line = match wait {
            Wait::Timer { due_at } => format!("{path} waits until {}", due_at.format("%Y-%m-%d %H:%M:%SZ")),
            Wait::Signal { name, .. } => {
                format!("{path} waits for `{name}`: weir execution signal {id} {name} --data JSON")
            }
            Wait::Approval(request) => {
                format!("{path} asks: {}\n  weir execution decide {id} {path} --approve (or --reject)", request.title)
            }
            Wait::Child(_) => format!("{path} runs another workflow"),
        };
        self.line(&format!("> {line}"));
    }

    fn show_names(&self) {
        let Some(bar) = &self.bar else { return };
        let mut names: Vec<&str> = self.running.keys().map(String::as_str).take(NAMES).collect();
        if self.running.len() > NAMES {
            names.push("...");
        }
        bar.set_message(format!("{}  {}", self.counts, names.join(", ")));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Bodies of containers are many; only their failures are told.
fn is_outermost(path: &NodePath) -> bool {
    !path.to_string().contains('[')
}

/// A duration for people.
pub(super) fn seconds(milliseconds: i64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        _ => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
    }
}
