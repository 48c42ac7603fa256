//! What goes into the document comes out of it, and what two write at the same time stays.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use weir_base::{Clock as _, SystemClock};
use weir_core::document::{Format, MAX_DEPTH, parse};
use yrs::branch::{Branch, BranchPtr};
use yrs::updates::decoder::Decode as _;
use yrs::{
    Any, ArrayPrelim, Doc, Map as _, MapPrelim, OffsetKind, Options, ReadTxn as _, StateVector, Text as _, TextPrelim,
    TextRef, Transact as _, Update,
};

use super::{Operation, comments, rewrite, seed, view};
use crate::Author;

fn empty() -> Doc {
    Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::default() })
}

fn opened(state: &[u8]) -> Doc {
    let doc = empty();
    follow(&doc, state);
    doc
}

fn follow(doc: &Doc, update: &[u8]) {
    doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
}

fn shown(doc: &Doc) -> Value {
    view(&doc.transact(), &sample())
}

fn state(doc: &Doc) -> Vec<u8> {
    doc.transact().encode_state_as_update_v1(&StateVector::default())
}

fn written(doc: &Doc, to: &Value) {
    rewrite(&mut doc.transact_mut(), to);
}

fn done(doc: &Doc, name: &str, payload: Value) {
    let author = Author { user: None, key: None, name: "Ada".to_owned() };
    Operation::read(name, payload).unwrap().apply(&mut doc.transact_mut(), SystemClock.now(), &author);
}

/// What both have when each has heard of the other.
fn met(one: &Doc, other: &Doc) -> Value {
    follow(one, &state(other));
    follow(other, &state(one));
    assert_eq!(shown(one), shown(other));
    shown(one)
}

fn sample() -> Value {
    json!({
        "name": "Orders",
        "description": "What is done with an order",
        "inputs": {"type": "object", "properties": {"id": {"type": "string"}, "at": {"type": "string"}}},
        "nodes": [
            {"id": "start", "type": "start"},
            {
                "id": "price", "type": "code", "position": {"x": 10, "y": 20.5},
                "data": {"label": "Price", "params": {"code": "let sum = 0;\nfor (const item of items) {\n  sum += item;\n}\nreturn sum;\n", "list": [1, 2]}},
            },
        ],
        "edges": [{"id": "e1", "source": "start", "target": "price"}],
    })
}

#[test]
fn every_example_comes_out_as_it_went_in() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path().join("workflow.yaml");
        let Ok(text) = std::fs::read(&path) else { continue };
        let draft = parse(&text, Format::Yaml).unwrap();
        let doc = opened(&seed(&draft));
        assert_eq!(view(&doc.transact(), &draft).to_string(), draft.to_string(), "{}", path.display());
        found += 1;
    }
    assert!(found > 0, "there are no examples");
}

#[test]
fn two_who_begin_with_the_same_draft_begin_the_same_document() {
    let (one, other) = (opened(&seed(&sample())), opened(&seed(&sample())));
    let before = state(&one).len();
    follow(&one, &state(&other));
    assert_eq!(state(&one).len(), before, "nothing came twice");
    assert_eq!(shown(&one), sample());
}

#[test]
fn what_is_as_it_was_is_not_written() {
    let doc = opened(&seed(&sample()));
    let before = doc.transact().state_vector();
    written(&doc, &sample());
    assert_eq!(doc.transact().state_vector(), before);
}

#[test]
fn what_two_write_at_the_same_time_stays() {
    let (one, other) = (opened(&seed(&sample())), opened(&seed(&sample())));
    let mut mine = sample();
    mine["nodes"][1]["data"]["label"] = json!("The price");
    mine["nodes"][1]["data"]["params"]["code"] =
        json!("let sum = 10;\nfor (const item of items) {\n  sum += item;\n}\nreturn sum;\n");
    written(&one, &mine);
    let mut theirs = sample();
    theirs["name"] = json!("Every order");
    theirs["nodes"][1]["position"]["x"] = json!(99);
    theirs["nodes"][1]["data"]["params"]["code"] =
        json!("let sum = 0;\nfor (const item of items) {\n  sum += item * 2; // 🦀\n}\nreturn sum;\n");
    theirs["nodes"].as_array_mut().unwrap().push(json!({"id": "end", "type": "end"}));
    written(&other, &theirs);

    let both = met(&one, &other);
    let node = |id: &str| both["nodes"].as_array().unwrap().iter().find(|node| node["id"] == id).unwrap().clone();
    assert_eq!(both["name"], "Every order");
    assert_eq!(node("end")["type"], "end");
    assert_eq!(node("price")["position"], json!({"x": 99, "y": 20.5}));
    assert_eq!(node("price")["data"]["label"], "The price");
    assert_eq!(
        node("price")["data"]["params"]["code"],
        "let sum = 10;\nfor (const item of items) {\n  sum += item * 2; // 🦀\n}\nreturn sum;\n"
    );
}

#[test]
fn numbers_are_those_of_javascript() {
    let doc = opened(&seed(&json!({"nodes": [], "a": 9_007_199_254_740_993_u64, "b": u64::MAX, "c": -1.0, "d": 0.1})));
    assert_eq!(
        shown(&doc),
        json!({"nodes": [], "edges": [], "a": 9_007_199_254_740_992_u64, "b": 1.8446744073709552e19, "c": -1, "d": 0.1})
    );
    let before = doc.transact().state_vector();
    written(&doc, &json!({"nodes": [], "a": 9_007_199_254_740_993_u64, "b": u64::MAX, "c": -1.0, "d": 0.1}));
    assert_eq!(doc.transact().state_vector(), before);
}

#[test]
fn order_is_kept_and_what_is_new_comes_last() {
    let doc = opened(&seed(&sample()));
    done(&doc, "add_node", json!({"node": {"id": "aaa", "type": "set"}}));
    let after = view(&doc.transact(), &sample());
    let ids: Vec<_> = after["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["start", "price", "aaa"]);
    assert_eq!(after["inputs"].to_string(), sample()["inputs"].to_string());
}

#[test]
fn operations_change_what_they_name() {
    let doc = opened(&seed(&sample()));
    done(&doc, "move_node", json!({"id": "price", "position": {"x": 1, "y": 2}}));
    done(&doc, "update_node", json!({"id": "price", "changes": {"data": {"label": null, "checkpoint": true}}}));
    done(&doc, "set_meta", json!({"changes": {"description": null, "name": "New"}}));
    done(&doc, "add_edge", json!({"edge": {"id": "e2", "source": "price", "target": "start"}}));
    let after = shown(&doc);
    assert_eq!(after["nodes"][1]["position"], json!({"x": 1, "y": 2}));
    assert_eq!(after["nodes"][1]["data"]["checkpoint"], true);
    assert!(after["nodes"][1]["data"].get("label").is_none() && after.get("description").is_none());
    assert_eq!((&after["name"], after["edges"].as_array().unwrap().len()), (&json!("New"), 2));

    done(&doc, "remove_node", json!({"id": "price"}));
    let after = shown(&doc);
    assert_eq!((after["nodes"].as_array().unwrap().len(), &after["edges"]), (1, &json!([])), "{after}");
    // Whoever was slower changes nothing, and brings nothing back.
    done(&doc, "update_node", json!({"id": "price", "changes": {"type": "set"}}));
    assert_eq!(shown(&doc), after);
}

#[test]
fn a_container_goes_with_what_is_inside() {
    let node = |id: &str, parent: Value| json!({"id": id, "type": "map", "parentNode": parent});
    let nodes =
        json!([node("a", json!("root")), node("b", json!("a")), node("root", Value::Null), node("c", Value::Null)]);
    let doc = opened(&seed(&json!({"name": "n", "nodes": nodes})));
    done(&doc, "remove_node", json!({"id": "root"}));
    assert_eq!(shown(&doc)["nodes"].as_array().unwrap().len(), 1);
}

#[test]
fn comments_are_beside_the_draft() {
    let doc = opened(&seed(&sample()));
    done(&doc, "add_comment", json!({"id": "c1", "text": "Why?", "node": "price"}));
    done(&doc, "add_comment", json!({"id": "c2", "text": "Because.", "reply_to": "c1"}));
    done(&doc, "update_comment", json!({"id": "c1", "resolved": true}));
    done(&doc, "update_comment", json!({"id": "c2", "text": "Because it is."}));
    let said = comments(&doc.transact());
    assert_eq!((said.len(), said[0].replies.len()), (1, 1));
    assert_eq!((said[0].text.as_str(), said[0].resolved, said[0].node.as_deref()), ("Why?", true, Some("price")));
    assert_eq!((said[0].replies[0].text.as_str(), said[0].author_name.as_deref()), ("Because it is.", Some("Ada")));
    assert_eq!(shown(&doc), sample());
    done(&doc, "add_comment", json!({"id": "c1", "text": "Mine now"}));
    assert_eq!(comments(&doc.transact())[0].text, "Why?");
    done(&doc, "remove_comment", json!({"id": "c2"}));
    assert!(comments(&doc.transact())[0].replies.is_empty());
}

#[test]
fn what_is_no_operation_says_why() {
    let told = |name: &str, payload: Value| Operation::read(name, payload).unwrap_err().to_string();
    assert!(told("explode", json!({})).contains("add_node"));
    assert!(told("add_node", json!({"node": 3})).contains("`node` must be an object"));
    assert!(told("add_node", json!({"node": {"type": "set"}})).contains("`node.id`"));
    assert!(told("update_node", json!({"id": "a"})).contains("changes"));
    assert!(told("remove_node", json!(null)).contains("payload of remove_node"));
}

#[test]
fn whatever_a_client_made_of_it_is_read() {
    let doc = empty();
    let mut txn = doc.transact_mut();
    let nodes = yrs::WriteTxn::get_or_insert_map(&mut txn, "nodes");
    nodes.insert(&mut txn, "text", "no node");
    nodes.insert(&mut txn, "list", ArrayPrelim::from([1, 2]));
    let node = nodes.insert(&mut txn, "n\0", MapPrelim::default());
    node.insert(&mut txn, "type", TextPrelim::new("se\0t"));
    node.insert(&mut txn, "id", 7);
    node.insert(&mut txn, "bytes", Any::Buffer([1, 2].into()));
    node.insert(&mut txn, "nothing", Any::Undefined);
    node.insert(&mut txn, "endless", f64::INFINITY);
    let mut deep = node.insert(&mut txn, "deep", MapPrelim::default());
    for _ in 0..2 * MAX_DEPTH {
        deep = deep.insert(&mut txn, "deep", MapPrelim::default());
    }
    drop(txn);
    let read = shown(&doc);
    assert_eq!(read["nodes"].as_array().unwrap().len(), 1, "{read}");
    assert_eq!((&read["nodes"][0]["id"], &read["nodes"][0]["type"]), (&json!("n\u{FFFD}"), &json!("set")));
    assert_eq!(read["nodes"][0]["endless"], Value::Null);
    written(&doc, &sample());
    assert_eq!(shown(&doc), sample());
}

#[test]
fn text_in_a_list_is_passed_over() {
    let doc = empty();
    let meta = doc.get_or_insert_map("meta");
    let mut txn = doc.transact_mut();
    let list = meta.insert(&mut txn, "list", ArrayPrelim::from([1]));
    let sequence = BranchPtr::from(AsRef::<Branch>::as_ref(&list));
    TextRef::from(sequence).insert(&mut txn, 0, "\u{1f980}");
    meta.insert(&mut txn, "name", "Read on");
    drop(txn);
    let shown = shown(&doc);
    assert_eq!((&shown["name"], shown.get("list")), (&json!("Read on"), None));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1000_i64..1000).prop_map(Value::from),
        (-(1_i64 << 53)..1 << 53).prop_map(Value::from),
        (-10.0..10.0_f64).prop_map(|number| json!((number * 8.0).trunc() / 8.0 + 0.0625)),
        "[a-zé🦀\\n ]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}|code|text", inner, 0..4).prop_map(object),
        ]
    })
}

fn object(fields: std::collections::BTreeMap<String, Value>) -> Value {
    Value::Object(fields.into_iter().collect())
}

fn document() -> impl Strategy<Value = Value> {
    let fields = || prop::collection::btree_map("[a-z]{2,5}|code", value(), 0..4).prop_map(object);
    let node = (fields(), fields()).prop_map(|(data, params)| {
        let mut node = json!({"type": "set", "data": data});
        node["data"]["params"] = params;
        node
    });
    let nodes = prop::collection::btree_map("[a-f]{1,2}", node, 0..6);
    let edges = prop::collection::btree_map("[a-f]{1,2}", fields(), 0..4);
    let named = |entries: std::collections::BTreeMap<String, Value>| -> Vec<Value> {
        let with_id = |(id, mut entry): (String, Value)| {
            entry["id"] = Value::String(id);
            entry
        };
        entries.into_iter().map(with_id).collect()
    };
    (fields(), nodes, edges).prop_map(move |(meta, nodes, edges)| {
        let mut fields: Map<String, Value> = match meta {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        fields.insert("nodes".to_owned(), Value::from(named(nodes)));
        fields.insert("edges".to_owned(), Value::from(named(edges)));
        Value::Object(fields)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_document_becomes_any_other(one in document(), other in document()) {
        let doc = opened(&seed(&one));
        prop_assert_eq!(view(&doc.transact(), &one), one);
        written(&doc, &other);
        prop_assert_eq!(view(&doc.transact(), &other), other);
    }

    #[test]
    fn those_who_write_apart_meet(first in document(), one in document(), other in document()) {
        let (mine, theirs) = (opened(&seed(&first)), opened(&seed(&first)));
        written(&mine, &one);
        written(&theirs, &other);
        met(&mine, &theirs);
    }
}
