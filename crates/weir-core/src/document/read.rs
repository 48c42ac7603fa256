//! A tree of values to a typed document, leniently: what has the wrong shape is reported and left out, the rest is read.

use serde_json::{Map, Number, Value};

use super::{Document, Edge, Exponential, Join, Node, NodeData, OnError, Position, Retry, Settings};
use crate::pointer::join;
use crate::problem::Problem;
use crate::validate::codes::{FIELD_MISSING, FIELD_MISSPELT, FIELD_TYPE};
use crate::validate::nearest::{nearest, suggestion};

/// As much of a document as could be read.
pub(crate) struct Reading {
    /// The document; fields of the wrong shape have their defaults.
    pub(crate) document: Document,
    /// For each of its nodes, the index in the tree's array.
    pub(crate) node_places: Vec<usize>,
    /// The same of the edges.
    pub(crate) edge_places: Vec<usize>,
    /// What has the wrong shape.
    pub(crate) problems: Vec<Problem>,
}

/// Reads what can be read.
pub(crate) fn read(tree: Value) -> Reading {
    let mut problems = Vec::new();
    let mut node_places = Vec::new();
    let mut edge_places = Vec::new();
    let mut fields = Fields::new(String::new(), tree, "the document", &mut problems).unwrap_or_else(|| Fields {
        at: String::new(),
        fields: Map::new(),
        problems: None,
    });
    let name = fields.required("name", "a text", text).unwrap_or_default();
    let description = fields.optional("description", "a text", text);
    let inputs = fields.optional("inputs", "a JSON Schema", Some);
    let settings = fields.child("settings").map(settings).unwrap_or_default();
    let nodes = fields.elements("nodes", true, &mut node_places, node);
    let edges = fields.elements("edges", false, &mut edge_places, edge);
    let viewport = fields.optional("viewport", "an object", Some);
    let extra = fields.rest(&["name", "description", "inputs", "settings", "nodes", "edges", "viewport"]);
    Reading {
        document: Document { name, description, inputs, settings, nodes, edges, viewport, extra },
        node_places,
        edge_places,
        problems,
    }
}

fn settings(mut fields: Fields<'_>) -> Settings {
    Settings {
        timeout_seconds: fields.optional("timeout_seconds", "a number of seconds", |value| value.as_f64()),
        max_parallel_nodes: fields.optional("max_parallel_nodes", "a whole number", whole),
        extra: fields.rest(&["timeout_seconds", "max_parallel_nodes"]),
    }
}

fn node(mut fields: Fields<'_>) -> Node {
    let first = fields.count();
    let id = fields.required("id", "a text", text).unwrap_or_default();
    let node_type = fields.required("type", "a text", text).unwrap_or_default();
    let parent = fields.optional("parentNode", "the id of a container", text);
    let position = fields.child("position").and_then(position);
    let data = fields.child("data").map(data).unwrap_or_default();
    let extra = fields.rest(&["id", "type", "parentNode", "position", "data"]);
    fields.blame(first, |problem| problem.node = Some(id.clone()));
    Node { id, node_type, parent, position, data, extra }
}

fn position(mut fields: Fields<'_>) -> Option<Position> {
    let x = fields.required("x", "a number", number)?;
    let y = fields.required("y", "a number", number)?;
    Some(Position { x, y, extra: fields.rest(&["x", "y"]) })
}

fn data(mut fields: Fields<'_>) -> NodeData {
    NodeData {
        label: fields.optional("label", "a text", text),
        params: fields
            .optional("params", "an object", |value| match value {
                Value::Object(params) => Some(params),
                _ => None,
            })
            .unwrap_or_default(),
        retry: fields.child("retry").map(retry),
        timeout_seconds: fields.optional("timeout_seconds", "a number of seconds", |value| value.as_f64()),
        on_error: fields
            .optional("on_error", "one of `fail`, `continue`, `branch`", |value| match value.as_str()? {
                "fail" => Some(OnError::Fail),
                "continue" => Some(OnError::Continue),
                "branch" => Some(OnError::Branch),
                _ => None,
            })
            .unwrap_or_default(),
        join: fields
            .optional("join", "one of `all`, `any`", |value| match value.as_str()? {
                "all" => Some(Join::All),
                "any" => Some(Join::Any),
                _ => None,
            })
            .unwrap_or_default(),
        compensate: fields.optional("compensate", "the id of a node", text),
        checkpoint: fields.optional("checkpoint", "true or false", |value| value.as_bool()).unwrap_or_default(),
        extra: fields.rest(&[
            "label",
            "params",
            "retry",
            "timeout_seconds",
            "on_error",
            "join",
            "compensate",
            "checkpoint",
        ]),
    }
}

fn retry(mut fields: Fields<'_>) -> Retry {
    Retry {
        max_attempts: fields.optional("max_attempts", "a whole number", whole),
        delays_seconds: fields.optional("delays_seconds", "an array of seconds", |value| {
            value.as_array()?.iter().map(Value::as_f64).collect()
        }),
        exponential: fields.child("exponential").and_then(exponential),
        extra: fields.rest(&["max_attempts", "delays_seconds", "exponential"]),
    }
}

fn exponential(mut fields: Fields<'_>) -> Option<Exponential> {
    let factor = fields.optional("factor", "a number", |value| value.as_f64());
    let max_seconds = fields.optional("max_seconds", "a number of seconds", |value| value.as_f64());
    let initial_seconds = fields.required("initial_seconds", "a number of seconds", |value| value.as_f64())?;
    let extra = fields.rest(&["initial_seconds", "factor", "max_seconds"]);
    Some(Exponential { initial_seconds, factor, max_seconds, extra })
}

fn edge(mut fields: Fields<'_>) -> Edge {
    let first = fields.count();
    let id = fields.required("id", "a text", text).unwrap_or_default();
    let source = fields.required("source", "the id of a node", text).unwrap_or_default();
    let source_handle = fields.optional("sourceHandle", "a text", text);
    let target = fields.required("target", "the id of a node", text).unwrap_or_default();
    let extra = fields.rest(&["id", "source", "sourceHandle", "target"]);
    fields.blame(first, |problem| problem.edge = Some(id.clone()));
    Edge { id, source, source_handle, target, extra }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn number(value: Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

fn whole(value: Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}

/// The fields of an object that were not read yet.
struct Fields<'p> {
    at: String,
    fields: Map<String, Value>,
    /// `None` stands for an object that is not there: its missing fields are not worth a word.
    problems: Option<&'p mut Vec<Problem>>,
}

impl<'p> Fields<'p> {
    fn new(at: String, value: Value, what: &str, problems: &'p mut Vec<Problem>) -> Option<Self> {
        match value {
            Value::Object(fields) => Some(Self { at, fields, problems: Some(problems) }),
            other => {
                problems.push(wrong_type(&at, what, &other, "an object"));
                None
            }
        }
    }

    fn report(&mut self, problem: Problem) {
        if let Some(problems) = &mut self.problems {
            problems.push(problem);
        }
    }

    fn count(&self) -> usize {
        self.problems.as_ref().map_or(0, |problems| problems.len())
    }

    fn blame(&mut self, first: usize, name: impl Fn(&mut Problem)) {
        for problem in self.problems.iter_mut().flat_map(|problems| &mut problems[first..]) {
            name(problem);
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.shift_remove(name).filter(|value| !value.is_null())
    }

    fn optional<T>(&mut self, name: &str, wanted: &str, read: impl FnOnce(Value) -> Option<T>) -> Option<T> {
        let value = self.take(name)?;
        let wrong = wrong_type(&join(&self.at, name), &format!("`{name}`"), &value, wanted);
        let read = read(value);
        if read.is_none() {
            self.report(wrong);
        }
        read
    }

    fn required<T>(&mut self, name: &str, wanted: &str, read: impl FnOnce(Value) -> Option<T>) -> Option<T> {
        if self.fields.get(name).is_none_or(Value::is_null) {
            let near = suggestion(name, self.fields.keys().map(String::as_str));
            let problem = FIELD_MISSING.at(
                join(&self.at, name),
                format!("`{name}` is missing"),
                format!("{near}add `{name}`: {wanted}"),
            );
            self.report(problem);
            return None;
        }
        self.optional(name, wanted, read)
    }

    fn child(&mut self, name: &str) -> Option<Fields<'_>> {
        let value = self.take(name)?;
        let at = join(&self.at, name);
        Fields::new(at, value, &format!("`{name}`"), self.problems.as_deref_mut()?)
    }

    fn elements<T>(
        &mut self,
        name: &str,
        required: bool,
        places: &mut Vec<usize>,
        read: impl Fn(Fields<'_>) -> T,
    ) -> Vec<T> {
        let array = |value| match value {
            Value::Array(items) => Some(items),
            _ => None,
        };
        let items =
            if required { self.required(name, "an array", array) } else { self.optional(name, "an array", array) };
        let mut elements = Vec::new();
        let at = join(&self.at, name);
        let Some(problems) = self.problems.as_deref_mut() else {
            return elements;
        };
        for (index, item) in items.into_iter().flatten().enumerate() {
            let what = format!("element {index} of `{name}`");
            if let Some(fields) = Fields::new(format!("{at}/{index}"), item, &what, problems) {
                places.push(index);
                elements.push(read(fields));
            }
        }
        elements
    }

    /// The unknown fields; those that look like one of the known are doubted.
    fn rest(&mut self, known: &[&str]) -> Map<String, Value> {
        let rest = std::mem::take(&mut self.fields);
        for name in rest.keys() {
            if let Some(meant) = nearest(name, known.iter().copied()) {
                let problem = FIELD_MISSPELT.at(
                    join(&self.at, name),
                    format!("`{name}` has no meaning here"),
                    format!("did you mean `{meant}`?"),
                );
                self.report(problem);
            }
        }
        rest
    }
}

fn wrong_type(at: &str, what: &str, value: &Value, wanted: &str) -> Problem {
    let found = match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.len() <= 40 => format!("`{text}`"),
        Value::String(_) => "a long text".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    FIELD_TYPE.at(at, format!("{what} is {found}, not {wanted}"), format!("write {wanted}"))
}
