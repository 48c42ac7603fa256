//! `read_file` and `write_file`.

use serde_json::{Value, json};
use weir_core::node_error::{ErrorClass, NodeError};
use weir_engine::node::NodeCtx;

use crate::support::{Bench, handle_and_output};

/// Writes a file and reads it again in the same execution.
async fn read(bench: &Bench, content: &str, format: Value) -> Result<Value, NodeError> {
    let ctx = bench.ctx();
    bench.node("write_file").run(&ctx, json!({"path": "a/b.txt", "content": content})).await?;
    read_back(bench, &ctx, json!({"path": "a/b.txt", "format": format})).await
}

async fn read_back(bench: &Bench, ctx: &NodeCtx, params: Value) -> Result<Value, NodeError> {
    let (_, output) = handle_and_output(bench.node("read_file").run(ctx, params).await?);
    Ok(output["content"].clone())
}

#[tokio::test]
async fn what_was_written_is_read_in_every_format() {
    let bench = Bench::new().await;
    assert_eq!(read(&bench, "grüße\n", json!("text")).await, Ok(json!("grüße\n")));
    assert_eq!(read(&bench, "{\"a\": 1}", json!("json")).await, Ok(json!({"a": 1})));
    assert_eq!(read(&bench, "one\r\ntwo\n\nfour", json!("lines")).await, Ok(json!(["one", "two", "", "four"])));
    assert_eq!(read(&bench, "hi", json!("base64")).await, Ok(json!("aGk=")));
    let csv = "\u{feff}name,note\nann,\"a, b\"\nbo,\"two\nlines\"\n";
    let rows = json!([{"name": "ann", "note": "a, b"}, {"name": "bo", "note": "two\nlines"}]);
    assert_eq!(read(&bench, csv, json!("csv")).await, Ok(rows));
    assert_eq!(read(&bench, "", json!("csv")).await, Ok(json!([])));
}

#[tokio::test]
async fn what_does_not_fit_its_format_is_told_with_its_place() {
    let bench = Bench::new().await;
    let error = read(&bench, "a,b\n1,2\n3\n", json!("csv")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.message.contains("a/b.txt") && error.message.contains("line: 3"), "{}", error.message);
    let error = read(&bench, "{", json!("json")).await.unwrap_err();
    assert!(error.message.contains("line 1"), "{}", error.message);
    let ctx = bench.ctx();
    let binary = json!({"path": "x", "content": "/////w==", "format": "base64"});
    bench.node("write_file").run(&ctx, binary).await.unwrap();
    let error = read_back(&bench, &ctx, json!({"path": "x"})).await.unwrap_err();
    assert!(error.message.contains("base64"), "{}", error.message);
}

#[tokio::test]
async fn writing_tells_the_size_and_hash_and_replaces() {
    let bench = Bench::new().await;
    let ctx = bench.ctx();
    let write = async |content| {
        let params = json!({"path": "out.json", "content": content, "format": "json"});
        handle_and_output(bench.node("write_file").run(&ctx, params).await.unwrap()).1
    };
    let sha256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
    assert_eq!(write(json!(1)).await, json!({"path": "out.json", "size": 1, "sha256": sha256}));
    write(json!([true])).await;
    assert_eq!(read_back(&bench, &ctx, json!({"path": "out.json", "format": "json"})).await, Ok(json!([true])));
    let error = bench.fails("write_file", json!({"path": "x", "content": {"a": 1}})).await;
    assert!(error.message.contains("format json"), "{}", error.message);
}

#[tokio::test]
async fn paths_stay_within_the_execution() {
    let bench = Bench::new().await;
    for path in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "a\\b", "a\0b", "con\n", "~/.ssh/../x"] {
        for (name, params) in
            [("read_file", json!({"path": path})), ("write_file", json!({"path": path, "content": ""}))]
        {
            let error = bench.fails(name, params).await;
            assert_eq!(error.class, ErrorClass::Invalid, "{path:?}");
        }
    }
    let ctx = bench.ctx();
    bench.node("write_file").run(&ctx, json!({"path": "mine", "content": "x"})).await.unwrap();
    let elsewhere = bench.fails("read_file", json!({"path": "mine"})).await;
    assert!(elsewhere.message.contains("mine"), "{}", elsewhere.message);
    assert_eq!(elsewhere.class, ErrorClass::Invalid);
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_with_what_to_do() {
    let bench = Bench::new().await;
    let ctx = bench.ctx();
    bench.node("write_file").run(&ctx, json!({"path": "big", "content": "0123456789"})).await.unwrap();
    assert_eq!(read_back(&bench, &ctx, json!({"path": "big", "max_bytes": 10})).await, Ok(json!("0123456789")));
    let error = read_back(&bench, &ctx, json!({"path": "big", "max_bytes": 9})).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.message.contains("too large") && error.message.contains("max_bytes"), "{}", error.message);
}
