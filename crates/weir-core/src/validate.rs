//! The rules of a workflow document: all that are broken are told at once, each with its place and a way out.

pub mod codes;
mod edges;
mod expressions;
mod flow;
mod ids;
mod limits;
pub mod nearest;
mod node_settings;
mod params;
mod structure;
mod subject;

use std::collections::BTreeSet;

use serde_json::Value;

use self::subject::Subject;
use crate::document::read;
use crate::evaluator::Evaluator;
use crate::node_type::Catalog;
use crate::problem::{Problem, Severity};

/// The most problems told of one document.
const MAX_PROBLEMS: usize = 1_000;

/// Everything that is wrong or doubtful in a document, errors first; [`codes::ALL`] tells the rules. Of a document with
/// more than a thousand problems the first thousand are told.
///
/// The tree need not have the shape of a document: what is not readable is a problem like any other.
pub fn validate(tree: &Value, catalog: &Catalog, evaluator: &dyn Evaluator) -> Vec<Problem> {
    let mut problems = limits::check_tree(tree);
    if !problems.is_empty() {
        return problems;
    }
    let reading = read(tree.clone());
    let unreadable: BTreeSet<&str> = reading
        .problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| problem.pointer.as_str())
        .collect();
    let subject = Subject::new(&reading, catalog, evaluator);
    limits::check(&subject, &mut problems);
    // Beyond the limits the other rules could take long, and their answers would help nobody.
    if problems.iter().all(|problem| ![codes::NODES_TOO_MANY.code, codes::EDGES_TOO_MANY.code].contains(&problem.code))
    {
        ids::check(&subject, &mut problems);
        structure::check(&subject, &mut problems);
        edges::check(&subject, &mut problems);
        flow::check(&subject, &mut problems);
        node_settings::check(&subject, &mut problems);
        params::check(&subject, &mut problems);
        expressions::check(&subject, &mut problems);
    }
    // A field of the wrong type stands at its default in the reading; what the rules say about that is noise.
    problems.retain(|problem| !ancestors(&problem.pointer).any(|place| unreadable.contains(place)));
    problems.extend(reading.problems);
    problems.sort_by_key(|problem| problem.severity == Severity::Warning);
    problems.truncate(MAX_PROBLEMS);
    problems
}

/// The place itself and all places around it.
fn ancestors(pointer: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(pointer), |place| place.rsplit_once('/').map(|(around, _)| around))
}
