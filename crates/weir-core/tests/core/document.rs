//! Documents as text: what is read, what is refused, and that nothing is lost on the way.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use weir_core::document::{Document, Format, parse};
use weir_core::problem::Problem;

const TRIAGE: &str = include_str!("triage.yaml");

fn refused(text: impl AsRef<[u8]>, format: Format) -> Problem {
    match parse(text.as_ref(), format) {
        Ok(tree) => panic!("it was read: {tree}"),
        Err(mut problems) => problems.remove(0),
    }
}

#[test]
fn the_example_of_the_guide_is_read_and_printed_as_it_stands() {
    let document = Document::from_value(parse(TRIAGE.as_bytes(), Format::Yaml).unwrap()).unwrap();
    assert_eq!(document.name, "Log triage");
    assert_eq!(document.nodes[1].data.retry.as_ref().unwrap().delays_seconds, Some(vec![5.0, 30.0, 300.0]));
    assert_eq!(document.nodes[3].parent.as_deref(), Some("each"));
    assert_eq!(document.extra["x_owner"], "no");
    insta::assert_snapshot!(document.to_yaml());
    insta::assert_snapshot!(document.to_json());
}

#[test]
fn the_format_is_guessed_from_the_first_character() {
    assert_eq!(Format::guess(b"\n {\"name\": 1}"), Format::Json);
    assert_eq!(Format::guess(b"\xEF\xBB\xBF{"), Format::Json);
    assert_eq!(Format::guess(b"name: a"), Format::Yaml);
    assert_eq!(Format::guess(b""), Format::Yaml);
}

#[test]
fn texts_that_cannot_be_read_say_where() {
    use Format::{Json, Yaml};
    for (text, format, code, part) in [
        (&b"{\"a\": \xFF}"[..], Json, "encoding_invalid", "byte 6"),
        (b"{\"a\": 1,\n \"b\" 2}", Json, "syntax_invalid", "line 2 column 6"),
        (b"{\"a\": 1} x", Json, "syntax_invalid", "line 1 column 10"),
        (b"{\"a\": {\"b\": 1, \"b\": 2}}", Json, "key_duplicate", "`b`"),
        (b"{\"$serde_json::private::RawValue\": \"[1\"}", Json, "key_reserved", "reserved"),
        (b"{\"a\": 1e999}", Json, "syntax_invalid", "line 1"),
        (b"a: 1\nb: [1, 2\nc: 3", Yaml, "syntax_invalid", "line"),
        (b"a: {b: 1}\nb: 1\na: 2", Yaml, "key_duplicate", "a"),
        (b"a: .inf", Yaml, "syntax_invalid", "line 1"),
        (b"a: *nowhere", Yaml, "syntax_invalid", "line 1"),
        (b"a: 1\n---\nb: 2", Yaml, "syntax_invalid", ""),
        (b"a: !ruby/object {}", Yaml, "syntax_invalid", "line 1"),
        (b"\x1B[0m: 1", Yaml, "syntax_invalid", ""),
    ] {
        let problem = refused(text, format);
        let shown = String::from_utf8_lossy(text);
        assert_eq!(problem.code, code, "{shown}: {}", problem.message);
        assert!(problem.message.contains(part), "{shown}: {}", problem.message);
        assert!(!problem.hint.is_empty());
    }
}

#[test]
fn texts_that_are_too_large_too_deep_or_grow_by_aliases_are_refused() {
    assert_eq!(refused(vec![b' '; 2 * 1024 * 1024 + 1], Format::Json).code, "document_too_large");
    for (depth, refuses) in [(64, false), (65, true), (5000, true)] {
        let json = "[".repeat(depth) + &"]".repeat(depth);
        for format in [Format::Json, Format::Yaml] {
            assert_eq!(parse(json.as_bytes(), format).is_err(), refuses, "{depth} {format:?}");
        }
        if depth == 65 {
            assert_eq!(refused(&json, Format::Json).code, "document_too_deep");
            assert_eq!(refused(&json, Format::Yaml).code, "document_too_deep");
        }
    }
    let mut bomb = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    let problem = refused(&bomb, Format::Yaml);
    assert_eq!(problem.code, "document_too_large", "{}", problem.message);
    let long = format!("a: &a {}\nb: [{}]", "x".repeat(100_000), vec!["*a"; 30].join(", "));
    assert_eq!(refused(&long, Format::Yaml).code, "document_too_large");
}

#[test]
fn yaml_keeps_the_types_people_mean() {
    let tree =
        parse(b"a: yes\nb: no\nc: 0\nd: 1.0\nf: null\ng: ~\nh: 2024-01-01\ni: true\nj: \"1\"", Format::Yaml).unwrap();
    assert_eq!(
        tree,
        json!({"a": "yes", "b": "no", "c": 0, "d": 1.0, "f": null, "g": null, "h": "2024-01-01", "i": true, "j": "1"})
    );
    let shared = parse(b"base: &base {x: 1}\nuse: {<<: *base, y: 2}", Format::Yaml).unwrap();
    assert_eq!(shared, json!({"base": {"x": 1}, "use": {"x": 1, "y": 2}}));
}

#[test]
fn a_field_of_the_wrong_type_does_not_hide_the_others() {
    let problems = Document::from_value(json!({
        "name": 5,
        "nodes": [
            {"id": "a", "type": "set", "position": {"x": "left", "y": 0}, "data": {"on_error": "fial", "retry": {"max_attempts": 1.5}}},
            "b",
            {"id": 7, "data": {"params": []}},
        ],
        "edges": {},
    }))
    .unwrap_err();
    let found: Vec<_> = problems.iter().map(|problem| (problem.code, problem.pointer.as_str())).collect();
    assert_eq!(
        found,
        [
            ("field_type", "/name"),
            ("field_type", "/nodes/0/position/x"),
            ("field_type", "/nodes/0/data/retry/max_attempts"),
            ("field_type", "/nodes/0/data/on_error"),
            ("field_type", "/nodes/1"),
            ("field_type", "/nodes/2/id"),
            ("field_missing", "/nodes/2/type"),
            ("field_type", "/nodes/2/data/params"),
            ("field_type", "/edges"),
        ]
    );
    assert_eq!(problems[3].node.as_deref(), Some("a"));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,12}",
        any::<String>(),
        prop::sample::select(vec![
            "yes",
            "no",
            "on",
            "off",
            "y",
            "N",
            "true",
            "null",
            "~",
            "",
            " ",
            "0",
            "0x1F",
            "0o17",
            "017",
            "1_000",
            "1e3",
            ".inf",
            "-.INF",
            ".nan",
            "2024-01-01",
            "2024-01-01T00:00:00Z",
            "1:30",
            "<<",
            "=",
            "!tag",
            "&a",
            "*a",
            "- a",
            "? a",
            ": a",
            "a: b",
            "a #b",
            "#a",
            "{{ a }}",
            "[a]",
            "'a'",
            "\"a\"",
            "%a",
            "@a",
            "`a`",
            "|",
            ">",
            "---",
            "...",
            "a\nb",
            "a\n",
            "a\n\n",
            "\na",
            " a\n b",
            "\ta\n\tb",
            "a\r\nb",
            "a\u{85}b",
            "\u{2028}",
            "\u{FEFF}",
            "\0",
            "\u{7}",
            "  \n",
            "a \nb",
            "a\n  b\nc\n",
            "\u{1F600}",
            "---\na",
            "# a\nb",
            "a\n# b\n",
            "\n",
            "\n\n a",
        ])
        .prop_map(str::to_owned),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1.0e6..1.0e6).prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        Just(json!(0)),
        Just(json!(-0.0)),
        Just(json!(1.0)),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            any_object(inner).prop_map(Value::Object),
        ]
    })
}

fn any_object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((any_text(), value), 0..4).prop_map(Map::from_iter)
}

/// A document with odd values wherever the format allows them.
fn any_document() -> impl Strategy<Value = Document> {
    let node = (any_text(), any_text(), prop::option::of(any_text()), any_object(any_value()), any_value()).prop_map(
        |(id, node_type, parent, params, extra)| {
            let mut node = json!({
                "id": id, "type": node_type, "position": {"x": 0, "y": -1.5, "z": extra},
                "data": {"label": id, "params": params, "retry": {"delays_seconds": [1, 2.5], "note": extra}, "note": extra},
                "width": extra,
            });
            if let Some(parent) = parent {
                node["parentNode"] = parent.into();
            }
            node
        },
    );
    let edge = (any_text(), any_text(), any_value()).prop_map(
        |(source, target, style)| json!({"id": "e", "source": source, "target": target, "sourceHandle": source, "style": style}),
    );
    (any_text(), prop::collection::vec(node, 0..3), prop::collection::vec(edge, 0..3), any_value(), any_object(any_value()))
        .prop_map(|(name, nodes, edges, odd, extra)| {
            let mut tree = json!({"name": name, "description": name, "inputs": odd, "nodes": nodes, "edges": edges, "viewport": odd});
            if let Value::Object(fields) = &mut tree {
                for (key, value) in extra {
                    fields.entry(format!("x {key}")).or_insert(value);
                }
            }
            Document::from_value(tree).unwrap_or_else(|problems| panic!("not a document: {problems:?}"))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn documents_come_back_the_same_from_json_and_yaml(document in any_document()) {
        for (text, format) in [(document.to_json(), Format::Json), (document.to_yaml(), Format::Yaml)] {
            let tree = parse(text.as_bytes(), format).unwrap_or_else(|problems| panic!("{problems:?} in\n{text}"));
            let again = Document::from_value(tree).unwrap_or_else(|problems| panic!("{problems:?} in\n{text}"));
            prop_assert_eq!(&again, &document, "in\n{}", text);
            let printed = match format { Format::Json => again.to_json(), Format::Yaml => again.to_yaml() };
            prop_assert_eq!(printed, text);
        }
    }

    #[test]
    fn stored_documents_come_back_the_same(document in any_document()) {
        let stored = serde_json::to_string(&document).unwrap();
        prop_assert_eq!(serde_json::from_str::<Document>(&stored).unwrap(), document);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<Vec<u8>>(), yaml in "[-a:{}\\[\\]&*!|>#'\" \n,?]{0,40}") {
        for bytes in [text.as_slice(), yaml.as_bytes()] {
            for format in [Format::Json, Format::Yaml] {
                if let Ok(tree) = parse(bytes, format) {
                    let _ = Document::from_value(tree);
                }
            }
        }
    }
}
