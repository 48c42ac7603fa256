//! What expressions can do, and what they cannot.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod hostile;
mod isolation;
mod language;
mod paths;
mod references;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use weir_core::evaluator::{Evaluator, ExpressionError, Local, Scope};
use weir_expr::JsEvaluator;

fn scope() -> Scope {
    let outer = Local::Item { item: Arc::new(json!({"name": "outer"})), index: 1, parent: None };
    Scope {
        input: Arc::new(json!({
            "n": 2, "s": "héllo", "none": null, "list": [3, 1, 2], "deep": {"a": [{"b": "c"}]}, "big": 9_007_199_254_740_993_i64,
        })),
        steps: BTreeMap::from([
            ("fetch".to_owned(), Arc::new(json!({"status": 200, "body": {"files": ["a", "b"]}}))),
            ("with-dash".to_owned(), Arc::new(json!(7))),
        ]),
        local: Some(Local::Item { item: Arc::new(json!({"id": 5})), index: 3, parent: Some(Box::new(outer)) }),
        vars: Arc::new(json!({"region": "eu"})),
        execution: Arc::new(json!({"id": "x", "started_at": "2026-01-01T00:00:00Z"})),
    }
}

fn evaluate(expression: &str) -> Result<Value, ExpressionError> {
    JsEvaluator::new().evaluate(expression, &scope())
}
