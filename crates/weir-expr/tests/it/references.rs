//! What an expression refers to is told from its text.

use weir_core::evaluator::{Evaluator, References};
use weir_expr::JsEvaluator;

fn references(expression: &str) -> References {
    JsEvaluator::new().check(expression).unwrap()
}

#[test]
fn names_and_steps_are_found() {
    for (expression, names, steps, any_step) in [
        ("input.a", "input", "", false),
        ("1 + 'input'", "", "", false),
        ("a.input.steps", "a", "", false),
        ("a?.input", "a", "", false),
        ("[...input]", "input", "", false),
        ("{input: 1, b: vars}", "vars", "", false),
        ("{input}", "input", "", false),
        ("a ? input : vars", "a input vars", "", false),
        ("a ? {b: c} : vars", "a c vars", "", false),
        ("a ?? input", "a input", "", false),
        ("`${input.a} vars ${ {b: item} }`", "input item", "", false),
        ("input /* vars */ // item", "input", "", false),
        ("/item/.test(input)", "input", "", false),
        ("input.map(x => x + index)", "input index", "", false),
        ("input.map((x, i) => x + i)", "input", "", false),
        ("input.map(({a, b: [c]}) => a + c)", "input", "", false),
        ("input.map(function (x) { return x })", "input", "", false),
        ("input.map(item => item.a)", "input", "", false),
        ("(() => { const a = 1, b = 2; return a + b + vars.c })()", "vars", "", false),
        ("Object.keys(vars)", "Object vars", "", false),
        ("nowhere + 1", "nowhere", "", false),
        ("steps.a + steps['b-c'] + steps?.d + steps?.['e']", "steps", "a b-c d e", false),
        ("steps[input.name]", "steps input", "", true),
        ("steps['a' + 'b']", "steps", "", true),
        ("Object.keys(steps)", "Object steps", "", true),
        ("(({a}) => a)(steps)", "steps", "", true),
        ("{steps}", "steps", "", true),
        ("a ? steps : 1", "a steps", "", true),
        ("input.steps.map(steps => steps.x)", "input", "", true),
        ("globalThis.steps.a", "globalThis", "", true),
        ("typeof undefined", "", "", false),
    ] {
        let found = references(expression);
        let set = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        assert_eq!(found, References { names: set(names), steps: set(steps), any_step }, "{expression}");
    }
}
