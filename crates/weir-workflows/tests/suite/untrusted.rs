//! What reads text from outside, against seeds and generated input: the fuzz targets' claims without a fuzzer.

#[path = "../../../../fuzz/claims/document.rs"]
mod document;
#[path = "../../../../fuzz/claims/expression.rs"]
mod expression;

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

/// Pieces that steer a document's or an expression's readers into their corners.
const PIECES: [&str; 44] = [
    "\n",
    "  ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "|",
    ">",
    "&a ",
    "*a",
    "!!str ",
    "#",
    "~",
    "---\n",
    "\t",
    "\u{FEFF}",
    "\\u0000",
    "\u{85}",
    "1e400",
    "-0.0",
    "0.1",
    "9007199254740993",
    "null",
    "yes",
    "{{ ",
    " }}",
    "input",
    ".a",
    "[0]",
    "steps.fetch",
    "item",
    "(x) => x",
    "`${index}`",
    " + ",
    "?? ",
    "1n",
    "/x/",
    "...",
    "nodes:",
    "edges:",
];

fn seeds(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(folder);
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..6),
        1 => any::<String>().prop_map(String::into_bytes),
    ]
}

/// A seed with some places cut out and others filled in.
fn mutated(folder: &str) -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<Index>(), 0_usize..12, piece()), 1..8);
    (select(seeds(folder)), edits).prop_map(|(mut text, edits)| {
        for (place, cut, piece) in edits {
            let from = place.index(text.len() + 1);
            let to = (from + cut).min(text.len());
            text.splice(from..to, piece);
        }
        text
    })
}

/// A document with any values where any are allowed.
fn filled() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(&PIECES[..]).prop_map(Value::from),
    ];
    let any_value = leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((any::<String>(), inner), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    (any::<String>(), vec(any_value, 3)).prop_map(|(name, values)| {
        let document = json!({
            "name": name,
            "description": name,
            "nodes": [
                {"id": "start", "type": "start", "note": values[0]},
                {"id": "end", "type": "end", "data": {"params": {"output": values[1]}}},
            ],
            "edges": [{"id": "e", "source": "start", "target": "end"}],
            "viewport": {"kept": values[2]},
        });
        document.to_string().into_bytes()
    })
}

/// Words of the language in any order.
fn words() -> impl Strategy<Value = Vec<u8>> {
    vec(piece(), 1..12).prop_map(|pieces| pieces.concat())
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn the_seeds_keep_the_claims() {
    for seed in seeds("document") {
        assert!(document::check(&seed), "a seed is to be valid, or what is near to it is not reached");
    }
    for seed in seeds("expression") {
        expression::check(std::str::from_utf8(&seed).unwrap());
    }
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn any_bytes_are_refused_or_read_as_a_document(bytes in prop_oneof![vec(any::<u8>(), 0..200), words()]) {
        document::check(&bytes);
    }

    #[test]
    fn a_damaged_document_keeps_the_claims(bytes in mutated("document")) {
        document::check(&bytes);
    }

}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_values_survive_in_a_document(bytes in filled()) {
        document::check(&bytes);
    }
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn any_text_keeps_the_claims_of_expressions(bytes in prop_oneof![words(), mutated("expression")]) {
        expression::check(&String::from_utf8_lossy(&bytes));
    }
}
