//! `/api/openapi.json`: it tells of every route, and is what the repository says it is.

use serde_json::Value;

use crate::server::Server;

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let fields = item.as_object().unwrap().iter();
        fields
            .filter(|(name, _)| METHODS.contains(&name.as_str()))
            .map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

/// Every object of a JSON tree.
fn walk(value: &Value, see: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            see(fields);
            fields.values().for_each(|value| walk(value, see));
        }
        Value::Array(items) => items.iter().for_each(|value| walk(value, see)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_sound() {
    let server = Server::start().await;
    let document = server.get("/api/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    let mut ids = Vec::new();
    for (name, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        let problem = responses.iter().any(|(status, response)| {
            !status.starts_with('2') && response["content"]["application/problem+json"].is_object()
        });
        assert!(problem, "{name} has no problem");
        assert!(responses.keys().any(|status| status.starts_with(['1', '2', '3'])), "{name} has no success");
        assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{name} has no summary");
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{name}");
        ids.push(operation["operationId"].as_str().unwrap().to_owned());
        let path = name.split(' ').nth(1).unwrap();
        let in_path: Vec<_> = path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let declared: Vec<_> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(declared, in_path, "{name}");
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "operation ids are unique");
    walk(&document, &mut |fields| {
        if let Some(Value::String(place)) = fields.get("$ref") {
            let found = place.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
            assert!(found.is_some(), "{place} leads nowhere");
        }
    });
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{name} is no JSON Schema: {schema}");
    }
}

/// What a path allows is what the document says; that every operation is there shows when all are asked, in
/// `permissions`.
#[tokio::test]
async fn the_document_and_the_router_agree() {
    let server = Server::start().await;
    let document = server.get("/api/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        let sample = path.split('/').map(|part| if part.starts_with('{') { "sample" } else { part });
        let sample = sample.collect::<Vec<_>>().join("/");
        let request = server.request(reqwest::Method::OPTIONS, &sample);
        let answer = crate::server::Answer::of(request).await;
        assert_eq!(answer.problem(), "method_not_allowed", "{path}");
        let mut allowed: Vec<_> = answer.headers["allow"]
            .to_str()
            .unwrap()
            .split(',')
            .map(str::to_lowercase)
            .filter(|one| one != "head")
            .collect();
        let mut documented: Vec<_> =
            item.as_object().unwrap().keys().filter(|name| METHODS.contains(&name.as_str())).cloned().collect();
        if item.as_object().unwrap().values().any(|operation| operation["x-weir-methods"] == "any") {
            documented = METHODS.map(str::to_owned).to_vec();
        }
        allowed.sort_unstable();
        documented.sort_unstable();
        assert_eq!(allowed, documented, "{path}");
    }
}

/// The web client's types are made from this file: when this test fails, look at the difference, and accept it with
/// `UPDATE_OPENAPI=1`.
#[tokio::test]
async fn the_document_is_the_one_in_the_repository() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let server = Server::start().await;
    let now = server.get("/api/openapi.json").await.json();
    // Compared as JSON: extensions come in any order.
    let read = || serde_json::from_str::<Value>(&std::fs::read_to_string(&file).unwrap()).unwrap();
    if std::env::var_os("UPDATE_OPENAPI").is_some() && read() != now {
        std::fs::write(&file, format!("{now:#}\n")).unwrap();
    }
    let kept = read();
    assert!(kept == now, "openapi.json has drifted: run this test with UPDATE_OPENAPI=1 and look at the difference");
}
