//! `set`, `validate_json`, `webhook_response`.

use serde_json::json;
use weir_core::node_error::ErrorClass;
use weir_core::outcome::Outcome;

use crate::support::{Bench, handle_and_output};

#[tokio::test]
async fn set_gives_its_values() {
    let bench = Bench::new().await;
    let output = bench.output("set", json!({"values": {"a": [1], "b": null}})).await;
    assert_eq!(output, json!({"a": [1], "b": null}));
    let error = bench.fails("set", json!({"values": {}, "value": 1})).await;
    assert!(error.message.contains("value"), "{}", error.message);
}

#[tokio::test]
async fn validate_json_tells_every_error_with_its_place() {
    let bench = Bench::new().await;
    let schema = json!({"type": "object", "required": ["id"], "properties": {"n": {"type": "integer", "minimum": 1}}});
    let check = async |value| {
        handle_and_output(bench.run("validate_json", json!({"value": value, "schema": schema})).await.unwrap())
    };
    let fine = check(json!({"id": "x", "n": 2})).await;
    assert_eq!(fine, (Some("valid".to_owned()), json!({"valid": true, "errors": []})));
    let (handle, output) = check(json!({"n": 0})).await;
    assert_eq!(handle.as_deref(), Some("invalid"));
    let mut pointers: Vec<_> = output["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    pointers.sort_by_key(|pointer| pointer.to_string());
    assert_eq!(pointers, [&json!(""), &json!("/n")]);
}

#[tokio::test]
async fn validate_json_runs_hostile_patterns_in_linear_time_and_fetches_nothing() {
    let bench = Bench::new().await;
    let long = format!("{}!", "a".repeat(50_000));
    let params = json!({"value": long, "schema": {"pattern": "^(a+)+$"}});
    let (handle, _) = handle_and_output(bench.run("validate_json", params).await.unwrap());
    assert_eq!(handle.as_deref(), Some("invalid"));
    for schema in
        [json!({"$ref": "http://127.0.0.1:1/schema"}), json!({"$ref": "file:///etc/passwd"}), json!({"type": 5})]
    {
        let error = bench.fails("validate_json", json!({"value": 1, "schema": schema})).await;
        assert_eq!((error.class, error.source.as_deref()), (ErrorClass::Invalid, Some("schema")));
    }
}

#[tokio::test]
async fn a_webhook_response_is_exactly_status_headers_and_body() {
    let bench = Bench::new().await;
    assert_eq!(bench.output("webhook_response", json!({})).await, json!({"status": 200, "headers": {}, "body": null}));
    let params = json!({"status": 201, "headers": {"X-Count": 3}, "body": {"ok": true}});
    let outcome = bench.run("webhook_response", params).await.unwrap();
    assert_eq!(outcome, Outcome::done(json!({"status": 201, "headers": {"x-count": "3"}, "body": {"ok": true}})));
    for params in [json!({"status": 99}), json!({"headers": {"a b": "c"}}), json!({"headers": {"a": "b\r\nc: d"}})] {
        assert_eq!(bench.fails("webhook_response", params).await.class, ErrorClass::Invalid);
    }
}
