//! What must hold for any text that comes in as an expression. A fuzz target calls this, and so does a test of
//! `weir-workflows`, so that the claim is checked without a fuzzer as well.

use std::sync::{Arc, LazyLock};

use serde_json::json;
use weir_core::evaluator::{Evaluator, ExpressionError, Local, Scope};
use weir_expr::JsEvaluator;

static EVALUATOR: LazyLock<JsEvaluator> = LazyLock::new(JsEvaluator::new);

/// Any text comes to an end: it is refused or has a value, the same each time.
pub(crate) fn check(text: &str) {
    let checked = EVALUATOR.check(text);
    let scope = scope();
    let value = EVALUATOR.evaluate(text, &scope);
    if matches!(checked, Err(ExpressionError::Syntax { .. })) {
        assert!(value.is_err(), "{text:?} cannot be read and has the value {value:?}");
    }
    if value.is_ok() {
        let again = EVALUATOR.evaluate(text, &scope);
        // On a busy machine the second try may take too long.
        assert!(again == value || matches!(again, Err(ExpressionError::Time { .. })), "{text:?}: {value:?}, {again:?}");
    }
}

fn scope() -> Scope {
    Scope {
        input: Arc::new(json!({"a": [1, {"b": "text"}, null], "n": 2.5, "__proto__": {"x": 1}})),
        steps: [("fetch".to_owned(), Arc::new(json!({"body": "{\"k\": 1}"})))].into(),
        local: Some(Local::Item { item: Arc::new(json!("ä")), index: 3, parent: None }),
        vars: Arc::new(json!({})),
        execution: Arc::new(json!({"id": "x", "workflow_id": null, "started_at": "2026-01-01T00:00:00Z"})),
    }
}
