//! The JSON Schema of the format, as an editor uses it.

use serde_json::json;
use weir_core::document::{Format, parse};
use weir_core::schema::document_schema;
use weir_core::user_schema::UserSchema;

use crate::catalog::catalog;

#[test]
fn the_schema_takes_the_example_and_tells_wrong_params() {
    let schema = document_schema(&catalog());
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let mut tree = parse(include_bytes!("triage.yaml"), Format::Yaml).unwrap();
    let errors: Vec<_> = validator.iter_errors(&tree).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
    tree["nodes"][2]["data"]["params"]["concurrency"] = json!("{{ input.n }}");
    assert!(validator.is_valid(&tree));
    tree["nodes"][2]["data"]["params"]["concurrency"] = json!("many");
    let errors: Vec<_> = validator.iter_errors(&tree).map(|error| error.instance_path().to_string()).collect();
    assert_eq!(errors, ["/nodes/2/data/params/concurrency"]);
    tree["nodes"][2]["data"]["params"]["concurrency"] = json!(3);
    tree["nodes"][0]["type"] = json!("stat");
    assert!(!validator.is_valid(&tree));
}

#[test]
fn schemas_of_users_are_bounded() {
    for (schema, pointer) in [
        (json!({"type": "strange"}), "/type"),
        (json!({"$ref": "https://example.com/schema.json"}), ""),
        (json!({"$ref": "file:///etc/passwd"}), ""),
        (json!({"$ref": "#"}), ""),
        (json!({"properties": {"a": {"allOf": [{"$ref": "#/properties/a"}]}}}), "/properties/a"),
        (json!({"properties": {"a": {"$ref": "#/$defs/missing"}}}), ""),
        (json!({"type": "string", "pattern": "(?=a)b"}), "/pattern"),
        (json!({"type": "string", "pattern": "(((a{1,100}){1,100}){1,100}){1,100}"}), "/pattern"),
    ] {
        let errors = UserSchema::compile(&schema).err().unwrap_or_else(|| panic!("it was taken: {schema}"));
        assert_eq!(errors[0].pointer, pointer, "{schema}: {errors:?}");
    }
    let mut definitions = json!({"d0": {"type": "string"}});
    for level in 1..30 {
        let twice = json!({"$ref": format!("#/$defs/d{}", level - 1)});
        definitions[format!("d{level}")] = json!({"allOf": [twice, twice]});
    }
    assert!(UserSchema::compile(&json!({"$defs": definitions, "$ref": "#/$defs/d29"})).is_err());
    let tree = json!({"$defs": {"tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}}, "$ref": "#/$defs/tree"});
    let tree = UserSchema::compile(&tree).unwrap();
    assert!(tree.errors(&json!({"left": {"left": {}}})).is_empty());
    assert_eq!(tree.errors(&json!({"left": {"left": 1}}))[0].pointer, "/left/left");
    let slow = UserSchema::compile(&json!({"type": "string", "pattern": "^(a+)+$"})).unwrap();
    assert_eq!(slow.errors(&json!("a".repeat(10_000) + "b")).len(), 1);
}
