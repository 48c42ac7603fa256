//! No evaluation leaves anything for the next one.

use std::sync::Arc;
use std::thread;

use serde_json::json;
use weir_core::evaluator::{Evaluator, Scope};
use weir_expr::JsEvaluator;

use crate::scope;

#[test]
fn prototypes_globals_and_scopes_are_fresh_each_time() {
    let evaluator = JsEvaluator::new();
    let scope = scope();
    for (hostile, probe, untouched) in [
        ("Object.prototype.x = 1", "typeof ({}).x", json!("undefined")),
        ("Array.prototype.map = () => 'mine'", "[1].map(x => x + 1)", json!([2])),
        ("globalThis.leak = 1", "typeof leak", json!("undefined")),
        ("({}).constructor.constructor('return this')().leak = 1", "typeof leak", json!("undefined")),
        ("input.n = 'changed'", "input.n + 0", json!(2)),
        ("input.list.push(4)", "input.list.length + 0", json!(3)),
        ("JSON.stringify = () => 'mine'", "[1]", json!([1])),
        ("(Promise.resolve().then(() => { globalThis.leak = 1 }), 1)", "typeof leak", json!("undefined")),
        ("Symbol.for('a').description", "1 + 0", json!(1)),
    ] {
        let _ = evaluator.evaluate(hostile, &scope);
        assert_eq!(evaluator.evaluate(probe, &scope), Ok(untouched), "{hostile}");
    }
}

#[test]
fn threads_share_an_evaluator() {
    let evaluator = Arc::new(JsEvaluator::new());
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let evaluator = evaluator.clone();
            thread::spawn(move || {
                let scope = Scope { input: Arc::new(json!(n)), ..Scope::default() };
                for _ in 0..20 {
                    assert_eq!(evaluator.evaluate("input * 2", &scope), Ok(json!(n * 2)));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn an_input_of_a_few_mebibytes_fits() {
    let rows: Vec<_> = (0..20_000).map(|n| json!({"id": n, "name": "x".repeat(60)})).collect();
    let scope = Scope { input: Arc::new(json!(rows)), ..Scope::default() };
    assert_eq!(JsEvaluator::new().evaluate("input.filter(row => row.id < 3).length", &scope), Ok(json!(3)));
}
