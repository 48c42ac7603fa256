//! `start`, `end`, `condition`, `switch`, `parallel`, `merge`, `map`, `loop`, `fail`.

use std::sync::Arc;

use serde_json::{Value, json};
use weir_core::evaluator::Local;
use weir_core::node_error::ErrorClass;
use weir_core::outcome::{OnItemError, Outcome};
use weir_core::payload::{Payload, Stored};
use weir_engine::node::NodeCtx;

use crate::support::{Bench, handle_and_output};

fn led_by(bench: &Bench, incoming: &[(&str, Payload)]) -> NodeCtx {
    let mut ctx = bench.ctx();
    ctx.incoming = incoming.iter().map(|(node, output)| ((*node).to_owned(), output.clone())).collect();
    ctx
}

#[tokio::test]
async fn an_end_gives_its_output_or_what_led_to_it() {
    let bench = Bench::new().await;
    let end = bench.node("end");
    let (a, b) = (Payload::from(json!(1)), Payload::from(json!("two")));
    let output = async |ctx: NodeCtx, params| match end.run(&ctx, params).await {
        Ok(Outcome::Done { output, handle: None }) => output,
        other => panic!("{other:?}"),
    };
    let one = || led_by(&bench, &[("a", a.clone())]);
    assert_eq!(output(one(), json!({})).await, a);
    assert_eq!(output(one(), json!({"output": null})).await, Payload::null());
    assert_eq!(output(one(), json!({"output": {"x": 1}})).await, json!({"x": 1}).into());
    assert_eq!(output(bench.ctx(), json!({})).await, Payload::null());
    let both = led_by(&bench, &[("a", a.clone()), ("b", b.clone())]);
    assert_eq!(output(both, json!({})).await, json!({"a": 1, "b": "two"}).into());
}

#[tokio::test]
async fn a_merge_keeps_stored_outputs_where_they_are() {
    let bench = Bench::new().await;
    let stored = Payload::Stored(Stored { key: "k".to_owned(), size: 1_000_000 });
    let ctx = led_by(&bench, &[("a", json!(1).into()), ("b", stored.clone())]);
    let merged = bench.node("merge").run(&ctx, json!({})).await.unwrap();
    let expected = Payload::Fields(vec![("a".to_owned(), json!(1).into()), ("b".to_owned(), stored)]);
    assert_eq!(merged, Outcome::Done { output: expected, handle: None });
    let alone = led_by(&bench, &[("a", json!(1).into())]);
    assert_eq!(bench.node("merge").run(&alone, json!({})).await, Ok(Outcome::done(json!({"a": 1}))));
    assert_eq!(bench.node("parallel").run(&alone, json!({})).await, Ok(Outcome::done(json!(1))));
}

#[tokio::test]
async fn a_start_in_a_body_gives_what_the_container_gives() {
    let bench = Bench::new().await;
    let mut ctx = bench.ctx();
    assert_eq!(bench.node("start").run(&ctx, json!({})).await.unwrap_err().class, ErrorClass::Invalid);
    ctx.local = Some(Local::Item { item: Arc::new(json!("x")), index: 3, parent: None });
    let output = bench.node("start").run(&ctx, json!({})).await;
    assert_eq!(output, Ok(Outcome::done(json!({"item": "x", "index": 3}))));
}

#[tokio::test]
async fn a_condition_leaves_by_the_truth_of_its_expression() {
    let bench = Bench::new().await;
    for (value, handle) in [(json!(0), "false"), (json!([]), "true"), (json!(null), "false"), (json!("no"), "true")] {
        let outcome = bench.run("condition", json!({"expression": value})).await.unwrap();
        assert_eq!(outcome, Outcome::by(handle, json!({"result": handle == "true"})));
    }
    assert_eq!(bench.fails("condition", json!({})).await.class, ErrorClass::Invalid);
}

#[tokio::test]
async fn a_switch_takes_the_first_case_that_fits() {
    let bench = Bench::new().await;
    let taken = async |value: Value, cases: Value| {
        let outcome = bench.run("switch", json!({"value": value, "cases": cases})).await.unwrap();
        let (handle, output) = handle_and_output(outcome);
        assert_eq!(output, json!({"handle": handle}));
        handle.unwrap()
    };
    let cases = json!([
        {"handle": "one", "equals": 1},
        {"handle": "same", "equals": {"a": [1, 2]}},
        {"handle": "nothing", "equals": null},
        {"handle": "big", "when": true},
    ]);
    assert_eq!(taken(json!(1.0), cases.clone()).await, "one");
    assert_eq!(taken(json!({"a": [1, 2]}), cases.clone()).await, "same");
    assert_eq!(taken(json!(null), cases.clone()).await, "nothing");
    assert_eq!(taken(json!("else"), cases).await, "big");
    assert_eq!(taken(json!("else"), json!([{"handle": "x", "when": ""}])).await, "default");
    for case in [json!({"handle": "x"}), json!({"handle": "x", "equals": 1, "when": true})] {
        let error = bench.fails("switch", json!({"value": 2, "cases": [case]})).await;
        assert_eq!(error.source.as_deref(), Some("cases/0"));
    }
}

#[tokio::test]
async fn a_map_expands_arrays_and_objects() {
    let bench = Bench::new().await;
    let Outcome::Expand(list) = bench.run("map", json!({"items": [1, 2]})).await.unwrap() else { panic!() };
    assert_eq!((list.count, list.concurrency, list.keys), (2, 8, None));
    assert_eq!(list.on_item_error, OnItemError::Fail);
    let params = json!({"items": {"b": 1, "a": 2}, "concurrency": 3, "on_item_error": "collect"});
    let Outcome::Expand(fields) = bench.run("map", params).await.unwrap() else { panic!() };
    assert_eq!(fields.items, json!([{"key": "b", "value": 1}, {"key": "a", "value": 2}]).into());
    assert_eq!(fields.keys, Some(vec!["b".to_owned(), "a".to_owned()]));
    assert_eq!(fields.on_item_error, OnItemError::Collect);
}

#[tokio::test]
async fn a_map_holds_to_its_limits() {
    let bench = Bench::new().await;
    for params in [
        json!({"items": "abc"}),
        json!({"items": [], "concurrency": 0}),
        json!({"items": [], "concurrency": 1001}),
        json!({"items": [], "speed": 1}),
    ] {
        assert_eq!(bench.fails("map", params).await.class, ErrorClass::Invalid);
    }
    let most = bench.run("map", json!({"items": vec![0; 100_000]})).await.unwrap();
    assert!(matches!(most, Outcome::Expand(expansion) if expansion.count == 100_000));
    let error = bench.fails("map", json!({"items": vec![0; 100_001]})).await;
    assert!(error.message.contains("100001 items"), "{}", error.message);
}

#[tokio::test]
async fn a_loop_runs_while_it_holds_or_so_many_times() {
    let bench = Bench::new().await;
    let asked = async |iteration, params| {
        let mut ctx = bench.ctx();
        ctx.local = Some(Local::Iteration { iteration, previous: Arc::new(Value::Null), parent: None });
        bench.node("loop").run(&ctx, params).await
    };
    assert_eq!(asked(2, json!({"count": 3})).await, Ok(Outcome::Iterate(true)));
    assert_eq!(asked(3, json!({"count": 3})).await, Ok(Outcome::Iterate(false)));
    assert_eq!(asked(5, json!({"while": "x"})).await, Ok(Outcome::Iterate(true)));
    assert_eq!(asked(5, json!({"while": null})).await, Ok(Outcome::Iterate(false)));
    assert_eq!(asked(1000, json!({"while": false})).await, Ok(Outcome::Iterate(false)));
    assert!(asked(1000, json!({"while": true})).await.unwrap_err().message.contains("max_iterations"));
    assert_eq!(asked(1000, json!({"while": true, "max_iterations": 1001})).await, Ok(Outcome::Iterate(true)));
    for params in [json!({}), json!({"while": true, "count": 1}), json!({"count": 100_001}), json!({"count": -1})] {
        assert_eq!(asked(0, params).await.unwrap_err().class, ErrorClass::Invalid);
    }
    assert!(bench.node("loop").run(&bench.ctx(), json!({"count": 1})).await.is_err());
}

#[tokio::test]
async fn a_fail_fails_as_it_is_told() {
    let bench = Bench::new().await;
    let error = bench.fails("fail", json!({"message": "no stock", "class": "refused", "details": {"left": 0}})).await;
    assert_eq!((error.class, error.message.as_str()), (ErrorClass::Refused, "no stock"));
    assert_eq!(error.details, Some(json!({"left": 0})));
    assert_eq!(bench.fails("fail", json!({"message": "x"})).await.class, ErrorClass::Invalid);
}
