//! Expressions that want too much end with the error of the limit they break.

use proptest::prelude::*;
use serde_json::json;
use weir_core::evaluator::{Evaluator, ExpressionError, Scope};
use weir_expr::JsEvaluator;

use crate::evaluate;

#[test]
fn endless_work_runs_out_of_time() {
    for expression in [
        "(() => { while (true) {} })()",
        "(() => { while (true) { try { for (;;); } catch {} } })()",
        "(() => { try { for (;;); } finally { for (;;); } })()",
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
        "[3, 2, 1].sort(() => { for (;;); })",
        "({ toJSON() { for (;;); } })",
        "({ get a() { for (;;); } })",
        "(() => { const e = new Error(); Object.defineProperty(e, 'message', { get() { for (;;); } }); throw e })()",
        "[...(function* () { for (;;) yield* []; })()]",
        "(() => { const it = { next: () => ({ done: false }), [Symbol.iterator]() { return this } }; for (const x of it); })()",
        "`${{ toString() { for (;;); } }}`",
        "Array(4294967295).indexOf(1)",
        "Array(4294967295).every(isNaN)",
        "eval('for (;;);')",
        "Function('for (;;);')()",
        "({}).constructor.constructor('for (;;);')()",
        "(() => { const s = 'a'.repeat(1e6); for (;;) s.indexOf('b'); })()",
        "(() => { const s = 'a'.repeat(3e5); for (;;) s.toUpperCase(); })()",
    ] {
        assert_eq!(evaluate(expression), Err(ExpressionError::Time { limit_ms: 100 }), "{expression}");
    }
}

#[test]
fn memory_bombs_run_out_of_memory() {
    for expression in [
        "(() => { let a = [1]; for (;;) a = a.concat(a); })()",
        "(() => { let s = 'x'; for (;;) s = (s + s).toUpperCase(); })()",
        "'x'.repeat(1e9)",
        "'x'.padEnd(5e8)",
        "[...Array(1e9)]",
        "'x'.repeat(2e7).split('')",
        "Array.from({ length: 1e8 })",
        "JSON.parse('[' + '1,'.repeat(5e6) + '1]')",
        "[1, 2].map(() => 'x'.repeat(2e7))",
        "JSON.stringify((() => { let a = {}; for (let i = 0; i < 60; i++) a = { a, b: a }; return a })())",
        "(() => { let a = {}; for (let i = 0; i < 60; i++) a = { a, b: a }; return a })()",
    ] {
        let result = evaluate(expression);
        // Filling the memory step by step takes a good part of the time limit; a busy machine meets that one first.
        let out_of_time_first = expression.contains("for (") && result == Err(ExpressionError::Time { limit_ms: 100 });
        assert!(
            result == Err(ExpressionError::Memory { limit_mib: 32 }) || out_of_time_first,
            "{expression}: {result:?}"
        );
    }
}

#[test]
fn deep_recursion_runs_out_of_stack() {
    for expression in [
        "(() => { const f = () => f() + 1; return f(); })()",
        "(() => { const f = (n) => [n].map(f); return f(1); })()",
        "(() => { const o = { toString() { return `${o}` } }; return `${o}`; })()",
        "JSON.parse('['.repeat(1e6))",
    ] {
        assert_eq!(evaluate(expression), Err(ExpressionError::Stack), "{expression}");
    }
    let nested = format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000));
    assert_eq!(evaluate(&nested), Err(ExpressionError::Stack));
}

#[test]
fn native_loops_of_any_length_are_refused() {
    for expression in [
        "'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b')",
        "'a'.repeat(4e6).lastIndexOf('b' + 'a'.repeat(2e6))",
        "'a'.repeat(4e6).includes('a'.repeat(2e6) + 'b')",
        "'a'.repeat(4e6).split('a'.repeat(2e6) + 'b')",
        "'a'.repeat(4e6).replace('a'.repeat(2e6) + 'b', '')",
        "'a'.repeat(4e6).replaceAll({ toString: () => 'a'.repeat(2e6) + 'b' }, '')",
        "'a'.repeat(4e6)['index' + 'Of']('a'.repeat(2e6) + 'b')",
        "'a'.repeat(4e6)['index\\u004ff']('a'.repeat(2e6) + 'b')",
        "(({ ['index' + 'Of']: f }) => f.call('a'.repeat(4e6), 'a'.repeat(2e6) + 'b'))('')",
        "String.prototype.indexOf.call(['a'.repeat(4e6)], 'a'.repeat(2e6) + 'b')",
        "Array(4294967295).join('')",
        "Array(4294967295).reverse()",
        "Array(4294967295).slice(1)",
        "Array(4294967295).sort()",
        "[].concat(Array(4294967295))",
        "[].reverse.call({ length: 2 ** 53 - 1 })",
        "[].join.call({ length: 2 ** 53 - 1 }, '')",
        "[].copyWithin.call({ length: 2 ** 53 - 1 }, 0, 1)",
        "new Set(Array(4294967295))",
        "new Set([].values.call({ length: 2 ** 53 - 1 }))",
        "Array(4294967295).values().drop(4294967290).toArray()",
    ] {
        let result = evaluate(expression);
        assert!(matches!(result, Err(ExpressionError::Threw { .. })), "{expression}: {result:?}");
    }
    assert_eq!(evaluate("[Array(4294967295)].flat()"), Err(ExpressionError::Time { limit_ms: 100 }));
    assert_eq!(
        evaluate("(() => { let a = []; for (let i = 0; i < 60; i++) a = [a, a]; return a.flat(Infinity) })()"),
        Err(ExpressionError::Time { limit_ms: 100 })
    );
}

#[test]
fn an_evaluator_works_on_after_every_limit() {
    let evaluator = JsEvaluator::new();
    for expression in [
        "(() => { for (;;); })()",
        "'x'.repeat(1e9)",
        "(() => { const f = () => f() + 1; return f(); })()",
        "Promise.resolve().then(() => { for (;;); })",
    ] {
        assert!(evaluator.evaluate(expression, &Scope::default()).is_err(), "{expression}");
        assert_eq!(evaluator.evaluate("1 + 1", &Scope::default()), Ok(json!(2)), "{expression}");
    }
}

fn token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "input",
        "steps",
        ".",
        "?.",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "`",
        "${",
        "'",
        "\"",
        "/",
        "*",
        "\\",
        "=>",
        ",",
        ":",
        "?",
        "=",
        "+",
        "...",
        "1",
        "0x",
        "1e9",
        "a",
        "x",
        "async",
        "await",
        "function",
        "class",
        "for",
        "(;;)",
        "while",
        "(1)",
        "new",
        "this",
        "eval",
        "Date",
        "repeat",
        "[Symbol.iterator]",
        " ",
        "\n",
        "//",
        "/*",
        "*/",
        ";",
        "é",
        "\u{2028}",
        "\0",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_ends_with_a_value_or_an_error(text in ".{0,40}", tokens in prop::collection::vec(token(), 0..25)) {
        let evaluator = JsEvaluator::new();
        for source in [text, tokens.concat()] {
            let checked = evaluator.check(&source);
            let result = evaluator.evaluate(&source, &crate::scope());
            let engine_failed = matches!(result, Err(ExpressionError::Engine { .. }));
            prop_assert!(!engine_failed, "{:?}: {:?}", source, result);
            if let Err(error @ ExpressionError::Syntax { .. }) = checked {
                prop_assert_eq!(result, Err(error));
            }
        }
    }
}
