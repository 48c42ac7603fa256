//! The expression language: JavaScript expressions in QuickJS, without I/O, clock, randomness or memory of each other.
//!
//! Every evaluation has a runtime of its own, bound to [`MEMORY_LIMIT`] and [`TIME_LIMIT`]. Expressions that are only a
//! path (`input.a[0].b`) or a literal never reach the engine. In JavaScript integers beyond 2^53 lose digits; on a path
//! they keep them. `Date` works in UTC and needs an argument; there are no proxies, typed arrays or weak references.

mod expression;
mod guards;
mod path;
mod realm;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use serde_json::Value;
use weir_core::evaluator::{Evaluator, ExpressionError, Local, References, Scope};

use crate::expression::Expression;
use crate::path::Path;
use crate::realm::Task;
use crate::workers::Workers;

const MEMORY_LIMIT_MIB: u64 = 32;

/// How much memory one evaluation may take, its scope included, in bytes.
pub const MEMORY_LIMIT: usize = 32 * 1024 * 1024;

/// How much processor time one evaluation may take; its caller waits at most a second for it, whatever happens.
pub const TIME_LIMIT: Duration = Duration::from_millis(100);

/// How large the value of an expression may be, in bytes of JSON; a value found by a plain path may be of any size.
pub const MAX_RESULT_BYTES: usize = 8 * 1024 * 1024;

/// How long an expression may be, in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 64 * 1024;

/// How much expression text is remembered, in bytes.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// Evaluates JavaScript expressions.
pub struct JsEvaluator {
    expressions: Cache<String, Result<Arc<Expression>, ExpressionError>>,
    workers: Workers,
}

impl Default for JsEvaluator {
    fn default() -> Self {
        Self::new()
    }
}

impl JsEvaluator {
    /// An evaluator without a thread yet; it makes its threads when it needs them.
    pub fn new() -> Self {
        let weight = |source: &String, _: &Result<Arc<Expression>, ExpressionError>| {
            u32::try_from(source.len() * 2 + 8 * 1024).unwrap_or(u32::MAX)
        };
        Self {
            expressions: Cache::builder().max_capacity(CACHE_BYTES).weigher(weight).build(),
            workers: Workers::default(),
        }
    }

    /// Reads and checks an expression, or remembers it.
    fn expression(&self, source: &str) -> Result<Arc<Expression>, ExpressionError> {
        let source = source.trim();
        if let Some(known) = self.expressions.get(source) {
            return known;
        }
        let read = self.read(source);
        // Failures of limits depend on the moment; only what the text alone decides is kept.
        if matches!(read, Ok(_) | Err(ExpressionError::Syntax { .. })) && source.len() <= MAX_EXPRESSION_BYTES {
            self.expressions.insert(source.to_owned(), read.clone());
        }
        read
    }

    fn read(&self, source: &str) -> Result<Arc<Expression>, ExpressionError> {
        let syntax = |message: &str| Err(ExpressionError::Syntax { message: message.to_owned() });
        if source.is_empty() {
            return syntax("the expression is empty");
        }
        if source.len() > MAX_EXPRESSION_BYTES {
            return syntax("the expression is longer than 65536 bytes");
        }
        let tokens = expression::tokens(source);
        let path = Path::read(&tokens);
        if path.is_none() {
            self.workers.run(Task::Check { source: source.to_owned() })?;
        }
        Ok(Arc::new(Expression::new(source, &tokens, path)))
    }
}

impl Evaluator for JsEvaluator {
    fn check(&self, expression: &str) -> Result<References, ExpressionError> {
        Ok(self.expression(expression)?.references.clone())
    }

    fn evaluate(&self, expression: &str, scope: &Scope) -> Result<Value, ExpressionError> {
        let expression = self.expression(expression)?;
        if let Some(value) = expression.path.as_ref().and_then(|path| path.value(scope)) {
            return Ok(value);
        }
        self.workers.run(Task::Evaluate {
            source: expression.source.clone(),
            guards: expression.guards.clone(),
            uses_dates: expression.uses_dates,
            bindings: bindings(&expression, scope),
        })
    }
}

/// The values an expression needs, as JSON text.
fn bindings(expression: &Expression, scope: &Scope) -> Vec<(&'static str, String)> {
    let local = |name: &str| -> Option<String> {
        let (Local::Item { parent, .. } | Local::Iteration { parent, .. }) = scope.local.as_ref()?;
        match (scope.local.as_ref()?, name) {
            (Local::Item { item, .. }, "item") => Some(item.to_string()),
            (Local::Item { index, .. }, "index") => Some(index.to_string()),
            (Local::Iteration { iteration, .. }, "iteration") => Some(iteration.to_string()),
            (Local::Iteration { previous, .. }, "previous") => Some(previous.to_string()),
            (_, "parent") => Some(Value::Object(parent.as_ref()?.bindings()).to_string()),
            _ => None,
        }
    };
    let value = |root: &'static str| match root {
        "input" => Some(scope.input.to_string()),
        "vars" => Some(scope.vars.to_string()),
        "execution" => Some(scope.execution.to_string()),
        "steps" => Some(steps(&expression.references, scope)),
        name => local(name),
    };
    expression.roots.iter().filter_map(|root| Some((*root, value(root)?))).collect()
}

fn steps(references: &References, scope: &Scope) -> String {
    let needed = scope.steps.iter().filter(|(id, _)| references.any_step || references.steps.contains(*id));
    let members: Vec<String> = needed.map(|(id, output)| format!("{}:{output}", Value::from(id.as_str()))).collect();
    format!("{{{}}}", members.join(","))
}

fn time() -> ExpressionError {
    ExpressionError::Time { limit_ms: u64::try_from(TIME_LIMIT.as_millis()).unwrap_or(u64::MAX) }
}
