//! Rules about the expressions in params: their syntax, the names they use, the nodes they read.

use std::collections::{BTreeMap, BTreeSet};

use super::codes::{EXPRESSION_NODE_NOT_BEFORE, EXPRESSION_SYNTAX, EXPRESSION_UNKNOWN_NAME, EXPRESSION_UNKNOWN_NODE};
use super::flow::Before;
use super::nearest::suggestion;
use super::subject::{Level, Subject};
use crate::evaluator::{ExpressionError, References};
use crate::node_type::Role;
use crate::params::templates_of;
use crate::problem::Problem;

/// Names in scope everywhere.
const SCOPE: [&str; 4] = ["input", "steps", "vars", "execution"];

/// Names that JavaScript brings along. Some are taken away when an expression runs; that is the evaluator's to say.
const JAVASCRIPT: [&str; 49] = [
    "AggregateError",
    "Array",
    "ArrayBuffer",
    "BigInt",
    "Boolean",
    "DataView",
    "Date",
    "Error",
    "EvalError",
    "Float32Array",
    "Float64Array",
    "Infinity",
    "Int16Array",
    "Int32Array",
    "Int8Array",
    "Intl",
    "Iterator",
    "JSON",
    "Map",
    "Math",
    "NaN",
    "Number",
    "Object",
    "Promise",
    "Proxy",
    "RangeError",
    "ReferenceError",
    "Reflect",
    "RegExp",
    "Set",
    "String",
    "Symbol",
    "SyntaxError",
    "TypeError",
    "URIError",
    "Uint16Array",
    "Uint32Array",
    "Uint8Array",
    "WeakMap",
    "WeakSet",
    "decodeURI",
    "decodeURIComponent",
    "encodeURI",
    "encodeURIComponent",
    "globalThis",
    "isFinite",
    "isNaN",
    "parseFloat",
    "parseInt",
];

pub(super) fn check(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let before = Before::new(subject);
    let undone = undone(subject);
    // The same expression often stands in many places, and to parse one costs more than to look it up.
    let mut checked: BTreeMap<String, Result<References, ExpressionError>> = BTreeMap::new();
    for (index, view) in subject.nodes.iter().enumerate() {
        let literal = view.info.map_or(&[][..], |info| info.literal_params);
        let place = Place { subject, before: &before, undone: &undone, index };
        let names = place.names();
        for (pointer, template) in templates_of(&view.node.data.params, literal) {
            let at = format!("{}/data/params{pointer}", view.at);
            let template = match template {
                Ok(template) => template,
                Err(error) => {
                    problems.push(view.blame(EXPRESSION_SYNTAX.at(
                        at,
                        error.to_string(),
                        "close it with `}}`; a literal `{{` is written `{{ \"{{\" }}`",
                    )));
                    continue;
                }
            };
            for expression in template.expressions() {
                let checked = match checked.get(expression) {
                    Some(checked) => checked,
                    None => checked.entry(expression.to_owned()).or_insert_with(|| subject.evaluator.check(expression)),
                };
                let mut broken = Vec::new();
                match checked {
                    Ok(references) => place.references(references, &names, &at, &mut broken),
                    Err(error) => broken.push(EXPRESSION_SYNTAX.at(
                        &at,
                        format!("{error}, in `{}`", shortened(expression)),
                        "write one JavaScript expression, such as `steps.fetch.body.items.length > 0`",
                    )),
                }
                problems.extend(broken.into_iter().map(|problem| view.blame(problem)));
            }
        }
    }
}

/// For each compensation, the nodes that it undoes.
fn undone<'a>(subject: &Subject<'a>) -> BTreeMap<&'a str, Vec<usize>> {
    let mut undone: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, view) in subject.nodes.iter().enumerate() {
        if let Some(by) = &view.node.data.compensate {
            undone.entry(by).or_default().push(index);
        }
    }
    undone
}

/// The node whose expressions are looked at.
struct Place<'s, 'a> {
    subject: &'s Subject<'a>,
    before: &'s Before,
    undone: &'s BTreeMap<&'a str, Vec<usize>>,
    index: usize,
}

impl Place<'_, '_> {
    fn role_of(&self, index: usize) -> Option<Role> {
        self.subject.nodes[index].role()
    }

    /// The names that the containers around give.
    fn names(&self) -> BTreeSet<&'static str> {
        let mut around: Vec<usize> = self.subject.around(self.index).collect();
        // A loop's own params are looked at before each iteration, with the iteration in scope.
        if self.role_of(self.index) == Some(Role::Loop) {
            around.insert(0, self.index);
        }
        let mut names = BTreeSet::new();
        match around.first().and_then(|container| self.role_of(*container)) {
            Some(Role::Map) => names.extend(["item", "index"]),
            Some(Role::Loop) => names.extend(["iteration", "previous"]),
            // What a node of an unknown type would give cannot be told.
            None if !around.is_empty() || self.subject.nodes[self.index].level == Level::Lost => {
                names.extend(["item", "index", "iteration", "previous", "parent"]);
            }
            _ => {}
        }
        if around.len() > 1 {
            names.insert("parent");
        }
        names
    }

    fn references(&self, references: &References, local: &BTreeSet<&str>, at: &str, broken: &mut Vec<Problem>) {
        for name in &references.names {
            let name = name.as_str();
            if SCOPE.contains(&name) || local.contains(name) || JAVASCRIPT.contains(&name) || name == "undefined" {
                continue;
            }
            let hint = match name {
                "item" | "index" => {
                    "`item` and `index` are there directly inside of a `map` only; `parent` leads outwards".to_owned()
                }
                "iteration" | "previous" => {
                    "`iteration` and `previous` are there directly inside of a `loop` only; `parent` leads outwards"
                        .to_owned()
                }
                "parent" => "`parent` is there only inside of a container within another".to_owned(),
                _ if self.subject.by_id.contains_key(name) => format!("write `steps.{name}`"),
                _ => {
                    let known = SCOPE.iter().copied().chain(local.iter().copied());
                    let near = suggestion(name, known.clone().chain(JAVASCRIPT));
                    format!("{near}in scope are {}", known.collect::<Vec<_>>().join(", "))
                }
            };
            broken.push(EXPRESSION_UNKNOWN_NAME.at(at, format!("nothing is called `{name}` here"), hint));
        }
        for step in &references.steps {
            broken.extend(self.step(step, at));
        }
    }

    fn step(&self, step: &str, at: &str) -> Option<Problem> {
        let Some(&target) = self.subject.by_id.get(step) else {
            let near = self.subject.meant(step, |index| self.can_read(index));
            return Some(EXPRESSION_UNKNOWN_NODE.at(
                at,
                format!("there is no node `{step}` to read"),
                format!("{near}name a node that comes before `{}`", self.id()),
            ));
        };
        if self.can_read(target) {
            return None;
        }
        let inside: Vec<usize> = self.subject.around(target).collect();
        let hint = if target == self.index {
            "a node cannot read its own output".to_owned()
        } else if self.subject.around(self.index).any(|container| container == target) {
            format!("what `{step}` gives its body is `item` and `index`, or `iteration` and `previous`")
        } else if let Some(&container) = inside.iter().find(|container| self.can_read(**container)) {
            let container = &self.subject.nodes[container].node.id;
            format!("`{step}` runs inside of `{container}`: read its results from `steps.{container}`")
        } else {
            format!("add an edge so that `{step}` comes before `{}`", self.id())
        };
        Some(EXPRESSION_NODE_NOT_BEFORE.at(at, format!("`{step}` cannot have run before `{}`", self.id()), hint))
    }

    fn id(&self) -> &str {
        &self.subject.nodes[self.index].node.id
    }

    /// Whether a node's output may be there when this one runs.
    fn can_read(&self, target: usize) -> bool {
        self.before.comes_before(target, self.index)
            || self.subject.nodes[self.index].level == Level::Lost
            || self.subject.around(self.index).any(|container| self.before.comes_before(target, container))
            || self
                .undone
                .get(self.id())
                .into_iter()
                .flatten()
                .any(|undone| *undone == target || self.before.comes_before(target, *undone))
    }
}

fn shortened(expression: &str) -> String {
    if expression.chars().count() <= 80 {
        expression.to_owned()
    } else {
        expression.chars().take(80).chain(['…']).collect()
    }
}
