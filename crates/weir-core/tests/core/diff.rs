//! Two versions of a document, compared.

use serde_json::{Value, json};
use weir_core::diff::diff;
use weir_core::document::Document;

fn document(tree: Value) -> Document {
    Document::from_value(tree).unwrap_or_else(|problems| panic!("not a document: {problems:?}"))
}

#[test]
fn equal_documents_differ_in_nothing_whatever_their_order() {
    let a =
        document(json!({"name": "a", "nodes": [{"id": "x", "type": "set"}, {"id": "y", "type": "set"}], "edges": []}));
    let b = document(
        json!({"nodes": [{"type": "set", "id": "y"}, {"id": "x", "type": "set"}], "name": "a", "viewport": {"x": 1}}),
    );
    assert!(diff(&a, &b).is_empty());
    assert_eq!(diff(&a, &b).summary(), "");
}

#[test]
fn every_kind_of_change_is_told() {
    let older = document(json!({
        "name": "Old", "description": "gone", "settings": {"timeout_seconds": 5},
        "nodes": [
            {"id": "start", "type": "start", "position": {"x": 0, "y": 0}},
            {"id": "fetch", "type": "http_request", "position": {"x": 0, "y": 0}, "data": {"params": {"url": "a", "headers": {"a/b": "1"}}}},
            {"id": "old", "type": "set"},
        ],
        "edges": [{"id": "e1", "source": "start", "target": "fetch"}, {"id": "e2", "source": "fetch", "target": "old"}],
    }));
    let newer = document(json!({
        "name": "New", "settings": {"timeout_seconds": 9}, "inputs": {"type": "object"},
        "nodes": [
            {"id": "start", "type": "start", "position": {"x": 10, "y": 0}},
            {"id": "fetch", "type": "http_request", "position": {"x": 10, "y": 0}, "data": {"params": {"url": "b", "headers": {}, "method": "GET"}}},
            {"id": "new", "type": "set"},
        ],
        "edges": [{"id": "e1", "source": "start", "target": "new"}, {"id": "e3", "source": "fetch", "target": "new"}],
    }));
    let diff = diff(&older, &newer);
    insta::assert_snapshot!(diff.summary());
    insta::assert_json_snapshot!(diff);
}
