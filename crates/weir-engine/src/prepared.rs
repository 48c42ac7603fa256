//! What is worked out once for a document and used by all of its executions.

use std::sync::{Arc, OnceLock};

use serde_json::Value;
use weir_core::evaluator::{Evaluator, References};
use weir_core::node_error::NodeError;
use weir_core::params::references_of;
use weir_core::plan::{NodeIx, Plan};
use weir_core::template::Template;
use weir_core::user_schema::UserSchema;

use crate::error::{Error, InputProblem};

/// A plan with its input schema compiled and its params analysed (each on first use).
pub(crate) struct Prepared {
    pub(crate) plan: Arc<Plan>,
    inputs: OnceLock<Option<UserSchema>>,
    params: Vec<OnceLock<Result<Params, NodeError>>>,
}

/// What is known about a node's params without running it.
#[derive(Clone)]
pub(crate) enum Params {
    /// No expression in them: they are what they are.
    Fixed(Value),
    /// They have to be rendered, with these values in scope.
    Rendered(Arc<References>),
}

impl Prepared {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let params = plan.nodes.iter().map(|_| OnceLock::new()).collect();
        Self { plan, inputs: OnceLock::new(), params }
    }

    /// Checks an execution's input against the document's `inputs`.
    pub(crate) fn check_input(&self, input: &Value) -> Result<(), Error> {
        let compiled = self.inputs.get_or_init(|| {
            // A schema that does not compile was refused when the document was validated.
            self.plan.document.inputs.as_ref().and_then(|schema| UserSchema::compile(schema).ok())
        });
        let Some(schema) = compiled else { return Ok(()) };
        let problems: Vec<InputProblem> = schema
            .errors(input)
            .into_iter()
            .map(|error| InputProblem { pointer: error.pointer, message: error.message })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::Input(problems)) }
    }

    /// What is known about this node's params.
    pub(crate) fn params(&self, node: NodeIx, evaluator: &dyn Evaluator) -> Result<Params, NodeError> {
        let known = self.params[node].get_or_init(|| {
            let params = &self.plan.node_data(node).params;
            let literal = self.plan.nodes[node].literal_params;
            let is_fixed =
                params.iter().all(|(name, value)| literal.contains(&name.as_str()) || !has_expression(value));
            if is_fixed {
                return Ok(Params::Fixed(Value::Object(params.clone())));
            }
            references_of(params, literal, evaluator)
                .map(|references| Params::Rendered(Arc::new(references)))
                .map_err(|error| NodeError::invalid(error.to_string()))
        });
        known.clone()
    }
}

fn has_expression(value: &Value) -> bool {
    match value {
        Value::String(text) => Template::has_expression(text),
        Value::Array(items) => items.iter().any(has_expression),
        Value::Object(fields) => fields.values().any(has_expression),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
