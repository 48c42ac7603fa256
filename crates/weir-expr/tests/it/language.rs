//! The language: values, scope, dates, errors.

use serde_json::json;
use weir_core::evaluator::{Evaluator, ExpressionError, Scope};
use weir_expr::JsEvaluator;

use crate::{evaluate, scope};

#[test]
fn expressions_have_the_values_of_javascript() {
    let evaluator = JsEvaluator::new();
    let scope = scope();
    for (expression, value) in [
        ("1 + 2", json!(3)),
        ("0.1 + 0.2", json!(0.1_f64 + 0.2)),
        ("7 / 2", json!(3.5)),
        ("0 / 0", json!(null)),
        ("undefined", json!(null)),
        ("void 0", json!(null)),
        ("({a: undefined, b: () => 1, c: null})", json!({"c": null})),
        ("{a: {b: 1}}", json!({"a": {"b": 1}})),
        ("[1, , undefined, NaN]", json!([1, null, null, null])),
        ("input.n > 1 && input.s", json!("héllo")),
        ("input.missing?.deeper ?? 'none'", json!("none")),
        ("`${input.s}-${input.n}`", json!("héllo-2")),
        ("input.list.map(x => x * 2).filter(x => x > 2).join('+')", json!("6+4")),
        ("input.list.toSorted()", json!([1, 2, 3])),
        ("input.list.sort((a, b) => b - a)", json!([3, 2, 1])),
        ("[[1, [2]], 3].flat()", json!([1, [2], 3])),
        ("[[1, [2]], 3].flat(Infinity)", json!([1, 2, 3])),
        ("[1, 2].flatMap(x => [x, [x]])", json!([1, [1], 2, [2]])),
        ("[1].concat([2], 3, [[4]])", json!([1, 2, 3, [4]])),
        ("'a-b-c'.split('-')", json!(["a", "b", "c"])),
        ("'abc'.split()", json!(["abc"])),
        ("'a1b2'.split(/\\d/)", json!(["a", "b", ""])),
        ("'aXbX'.replace('X', '-')", json!("a-bX")),
        ("'aXbX'.replaceAll('X', m => m + '!')", json!("aX!bX!")),
        ("'aXbX'.replaceAll(/x/gi, '-')", json!("a-b-")),
        ("'aXbX'.replace(/(x)/i, '[$1]')", json!("a[X]bX")),
        ("'undefined'.includes()", json!(true)),
        ("'hello'.indexOf('l') + 'hello'.lastIndexOf('l') * 10", json!(32)),
        ("[1, 2, 3].includes(2)", json!(true)),
        ("[1, 2, 3].indexOf(3)", json!(2)),
        ("[...new Set([1, 1, 2])]", json!([1, 2])),
        ("Object.fromEntries(Object.entries(vars).map(([k, v]) => [v, k]))", json!({"eu": "region"})),
        ("Object.keys(steps)", json!(["fetch", "with-dash"])),
        ("steps.fetch.body.files.length", json!(2)),
        ("steps['with-dash'] + 1", json!(8)),
        ("steps?.fetch?.status === 200 ? 'ok' : 'no'", json!("ok")),
        ("item.id + index", json!(8)),
        ("parent.item.name + parent.index", json!("outer1")),
        ("execution.id + vars.region", json!("xeu")),
        ("globalThis.input.n + this.vars.region", json!("2eu")),
        ("(() => { let sum = 0; for (const x of input.list) sum += x; return sum; })()", json!(6)),
        ("JSON.parse('{\"__proto__\": 1}')", json!({"__proto__": 1})),
        ("input.n // a comment", json!(2)),
        ("/* a */ input.n /* b */", json!(2)),
        ("1, 2", json!(2)),
        ("2 ** 53", json!(9_007_199_254_740_992_u64)),
        ("input.big", json!(9_007_199_254_740_993_i64)),
        ("[input.big]", json!([9_007_199_254_740_992_i64])),
        ("/^h.llo$/.test(input.s)", json!(true)),
        ("new Map([[1, 2]]).get(1)", json!(2)),
        ("'\\u0041' + \"\\n\"", json!("A\n")),
        ("Math.max(...input.list)", json!(3)),
        ("Array.from({length: 3}, (_, i) => i)", json!([0, 1, 2])),
        ("[...[7, 8].entries()]", json!([[0, 7], [1, 8]])),
        ("(function* () { yield 1; yield 2 })().next().value", json!(1)),
    ] {
        assert_eq!(evaluator.evaluate(expression, &scope), Ok(value), "{expression}");
    }
}

#[test]
fn dates_are_in_utc_and_have_no_clock() {
    for (expression, value) in [
        ("new Date('2026-01-02T03:04:05Z')", json!("2026-01-02T03:04:05.000Z")),
        ("new Date('2026-01-02T03:04:05').getHours()", json!(3)),
        ("new Date('2026-01-02T03:04:05+02:00').getHours()", json!(1)),
        ("new Date('2026-01-02').getDate()", json!(2)),
        ("new Date(2026, 0, 2, 3).toISOString()", json!("2026-01-02T03:00:00.000Z")),
        ("new Date(0).getTimezoneOffset()", json!(0)),
        ("new Date(0).toString()", json!("Thu, 01 Jan 1970 00:00:00 GMT")),
        ("new Date(0).toLocaleDateString()", json!("1970-01-01")),
        ("new Date('Thu, 01 Jan 1970 00:00:00 GMT').getTime()", json!(0)),
        ("new Date('1 January 1970').getTime()", json!(null)),
        ("new Date(new Date(5)).getTime()", json!(5)),
        ("Date.parse('2026-01-01')", json!(1_767_225_600_000_u64)),
        ("Date.UTC(1970, 0)", json!(0)),
        ("new Date(0) instanceof Date", json!(true)),
        ("new Date(execution.started_at) - new Date('2025-12-31T23:59:59Z')", json!(1000)),
    ] {
        assert_eq!(evaluate(expression), Ok(value), "{expression}");
    }
    for expression in
        ["new Date()", "Date()", "Date.now()", "new (new Date(0).constructor)()", "Reflect.construct(Date, [])"]
    {
        let ExpressionError::Threw { message } = evaluate(expression).unwrap_err() else { panic!("{expression}") };
        assert!(message.contains("no clock"), "{expression}: {message}");
    }
}

#[test]
fn randomness_is_refused() {
    for expression in ["Math.random()", "Math['ran' + 'dom']()", "[1].map(Math.random)"] {
        let ExpressionError::Threw { message } = evaluate(expression).unwrap_err() else { panic!("{expression}") };
        assert!(message.contains("no random numbers"), "{expression}: {message}");
    }
}

#[test]
fn the_world_outside_is_not_there() {
    for name in [
        "console",
        "require",
        "process",
        "std",
        "os",
        "fetch",
        "setTimeout",
        "performance",
        "Proxy",
        "WeakRef",
        "Uint8Array",
        "SharedArrayBuffer",
        "Atomics",
        "print",
        "navigator",
        "Deno",
    ] {
        assert_eq!(evaluate(&format!("typeof {name}")), Ok(json!("undefined")), "{name}");
        assert_eq!(evaluate(&format!("typeof globalThis['{name}']")), Ok(json!("undefined")), "{name}");
    }
}

#[test]
fn what_an_expression_throws_is_told() {
    for (expression, told) in [
        ("input.none.x", "TypeError: cannot read property 'x' of null"),
        ("input.missing.x", "TypeError: cannot read property 'x' of undefined"),
        ("nowhere", "ReferenceError: nowhere is not defined"),
        ("iteration", "ReferenceError: iteration is not defined"),
        ("(() => { throw 'text' })()", "text"),
        ("(() => { throw new RangeError('far') })()", "RangeError: far"),
        ("JSON.parse('{')", "SyntaxError: "),
        ("input.n()", "TypeError: not a function"),
    ] {
        match evaluate(expression).unwrap_err() {
            ExpressionError::Threw { message } => assert!(message.starts_with(told), "{expression}: {message}"),
            other => panic!("{expression}: {other}"),
        }
    }
}

#[test]
fn syntax_errors_are_told_with_their_place_before_anything_runs() {
    let evaluator = JsEvaluator::new();
    for expression in [
        "",
        "  ",
        "1 +",
        "(",
        ")",
        "a); (b",
        "1), (2",
        "1], [2",
        "1)]) + ([(2",
        "a; b",
        "let a = 1",
        "if (a) b",
        "return 1",
        "...input.list",
        "'open",
        "`open ${",
        "/* open",
        "1 1",
        "import('x'); 1",
        "a\0b",
        "}",
        "{",
        "=> 1",
        "for (;;) {}",
        "new.target",
        "import.meta",
    ] {
        for result in
            [evaluator.check(expression).map(|_| ()), evaluator.evaluate(expression, &Scope::default()).map(|_| ())]
        {
            assert!(matches!(result, Err(ExpressionError::Syntax { .. })), "{expression}: {result:?}");
        }
    }
    let ExpressionError::Syntax { message } = evaluator.check("input.a +\n  * 2").unwrap_err() else { panic!() };
    assert!(message.contains("line 2"), "{message}");
    let ExpressionError::Syntax { message } = evaluator.check(" ").unwrap_err() else { panic!() };
    assert_eq!(message, "the expression is empty");
}

#[test]
fn values_that_are_not_json_are_refused() {
    for expression in [
        "() => 1",
        "Symbol('a')",
        "10n",
        "[10n]",
        "Promise.resolve(1)",
        "(async () => 1)()",
        "class A {}",
        "(() => { const a = {}; a.a = a; return a })()",
        "'\\ud800'",
        "'x'.repeat(9 * 1024 * 1024)",
        "(() => { let a = []; for (let i = 0; i < 200; i++) a = [a]; return a })()",
        "(() => { let a = []; for (let i = 0; i < 100000; i++) a = [a]; return a })()",
        "({ toJSON() { throw new Error('no') } })",
        "({ get a() { throw 1 } })",
    ] {
        let result = evaluate(expression);
        assert!(matches!(result, Err(ExpressionError::NotJson { .. })), "{expression}: {result:?}");
    }
}
