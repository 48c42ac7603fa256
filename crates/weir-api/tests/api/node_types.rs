//! `/node-types`, `/schema`.

use crate::server::Server;

#[tokio::test]
async fn node_types_declare_themselves() {
    let server = Server::start().await;
    let list = server.get("/api/v1/node-types").await.json();
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.contains(&"http_request") && names.contains(&"map"), "{names:?}");
    let one = server.get("/api/v1/node-types/delay").await.json();
    insta::assert_json_snapshot!(one);
    assert_eq!(server.get("/api/v1/node-types/nope").await.problem(), "node_type_not_found");
}

#[tokio::test]
async fn the_schema_of_documents_accepts_one() {
    let server = Server::start().await;
    let schema = server.get("/api/v1/schema").await.json();
    let schema = jsonschema::validator_for(&schema).unwrap();
    assert!(schema.is_valid(&crate::documents::greeting()));
    assert!(!schema.is_valid(&serde_json::json!({"name": 7})));
}
