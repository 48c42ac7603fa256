//! Rules about params: what the node type's JSON Schema says, with expressions standing for any value.

use std::collections::BTreeMap;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::codes::{PARAM_INVALID, PARAM_MISSING, PARAM_UNKNOWN};
use super::nearest::{nearest, suggestion};
use super::subject::{NodeView, Subject};
use crate::node_type::NodeTypeInfo;
use crate::pointer::join;
use crate::problem::Problem;
use crate::schema::params_schema;
use crate::schema_errors::{each_cause, message};

/// Problems told for one node; a large array of wrong items would bury the rest.
const MAX_PROBLEMS: usize = 50;

pub(super) fn check(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let mut compiled: BTreeMap<&str, Option<Params>> = BTreeMap::new();
    for view in &subject.nodes {
        let Some(info) = view.info else { continue };
        let Some(params) = compiled.entry(info.name).or_insert_with(|| Params::compile(info)) else { continue };
        let instance = Value::Object(view.node.data.params.clone());
        let at = format!("{}/data/params", view.at);
        let mut broken = Vec::new();
        for error in params.validator.iter_errors(&instance) {
            each_cause(&error, &mut |cause| params.tell(cause, view, &at, &mut broken));
            if broken.len() >= MAX_PROBLEMS {
                break;
            }
        }
        problems.extend(broken.into_iter().take(MAX_PROBLEMS).map(|problem| view.blame(problem)));
    }
}

/// The compiled schema of a node type's params.
struct Params {
    schema: Value,
    validator: Validator,
}

impl Params {
    /// `None` for a type whose own schema is broken: its params cannot be judged, and no author can mend it.
    fn compile(info: &NodeTypeInfo) -> Option<Self> {
        let schema = params_schema(info);
        let validator = jsonschema::draft202012::options().offline().build(&schema);
        debug_assert!(validator.is_ok(), "the params schema of `{}`: {:?}", info.name, validator.err());
        Some(Self { validator: validator.ok()?, schema })
    }

    fn tell(&self, error: &ValidationError<'_>, view: &NodeView<'_>, at: &str, broken: &mut Vec<Problem>) {
        let place = error.instance_path().as_str();
        let node_type = &view.node.node_type;
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let given = error.instance().as_object().into_iter().flat_map(|given| given.keys());
                let near = nearest(name, given.map(String::as_str))
                    .map_or_else(String::new, |given| format!("rename `{given}`? "));
                broken.push(PARAM_MISSING.at(
                    join(&format!("{at}{place}"), name),
                    format!("`{}` has no {} `{name}`", view.node.id, if place.is_empty() { "param" } else { "field" }),
                    format!("{near}a `{node_type}` needs `{}`", join(place, name).trim_start_matches('/')),
                ));
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let known = self.known_beside(error);
                for name in unexpected {
                    let near = suggestion(name, known.iter().map(String::as_str));
                    broken.push(PARAM_UNKNOWN.at(
                        join(&format!("{at}{place}"), name),
                        format!("a `{node_type}` has no param `{}`", join(place, name).trim_start_matches('/')),
                        if known.is_empty() {
                            "remove it".to_owned()
                        } else {
                            format!("{near}known are {}", known.join(", "))
                        },
                    ));
                }
            }
            _ => {
                let what = match place.trim_start_matches('/') {
                    "" => "the params".to_owned(),
                    path => format!("`{path}`"),
                };
                broken.push(PARAM_INVALID.at(
                    format!("{at}{place}"),
                    message(error, &what),
                    format!("see the params of `{node_type}`; an expression in `{{{{ }}}}` may stand for any value"),
                ));
            }
        }
    }

    /// The names that the schema knows where it refused others.
    fn known_beside(&self, error: &ValidationError<'_>) -> Vec<String> {
        let around = error.schema_path().as_str().rsplit_once('/').map_or("", |(around, _)| around);
        self.schema
            .pointer(around)
            .and_then(|schema| schema.get("properties"))
            .and_then(Value::as_object)
            .map_or_else(Vec::new, |fields| fields.keys().cloned().collect())
    }
}
