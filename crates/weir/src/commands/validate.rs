//! `weir validate`: everything that is wrong in workflow files.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use serde_json::{Value, json};
use weir_core::document::{Format, MAX_BYTES, parse};
use weir_core::evaluator::Evaluator;
use weir_core::node_type::Catalog;
use weir_core::problem::{Problem, Severity};
use weir_core::validate::validate;

use super::Context;
use crate::failure::{Exit, problem_text};
use crate::{boot, output};

/// Which files.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Workflow files, JSON or YAML; - for standard input
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
}

pub(crate) async fn run(context: &Context, args: ValidateArgs) -> anyhow::Result<Exit> {
    let (catalog, evaluator) = (boot::catalog(&context.loaded.config).await?, boot::evaluator());
    let mut all_valid = true;
    let mut answers = Vec::new();
    for file in &args.files {
        let bytes = super::read(file, MAX_BYTES as u64 + 1)?;
        let (_, problems) = check(&bytes, &catalog, evaluator.as_ref());
        let valid = is_valid(&problems);
        all_valid &= valid;
        if context.json {
            answers.push(json!({"file": file.display().to_string(), "valid": valid, "problems": problems}));
            continue;
        }
        let (errors, warnings) = count(&problems);
        let verdict = if valid { "valid" } else { "not valid" };
        let counts = match (errors, warnings) {
            (0, 0) => String::new(),
            (0, warnings) => format!(" ({warnings} warnings)"),
            (errors, 0) => format!(" ({errors} errors)"),
            (errors, warnings) => format!(" ({errors} errors, {warnings} warnings)"),
        };
        output::line(&format!("{}: {verdict}{counts}", file.display()));
        for problem in values(&problems) {
            output::line(&problem_text(&problem));
        }
    }
    if context.json {
        output::json(&answers);
    }
    Ok(if all_valid { Exit::Done } else { Exit::Invalid })
}

/// The document's tree, if it can be read, and all that is wrong or doubtful in it.
pub(crate) fn check(bytes: &[u8], catalog: &Catalog, evaluator: &dyn Evaluator) -> (Option<Value>, Vec<Problem>) {
    match parse(bytes, Format::guess(bytes)) {
        Ok(tree) => {
            let problems = validate(&tree, catalog, evaluator);
            (Some(tree), problems)
        }
        Err(problems) => (None, problems),
    }
}

/// Whether a document with these problems can run.
pub(crate) fn is_valid(problems: &[Problem]) -> bool {
    count(problems).0 == 0
}

/// Problems as they are told to programs.
pub(crate) fn values(problems: &[Problem]) -> Vec<Value> {
    // A problem is plain data and always has a JSON form.
    problems.iter().filter_map(|problem| serde_json::to_value(problem).ok()).collect()
}

fn count(problems: &[Problem]) -> (usize, usize) {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    (errors, problems.len() - errors)
}
