//! Every rule, broken one at a time; and what must not be held against a document.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value, json};
use weir_core::problem::{Problem, Severity};
use weir_core::validate::{codes, validate};
use weir_expr::JsEvaluator;

use crate::catalog::catalog;

fn problems_of(tree: &Value) -> Vec<Problem> {
    static EVALUATOR: LazyLock<JsEvaluator> = LazyLock::new(JsEvaluator::new);
    validate(tree, &catalog(), &*EVALUATOR)
}

/// A workflow with a bit of everything and nothing wrong. Nodes: 0 start, 1 fetch, 2 check, 3 each, 4 inner, 5 last,
/// 6 again, 7 step, 8 end, 9 undo, 10 pick.
fn good() -> Value {
    json!({
        "name": "Good",
        "inputs": {"type": "object", "properties": {"url": {"type": "string"}}},
        "settings": {"timeout_seconds": 60, "max_parallel_nodes": 4},
        "nodes": [
            {"id": "start", "type": "start"},
            {"id": "fetch", "type": "http_request", "position": {"x": 0, "y": 0}, "data": {
                "params": {"method": "{{ input.method }}", "url": "https://{{ input.host }}/x", "attempts": "{{ vars.n }}"},
                "retry": {"max_attempts": 3, "exponential": {"initial_seconds": 1, "factor": 2, "max_seconds": 60}},
                "timeout_seconds": 5, "on_error": "branch", "compensate": "undo",
            }},
            {"id": "check", "type": "condition", "data": {"params": {"when": "{{ steps.fetch.status == 200 && JSON.stringify(undefined) }}"}}},
            {"id": "each", "type": "map", "data": {"params": {"items": "{{ steps.fetch.body }}", "on_item_error": "{{ input.mode }}"}}},
            {"id": "inner", "type": "set", "parentNode": "each", "data": {"params": {"a": "{{ item.x + index + steps.fetch.n }}"}}},
            {"id": "last", "type": "set", "parentNode": "each", "data": {"params": {"a": "{{ steps.inner.a }}"}}},
            {"id": "again", "type": "loop", "data": {"params": {"while": "{{ iteration < 3 && previous }}", "max_iterations": 9}}},
            {"id": "step", "type": "code", "parentNode": "again", "data": {"params": {"language": "python", "code": "{{ jinja"}}},
            {"id": "end", "type": "end", "data": {"join": "any", "params": {"out": ["{{ steps['each'].results }}", {"x": "{{ execution.id }}"}]}}},
            {"id": "undo", "type": "http_request", "data": {"params": {"url": "{{ steps.fetch.undo_url }}"}}},
            {"id": "pick", "type": "switch", "data": {"params": {"value": 1, "cases": [{"handle": "low", "when": "{{ true }}"}]}}},
        ],
        "edges": [
            {"id": "e0", "source": "start", "target": "fetch"},
            {"id": "e1", "source": "fetch", "target": "check"},
            {"id": "e2", "source": "fetch", "sourceHandle": "error", "target": "end"},
            {"id": "e3", "source": "check", "sourceHandle": "true", "target": "each"},
            {"id": "e4", "source": "check", "sourceHandle": "false", "target": "again"},
            {"id": "e5", "source": "each", "target": "pick"},
            {"id": "e6", "source": "again", "sourceHandle": "out", "target": "end"},
            {"id": "e7", "source": "inner", "target": "last"},
            {"id": "e8", "source": "pick", "sourceHandle": "low", "target": "end"},
            {"id": "e9", "source": "pick", "sourceHandle": "default", "target": "end"},
        ],
    })
}

#[test]
fn a_good_document_has_no_problems() {
    assert_eq!(problems_of(&good()), []);
}

/// The code, the place and the node or edge of the problem that an edit brings about.
type Case = (&'static str, &'static str, Option<&'static str>, fn(&mut Value));

fn param(tree: &mut Value, node: usize, name: &str, value: Value) {
    tree["nodes"][node]["data"]["params"][name] = value;
}

fn add(tree: &mut Value, kind: &str, element: Value) {
    if let Some(elements) = tree[kind].as_array_mut() {
        elements.push(element);
    }
}

const CASES: &[Case] = &[
    // The document.
    ("field_type", "", None, |d| *d = json!([1])),
    ("field_missing", "/name", None, |d| *d = json!({"title": "x", "nodes": []})),
    ("field_missing", "/nodes", None, |d| *d = json!({"name": "x"})),
    ("start_missing", "/nodes", None, |d| *d = json!({"name": "x", "nodes": []})),
    ("field_type", "/name", None, |d| d["name"] = json!(5)),
    ("field_type", "/nodes/0/position", Some("start"), |d| d["nodes"][0]["position"] = json!([0, 0])),
    ("field_type", "/edges/0/sourceHandle", Some("e0"), |d| d["edges"][0]["sourceHandle"] = json!(1)),
    ("field_missing", "/edges/0/target", Some("e0"), |d| d["edges"][0] = json!({"id": "e0", "source": "start"})),
    ("field_misspelt", "/nodes/1/data/on_eror", Some("fetch"), |d| d["nodes"][1]["data"]["on_eror"] = json!("fail")),
    ("field_misspelt", "/edges/1/source_handle", Some("e1"), |d| d["edges"][1]["source_handle"] = json!("out")),
    ("field_misspelt", "/input", None, |d| d["input"] = json!({})),
    ("name_invalid", "/name", None, |d| d["name"] = json!("  ")),
    ("name_invalid", "/name", None, |d| d["name"] = json!("x".repeat(201))),
    ("settings_invalid", "/settings/timeout_seconds", None, |d| d["settings"]["timeout_seconds"] = json!(0)),
    ("settings_invalid", "/settings/timeout_seconds", None, |d| d["settings"]["timeout_seconds"] = json!(1e300)),
    ("settings_invalid", "/settings/max_parallel_nodes", None, |d| d["settings"]["max_parallel_nodes"] = json!(0)),
    ("settings_invalid", "/settings/max_parallel_nodes", None, |d| d["settings"]["max_parallel_nodes"] = json!(1001)),
    ("inputs_invalid", "/inputs/type", None, |d| d["inputs"]["type"] = json!("strange")),
    ("inputs_invalid", "/inputs", None, |d| d["inputs"] = json!("text")),
    ("inputs_invalid", "/inputs", None, |d| d["inputs"] = json!({"$ref": "http://localhost/x"})),
    ("inputs_invalid", "/inputs", None, |d| d["inputs"] = json!({"$ref": "#"})),
    ("key_reserved", "", None, |d| d["x"] = json!({"$serde_json::private::Number": "1"})),
    ("document_too_large", "", None, |d| d["x"] = json!("x".repeat(2 * 1024 * 1024))),
    ("document_too_deep", "", None, |d| d["x"] = (0..64).fold(json!(1), |inner, _| json!([inner]))),
    ("nodes_too_many", "/nodes", None, |d| {
        (0..2000).for_each(|i| add(d, "nodes", json!({"id": format!("n{i}"), "type": "set"})))
    }),
    ("edges_too_many", "/edges", None, |d| {
        (0..10_000).for_each(|i| add(d, "edges", json!({"id": format!("n{i}"), "source": "a", "target": "b"})))
    }),
    // Ids.
    ("node_id_invalid", "/nodes/1/id", Some("1st"), |d| d["nodes"][1]["id"] = json!("1st")),
    ("node_id_invalid", "/nodes/1/id", Some("a b"), |d| d["nodes"][1]["id"] = json!("a b")),
    ("node_id_invalid", "/nodes/1/id", Some(""), |d| d["nodes"][1]["id"] = json!("")),
    ("node_id_duplicate", "/nodes/4/id", Some("fetch"), |d| d["nodes"][4]["id"] = json!("fetch")),
    ("edge_id_invalid", "/edges/0/id", Some(""), |d| d["edges"][0]["id"] = json!("")),
    ("edge_id_duplicate", "/edges/3/id", Some("e0"), |d| d["edges"][3]["id"] = json!("e0")),
    // Structure.
    ("node_type_unknown", "/nodes/1/type", Some("fetch"), |d| d["nodes"][1]["type"] = json!("htpp_request")),
    ("parent_unknown", "/nodes/4/parentNode", Some("inner"), |d| d["nodes"][4]["parentNode"] = json!("eech")),
    ("parent_not_container", "/nodes/4/parentNode", Some("inner"), |d| d["nodes"][4]["parentNode"] = json!("fetch")),
    ("parent_cycle", "/nodes/3/parentNode", Some("each"), |d| d["nodes"][3]["parentNode"] = json!("each")),
    ("parent_cycle", "/nodes/6/parentNode", Some("again"), |d| {
        d["nodes"][3]["parentNode"] = json!("again");
        d["nodes"][6]["parentNode"] = json!("each");
    }),
    ("nesting_too_deep", "/nodes/26/parentNode", Some("m15"), |d| {
        for i in 0..16 {
            let parent = if i == 0 { "each".to_owned() } else { format!("m{}", i - 1) };
            add(
                d,
                "nodes",
                json!({"id": format!("m{i}"), "type": "map", "parentNode": parent, "data": {"params": {"items": []}}}),
            );
        }
    }),
    ("container_empty", "/nodes/6", Some("again"), |d| d["nodes"][7]["parentNode"] = Value::Null),
    ("start_missing", "/nodes", None, |d| d["nodes"][0]["type"] = json!("set")),
    ("start_duplicate", "/nodes/11", Some("s2"), |d| add(d, "nodes", json!({"id": "s2", "type": "start"}))),
    ("start_incoming", "/edges/10/target", Some("x"), |d| {
        add(d, "edges", json!({"id": "x", "source": "fetch", "target": "start"}))
    }),
    ("compensate_invalid", "/nodes/1/data/compensate", Some("fetch"), |d| {
        d["nodes"][1]["data"]["compensate"] = json!("undoo")
    }),
    ("compensate_invalid", "/nodes/1/data/compensate", Some("fetch"), |d| {
        d["nodes"][1]["data"]["compensate"] = json!("fetch")
    }),
    ("compensate_invalid", "/nodes/1/data/compensate", Some("fetch"), |d| {
        d["nodes"][1]["data"]["compensate"] = json!("inner")
    }),
    ("compensate_invalid", "/nodes/1/data/compensate", Some("fetch"), |d| {
        d["nodes"][1]["data"]["compensate"] = json!("each")
    }),
    ("compensate_invalid", "/nodes/1/data/compensate", Some("fetch"), |d| {
        add(d, "edges", json!({"id": "x", "source": "fetch", "target": "undo"}))
    }),
    // Edges.
    ("edge_unknown_node", "/edges/0/source", Some("e0"), |d| d["edges"][0]["source"] = json!("strat")),
    ("edge_unknown_node", "/edges/0/target", Some("e0"), |d| d["edges"][0]["target"] = json!("nowhere")),
    ("edge_self", "/edges/10", Some("x"), |d| {
        add(d, "edges", json!({"id": "x", "source": "again", "target": "again"}))
    }),
    ("edge_across_levels", "/edges/10", Some("x"), |d| {
        add(d, "edges", json!({"id": "x", "source": "each", "target": "inner"}))
    }),
    ("edge_duplicate", "/edges/10", Some("x"), |d| {
        add(d, "edges", json!({"id": "x", "source": "start", "sourceHandle": "out", "target": "fetch"}))
    }),
    ("edge_after_end", "/edges/10/source", Some("x"), |d| {
        add(d, "edges", json!({"id": "x", "source": "end", "target": "fetch"}))
    }),
    ("handle_missing", "/edges/3/sourceHandle", Some("e3"), |d| d["edges"][3]["sourceHandle"] = Value::Null),
    ("handle_unknown", "/edges/3/sourceHandle", Some("e3"), |d| d["edges"][3]["sourceHandle"] = json!("True")),
    ("handle_unknown", "/edges/2/sourceHandle", Some("e2"), |d| d["nodes"][1]["data"]["on_error"] = json!("fail")),
    ("handle_unknown", "/edges/8/sourceHandle", Some("e8"), |d| {
        d["nodes"][10]["data"]["params"]["cases"][0]["handle"] = json!("high")
    }),
    ("handle_duplicate", "/nodes/10/data/params/cases/1/handle", Some("pick"), |d| {
        param(d, 10, "cases", json!([{"handle": "low"}, {"handle": "low"}]))
    }),
    ("handle_duplicate", "/nodes/10/data/params/cases/1/handle", Some("pick"), |d| {
        param(d, 10, "cases", json!([{"handle": "low"}, {"handle": "default"}]))
    }),
    ("cycle", "/nodes/2", Some("check"), |d| add(d, "edges", json!({"id": "x", "source": "each", "target": "fetch"}))),
    ("node_unreachable", "/nodes/11", Some("island"), |d| add(d, "nodes", json!({"id": "island", "type": "set"}))),
    ("node_unreachable", "/nodes/12", Some("b"), |d| {
        add(d, "nodes", json!({"id": "first", "type": "start", "parentNode": "each"}));
        add(d, "nodes", json!({"id": "b", "type": "set", "parentNode": "each"}));
    }),
    // Params.
    ("param_missing", "/nodes/1/data/params/url", Some("fetch"), |d| {
        d["nodes"][1]["data"]["params"] = json!({"ulr": "x"})
    }),
    ("param_missing", "/nodes/10/data/params/cases/0/handle", Some("pick"), |d| param(d, 10, "cases", json!([{}]))),
    ("param_unknown", "/nodes/1/data/params/ulr", Some("fetch"), |d| param(d, 1, "ulr", json!("x"))),
    ("param_unknown", "/nodes/10/data/params/cases/0/hnadle", Some("pick"), |d| {
        param(d, 10, "cases", json!([{"handle": "low", "hnadle": 1}]))
    }),
    ("param_invalid", "/nodes/1/data/params/method", Some("fetch"), |d| param(d, 1, "method", json!("FETCH"))),
    ("param_invalid", "/nodes/1/data/params/attempts", Some("fetch"), |d| param(d, 1, "attempts", json!("3"))),
    ("param_invalid", "/nodes/1/data/params/headers/a~1b", Some("fetch"), |d| {
        param(d, 1, "headers", json!({"a/b": 1, "c": "{{ input }}"}))
    }),
    ("param_invalid", "/nodes/3/data/params/items", Some("each"), |d| param(d, 3, "items", json!("abc"))),
    ("param_invalid", "/nodes/7/data/params/code", Some("step"), |d| param(d, 7, "code", json!("{{".repeat(60)))),
    ("param_invalid", "/nodes/7/data/params/code", Some("step"), |d| param(d, 7, "code", json!(["{{ a }}"]))),
    // Expressions.
    ("expression_syntax", "/nodes/3/data/params/items", Some("each"), |d| param(d, 3, "items", json!("{{ (1 }}"))),
    ("expression_syntax", "/nodes/3/data/params/items", Some("each"), |d| param(d, 3, "items", json!("{{ 1"))),
    ("expression_syntax", "/nodes/3/data/params/items", Some("each"), |d| param(d, 3, "items", json!("{{ }}"))),
    ("expression_unknown_name", "/nodes/8/data/params/out/1/a~1b", Some("end"), |d| {
        param(d, 8, "out", json!([1, {"a/b": "{{ inputs.x }}"}]))
    }),
    ("expression_unknown_name", "/nodes/3/data/params/items", Some("each"), |d| {
        param(d, 3, "items", json!("{{ fetch.body }}"))
    }),
    ("expression_unknown_name", "/nodes/3/data/params/items", Some("each"), |d| {
        param(d, 3, "items", json!("{{ item }}"))
    }),
    ("expression_unknown_name", "/nodes/4/data/params/a", Some("inner"), |d| {
        param(d, 4, "a", json!("{{ iteration }}"))
    }),
    ("expression_unknown_name", "/nodes/4/data/params/a", Some("inner"), |d| {
        param(d, 4, "a", json!("{{ parent.item }}"))
    }),
    ("expression_unknown_node", "/nodes/3/data/params/items", Some("each"), |d| {
        param(d, 3, "items", json!("{{ steps.fetsh.body }}"))
    }),
    ("expression_node_not_before", "/nodes/3/data/params/items", Some("each"), |d| {
        param(d, 3, "items", json!("{{ steps.each }}"))
    }),
    ("expression_node_not_before", "/nodes/3/data/params/items", Some("each"), |d| {
        param(d, 3, "items", json!("{{ steps.again }}"))
    }),
    ("expression_node_not_before", "/nodes/1/data/params/url", Some("fetch"), |d| {
        param(d, 1, "url", json!("{{ steps.check }}"))
    }),
    ("expression_node_not_before", "/nodes/8/data/params/out", Some("end"), |d| {
        param(d, 8, "out", json!("{{ steps.inner }}"))
    }),
    ("expression_node_not_before", "/nodes/4/data/params/a", Some("inner"), |d| {
        param(d, 4, "a", json!("{{ steps.last }}"))
    }),
    ("expression_node_not_before", "/nodes/4/data/params/a", Some("inner"), |d| {
        param(d, 4, "a", json!("{{ steps.each }}"))
    }),
    ("expression_node_not_before", "/nodes/9/data/params/url", Some("undo"), |d| {
        param(d, 9, "url", json!("{{ steps.check }}"))
    }),
    // What a node says beside its params.
    ("retry_invalid", "/nodes/1/data/retry/max_attempts", Some("fetch"), |d| {
        d["nodes"][1]["data"]["retry"] = json!({"max_attempts": 0})
    }),
    ("retry_invalid", "/nodes/1/data/retry/delays_seconds", Some("fetch"), |d| {
        d["nodes"][1]["data"]["retry"] = json!({"delays_seconds": []})
    }),
    ("retry_invalid", "/nodes/1/data/retry/delays_seconds/1", Some("fetch"), |d| {
        d["nodes"][1]["data"]["retry"] = json!({"delays_seconds": [1, -1]})
    }),
    ("retry_invalid", "/nodes/1/data/retry/exponential", Some("fetch"), |d| {
        d["nodes"][1]["data"]["retry"]["delays_seconds"] = json!([1])
    }),
    ("retry_invalid", "/nodes/1/data/retry/exponential/factor", Some("fetch"), |d| {
        d["nodes"][1]["data"]["retry"]["exponential"]["factor"] = json!(0.5)
    }),
    ("retry_invalid", "/nodes/1/data/retry/exponential/max_seconds", Some("fetch"), |d| {
        d["nodes"][1]["data"]["retry"]["exponential"]["max_seconds"] = json!(1e9)
    }),
    ("retry_unsupported", "/nodes/3/data/retry", Some("each"), |d| {
        d["nodes"][3]["data"]["retry"] = json!({"max_attempts": 2})
    }),
    ("retry_unsupported", "/nodes/2/data/retry", Some("check"), |d| {
        d["nodes"][2]["data"]["retry"] = json!({"max_attempts": 2})
    }),
    ("timeout_invalid", "/nodes/1/data/timeout_seconds", Some("fetch"), |d| {
        d["nodes"][1]["data"]["timeout_seconds"] = json!(-1)
    }),
    ("on_error_unsupported", "/nodes/2/data/on_error", Some("check"), |d| {
        d["nodes"][2]["data"]["on_error"] = json!("continue")
    }),
    ("error_edge_missing", "/nodes/3/data/on_error", Some("each"), |d| {
        d["nodes"][3]["data"]["on_error"] = json!("branch")
    }),
    ("join_needless", "/nodes/3/data/join", Some("each"), |d| d["nodes"][3]["data"]["join"] = json!("any")),
    ("checkpoint_needless", "/nodes/1/data/checkpoint", Some("fetch"), |d| {
        d["nodes"][1]["data"]["checkpoint"] = json!(true)
    }),
];

#[test]
fn every_broken_rule_is_told_with_its_place() {
    for (index, (code, pointer, about, edit)) in CASES.iter().enumerate() {
        let mut tree = good();
        edit(&mut tree);
        let problems = problems_of(&tree);
        let found = problems.iter().find(|problem| problem.code == *code && problem.pointer == *pointer);
        let found = found.unwrap_or_else(|| panic!("case {index}, {code} at {pointer}, not in {problems:#?}"));
        let named = found.node.as_deref().or(found.edge.as_deref());
        assert_eq!(named, *about, "case {index}: {found:?}");
        assert!(!found.hint.is_empty() && !found.message.is_empty(), "case {index}: {found:?}");
        let rule = codes::ALL.iter().find(|rule| rule.code == *code).unwrap();
        assert_eq!(found.severity, rule.severity);
    }
}

#[test]
fn the_list_of_rules_is_whole() {
    let listed: BTreeSet<_> = codes::ALL.iter().map(|rule| rule.code).collect();
    assert_eq!(listed.len(), codes::ALL.len(), "a code stands twice in the list");
    // These are told of a text, before there is a tree.
    let of_texts = ["encoding_invalid", "syntax_invalid", "key_duplicate"];
    let shown: BTreeSet<_> = CASES.iter().map(|(code, ..)| *code).chain(of_texts).collect();
    assert_eq!(shown, listed);
}

#[test]
fn problems_come_all_at_once_errors_first() {
    let mut tree = good();
    tree["name"] = json!("");
    tree["nodes"][1]["data"]["params"] = json!({"ulr": "{{ nope }}", "method": 7});
    tree["nodes"][1]["data"]["on_eror"] = json!("fail");
    tree["edges"][0]["target"] = json!("fetsh");
    tree["nodes"][4] = json!(7);
    let problems = problems_of(&tree);
    let codes: BTreeSet<_> = problems.iter().map(|problem| problem.code).collect();
    for code in [
        "name_invalid",
        "param_missing",
        "param_unknown",
        "param_invalid",
        "expression_unknown_name",
        "field_misspelt",
        "edge_unknown_node",
        "field_type",
    ] {
        assert!(codes.contains(code), "{code} not in {problems:#?}");
    }
    assert!(problems.is_sorted_by_key(|problem| problem.severity == Severity::Warning));
}

#[test]
fn a_field_of_the_wrong_type_is_told_once() {
    let mut tree = good();
    tree["nodes"][0]["id"] = json!(5);
    let about: Vec<_> = problems_of(&tree).into_iter().filter(|problem| problem.pointer == "/nodes/0/id").collect();
    assert_eq!(about.len(), 1, "{about:#?}");
}

#[test]
fn hints_name_what_was_probably_meant() {
    for (edit, part) in [
        ((|d| d["nodes"][1]["type"] = json!("htpp_request")) as fn(&mut Value), "did you mean `http_request`?"),
        (|d| d["edges"][0]["target"] = json!("fetsh"), "did you mean `fetch`?"),
        (|d| param(d, 1, "ulr", json!("x")), "did you mean `url`?"),
        (|d| param(d, 3, "items", json!("{{ inputs.a }}")), "did you mean `input`?"),
        (|d| param(d, 3, "items", json!("{{ fetch.a }}")), "write `steps.fetch`"),
        (|d| param(d, 3, "items", json!("{{ steps.fetsh.a }}")), "did you mean `fetch`?"),
        (|d| param(d, 8, "out", json!("{{ steps.inner }}")), "steps.each"),
        (|d| d["edges"][3]["sourceHandle"] = json!("True"), "did you mean `true`?"),
    ] {
        let mut tree = good();
        edit(&mut tree);
        let problems = problems_of(&tree);
        assert!(problems.iter().any(|problem| problem.hint.contains(part)), "{part}: {problems:#?}");
    }
}

#[test]
fn a_cycle_is_named_whole() {
    let mut tree = good();
    add(&mut tree, "edges", json!({"id": "x", "source": "each", "target": "fetch"}));
    let problems = problems_of(&tree);
    let cycles: Vec<_> = problems.iter().filter(|problem| problem.code == "cycle").collect();
    assert_eq!(cycles.len(), 1);
    assert_eq!(cycles[0].message, "the edges form a cycle: check -> each -> fetch -> check");
}

#[test]
fn handles_that_only_a_run_can_tell_are_not_doubted() {
    let mut tree = good();
    param(&mut tree, 10, "cases", json!("{{ input.cases }}"));
    assert_eq!(problems_of(&tree), []);
}

#[test]
fn nested_bodies_see_the_containers_around_them() {
    let mut tree = good();
    let nested = [
        json!({"id": "deep", "type": "loop", "parentNode": "each", "data": {"params": {"while": "{{ iteration < parent.item }}"}}}),
        json!({"id": "leaf", "type": "set", "parentNode": "deep", "data": {"params": {"a": "{{ iteration + parent.index + steps.last.a + steps.fetch.b }}"}}}),
    ];
    nested.into_iter().for_each(|node| add(&mut tree, "nodes", node));
    add(&mut tree, "edges", json!({"id": "x", "source": "last", "target": "deep"}));
    assert_eq!(problems_of(&tree), []);
}

#[test]
fn a_document_at_the_limits_is_validated_quickly() {
    let mut nodes = vec![json!({"id": "start", "type": "start"})];
    let mut edges = Vec::new();
    for i in 1..2000 {
        nodes.push(json!({"id": format!("n{i}"), "type": "http_request", "data": {"params": {
            "url": format!("https://example.com/{{{{ steps.n{}.x }}}}", i.max(2) - 1), "method": "GET",
        }}}));
        let before = if i == 1 { "start".to_owned() } else { format!("n{}", i - 1) };
        edges.push(json!({"id": format!("e{i}"), "source": before, "target": format!("n{i}")}));
    }
    nodes[1]["data"]["params"]["url"] = json!("x");
    let tree = json!({"name": "Large", "nodes": nodes, "edges": edges});
    let begun = Instant::now();
    assert_eq!(problems_of(&tree), []);
    let took = begun.elapsed();
    // It takes a sixth of a second by itself; other tests run at the same time.
    assert!(took.as_secs_f64() < 5.0, "it took {took:?}");
}

#[test]
fn a_document_of_nothing_but_mistakes_is_not_searched_for_ever() {
    let id = |i: usize| format!("{i:0>64}").replace('0', "z");
    let nodes: Vec<_> = (0..2000)
        .map(|i| json!({"id": id(i), "type": "nothing", "parentNode": id(i + 7), "data": {"compensate": id(i + 9000)}}))
        .collect();
    let edges: Vec<_> =
        (0..7_000).map(|i| json!({"id": i.to_string(), "source": id(i + 3000), "target": id(i + 5000)})).collect();
    let tree = json!({"name": "Wrong", "nodes": nodes, "edges": edges});
    let begun = Instant::now();
    assert_eq!(problems_of(&tree).len(), 1000);
    let took = begun.elapsed();
    // Without a bound on the search for hints it takes hours.
    assert!(took.as_secs_f64() < 20.0, "it took {took:?}");
}

#[test]
fn of_alternatives_the_one_that_was_meant_is_explained() {
    let mut tree = good();
    param(&mut tree, 3, "items", json!(5));
    param(&mut tree, 3, "on_item_error", json!("colect"));
    let messages: Vec<_> = problems_of(&tree).into_iter().map(|problem| problem.message).collect();
    assert_eq!(
        messages,
        [
            "`items` is not of type \"array\", `items` is not of type \"object\"",
            "`on_item_error` is not \"fail\", `on_item_error` is not \"collect\"",
        ]
    );
    let mut tree = good();
    tree["inputs"] = json!({"type": "object", "properties": {"a": {"type": "txt"}, "b": 5}});
    let places: Vec<_> = problems_of(&tree).into_iter().map(|problem| problem.pointer).collect();
    assert_eq!(places, ["/inputs/properties/a/type", "/inputs/properties/b"]);
}

fn odd_value() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "start",
        "set",
        "map",
        "loop",
        "a",
        "b",
        "{{ steps.a }}",
        "{{ item",
        "",
        "error",
        "branch",
        "any",
        "name",
        "nodes",
        "edges",
        "id",
        "type",
        "data",
        "params",
        "parentNode",
        "source",
        "target",
        "retry",
        "inputs",
        "settings",
        "$ref",
        "#",
        "compensate",
        "switch",
        "cases",
        "handle",
        "pattern",
        "(",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

/// Documents that are nearly right: known fields, few ids, all ways of nesting and joining.
fn odd_document() -> impl Strategy<Value = Value> {
    let id = || prop::sample::select(vec!["a", "b", "c", "d", "e", "nowhere"]);
    let kind =
        prop::sample::select(vec!["start", "end", "set", "condition", "switch", "map", "loop", "http_request", "what"]);
    let node = (id(), kind, prop::option::of(id()), odd_value(), odd_value(), prop::option::of(id())).prop_map(
        |(id, kind, parent, params, data, compensate)| {
            let mut node = json!({"id": id, "type": kind, "parentNode": parent, "data": {"params": params, "compensate": compensate}});
            if data.is_number() {
                node["data"] = data;
            }
            node
        },
    );
    let handle = prop::sample::select(vec![None, Some("out"), Some("error"), Some("true"), Some("default")]);
    let edge = (id(), handle, id()).prop_map(|(source, handle, target)| json!({"id": format!("{source}{target}"), "source": source, "sourceHandle": handle, "target": target}));
    (prop::collection::vec(node, 0..8), prop::collection::vec(edge, 0..12), odd_value())
        .prop_map(|(nodes, edges, inputs)| json!({"name": "odd", "nodes": nodes, "edges": edges, "inputs": inputs}))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_tree_makes_it_panic(tree in odd_value()) {
        problems_of(&tree);
    }

    #[test]
    fn no_document_makes_it_panic(tree in odd_document()) {
        for problem in problems_of(&tree) {
            prop_assert!(codes::ALL.iter().any(|rule| rule.code == problem.code));
            let around = problem.pointer.rsplit_once('/').map_or("", |(around, _)| around);
            prop_assert!(tree.pointer(&problem.pointer).or_else(|| tree.pointer(around)).is_some()
                || problem.pointer.contains("/data/"), "{:?}", problem);
        }
    }
}
