//! Paths are answered without the engine, with the same answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value};
use weir_core::evaluator::{Evaluator, Local, Scope};
use weir_expr::JsEvaluator;

const KEYS: [&str; 10] = ["a", "b", "0", "1", "length", "constructor", "__proto__", "toString", "$x_é", "class"];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e6..1e6).prop_map(|n: f64| Value::from(n + 0.5)),
        "[aé𝄞]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(KEYS.to_vec()), inner), 0..4).prop_map(|members| {
                Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
            }),
        ]
    })
}

fn step() -> impl Strategy<Value = String> {
    let key = prop::sample::select(KEYS.to_vec());
    prop_oneof![
        4 => key.clone().prop_map(|key| if key.starts_with(['0', '1']) { format!("[{key}]") } else { format!(".{key}") }),
        1 => key.clone().prop_map(|key| format!("['{key}']")),
        1 => key.prop_map(|key| format!("[\"{key}\"]")),
        2 => (0..4_u8).prop_map(|index| format!("[{index}]")),
        1 => Just("['01']".to_owned()),
    ]
}

fn root() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "input",
        "vars",
        "execution",
        "steps",
        "steps.a",
        "steps['b']",
        "item",
        "index",
        "iteration",
        "previous",
        "parent",
        "parent.item",
        "parent.previous",
        "parent.iteration",
        "parent.parent.item",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_path_means_what_the_engine_says(
        root in root(),
        keys in prop::collection::vec(step(), 0..4),
        value in value(),
        nesting in 0..4_u8,
    ) {
        let value = Arc::new(value);
        let iteration = Local::Iteration { iteration: 2, previous: value.clone(), parent: None };
        let item = |parent| Local::Item { item: value.clone(), index: 4, parent };
        let local = match nesting {
            0 => None,
            1 => Some(iteration),
            2 => Some(item(None)),
            _ => Some(item(Some(Box::new(iteration)))),
        };
        let scope = Scope {
            input: value.clone(),
            steps: BTreeMap::from([("a".to_owned(), value.clone()), ("b".to_owned(), value.clone())]),
            local,
            vars: value.clone(),
            execution: value.clone(),
        };
        let path = format!("{root}{}", keys.concat());
        let evaluator = JsEvaluator::new();
        // Parentheses are more than a path.
        let engine = evaluator.evaluate(&format!("({path})"), &scope);
        prop_assert_eq!(evaluator.evaluate(&path, &scope), engine, "{}", path);
    }
}
