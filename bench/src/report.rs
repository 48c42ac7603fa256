//! The figures of a run: a table for people, JSON to compare with later runs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::fsync::Disk;
use crate::machine::Machine;
use crate::store::Store;

/// What a figure should be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn judge(self, value: f64) -> (bool, String) {
        let (met, word, bound) = match self {
            Self::AtMost(bound) => (value <= bound, "at most", bound),
            Self::AtLeast(bound) => (value >= bound, "at least", bound),
        };
        let by = match (met, bound) {
            (_, 0.0) => format!("by {}", short((value - bound).abs())),
            _ => format!("by {:.0} %", ((value - bound) / bound).abs() * 100.0),
        };
        let verdict = match (met, (value - bound).abs() < f64::EPSILON) {
            (true, true) => "met".to_owned(),
            (true, false) => format!("met {by}"),
            (false, _) => format!("NOT MET {by}"),
        };
        (met, format!("{word} {}: {verdict}", short(bound)))
    }
}

/// One number.
#[derive(Debug, Serialize)]
struct Figure {
    workload: &'static str,
    /// The database, when one is involved.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<&'static str>,
    name: String,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
}

/// All that was measured in a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    date: DateTime<Utc>,
    machine: Machine,
    figures: Vec<Figure>,
    /// What could not be measured, and why.
    notes: Vec<String>,
}

/// The figures of one workload on one database.
pub(crate) struct Section<'a> {
    report: &'a mut Report,
    workload: &'static str,
    store: Option<&'static str>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { date: Utc::now(), machine: Machine::here(), figures: Vec::new(), notes: Vec::new() }
    }

    pub(crate) const fn section(&mut self, workload: &'static str, store: Option<Store>) -> Section<'_> {
        let store = match store {
            Some(store) => Some(store.name()),
            None => None,
        };
        Section { report: self, workload, store }
    }

    /// What the disk could do around a workload.
    pub(crate) fn disk(&mut self, store: Store, workload: &'static str, disk: &mut Disk) {
        let mut section = self.section(workload, Some(store));
        section.add("disk: fsyncs", disk.fsyncs_per_second(), "1/s");
        section.add("disk: fsync P50", disk.percentile_ms(0.5), "ms");
        section.add("disk: fsync P99", disk.percentile_ms(0.99), "ms");
    }

    pub(crate) fn note(&mut self, note: String) {
        say(&note);
        self.notes.push(note);
    }

    /// Says under what conditions the run is taken.
    pub(crate) fn introduce(&self) {
        let Machine { cpu, cores, kernel, load, git_revision, git_dirty, .. } = &self.machine;
        let changes = if *git_dirty { " with changes" } else { "" };
        say(&format!(
            "{cores} cores, {cpu}, Linux {kernel}, load {load} at the start, revision {git_revision}{changes}"
        ));
    }

    /// Keeps the run as `<date>.json` in this folder.
    pub(crate) fn keep(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = folder.join(format!("{}.json", self.date.format("%Y-%m-%dT%H%M%SZ")));
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}

impl Section<'_> {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.push(name.into(), value, unit, None);
    }

    pub(crate) fn judge(&mut self, name: impl Into<String>, value: f64, unit: &'static str, target: Target) {
        self.push(name.into(), value, unit, Some(target));
    }

    fn push(&mut self, name: String, value: f64, unit: &'static str, target: Option<Target>) {
        let met = target.map(|target| target.judge(value).0);
        let figure = Figure { workload: self.workload, store: self.store, name, value, unit, target, met };
        say(&figure.line());
        self.report.figures.push(figure);
    }
}

impl Figure {
    fn line(&self) -> String {
        let verdict = self.target.map(|target| target.judge(self.value).1).unwrap_or_default();
        let (workload, store) = (self.workload, self.store.unwrap_or("-"));
        format!("{workload:<6}{store:<10}{:<52}{:>12} {:<7}{verdict}", self.name, short(self.value), self.unit)
    }
}

/// Three digits that say something.
fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Prints a line.
#[expect(clippy::print_stdout, reason = "the figures are for people to read")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
