//! What the node types declare about themselves.

use std::collections::BTreeSet;

use serde_json::json;
use weir_core::node_type::{Catalog, Category};

use crate::support::Bench;

#[tokio::test]
async fn names_and_handles_are_these() {
    let bench = Bench::new().await;
    let catalog: Catalog = bench.types().iter().map(|node| node.info()).collect();
    let lines: Vec<String> = catalog
        .iter()
        .map(|info| {
            let handles = serde_json::to_string(&info.handles).unwrap();
            let kind = if info.pure { "pure" } else { "effect" };
            format!("{} {kind} attempts={} {handles}", info.name, info.default_max_attempts)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn schemas_read_like_written_by_hand() {
    let bench = Bench::new().await;
    insta::assert_json_snapshot!(bench.node("map").info().params_schema);
    insta::assert_json_snapshot!(bench.node("loop").info().params_schema);
    insta::assert_json_snapshot!(bench.node("http_request").info().params_schema["properties"]["headers"]);
    insta::assert_json_snapshot!(bench.node("http_request").info().params_schema["properties"]["response"]);
}

#[tokio::test]
async fn every_declaration_is_sound() {
    let bench = Bench::new().await;
    let mut names = BTreeSet::new();
    for info in bench.types().iter().map(|node| node.info()) {
        let name = info.name;
        assert!(names.insert(name), "{name} is there twice");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        assert!(info.description.ends_with('.') && info.description.len() > 15, "{name}: {}", info.description);
        assert!(!info.description.contains("  "), "{name}: {}", info.description);
        assert!(info.label.starts_with(char::is_uppercase), "{name}: {}", info.label);
        assert!(info.icon.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}: {}", info.icon);
        assert!(info.default_max_attempts >= 1 && (!info.pure || info.default_max_attempts == 1), "{name}");
        let reads_the_store = name == "sub_workflow";
        assert!(info.category != Category::Control || info.pure || reads_the_store, "{name} steers, and is an effect");
        assert!(jsonschema::meta::is_valid(&info.params_schema), "{name}: {:#}", info.params_schema);
        assert_eq!(info.params_schema["additionalProperties"], json!(false), "{name} takes params it does not know");
        let validator = jsonschema::validator_for(&info.params_schema).unwrap();
        let properties = info.params_schema["properties"].as_object().cloned().unwrap_or_default();
        for (param, schema) in &properties {
            let described = schema["description"].as_str().unwrap_or_default();
            assert!(described.ends_with('.'), "{name}.{param} has no description");
            if let Some(default) = schema.get("default") {
                let only = jsonschema::validator_for(schema).unwrap();
                assert!(only.is_valid(default), "{name}.{param}: its default {default} does not fit");
            }
        }
        assert!(!validator.is_valid(&json!({"no such param": 1})), "{name}");
        for literal in info.literal_params {
            assert!(properties.contains_key(*literal), "{name}: {literal} is not a param");
        }
    }
}
