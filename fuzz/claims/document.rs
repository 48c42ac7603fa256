//! What must hold for any bytes that come in as a document. A fuzz target calls this, and so does a test of
//! `weir-workflows`, so that the claim is checked without a fuzzer as well.

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use weir_core::document::{Document, Format, MAX_BYTES, parse};
use weir_core::node_type::{Catalog, Category, Handles, NodeTypeInfo, Role};
use weir_core::plan::Plan;
use weir_core::problem::Severity;
use weir_core::validate::validate;
use weir_expr::JsEvaluator;

static EVALUATOR: LazyLock<JsEvaluator> = LazyLock::new(JsEvaluator::new);
static CATALOG: LazyLock<Catalog> = LazyLock::new(catalog);

/// Any bytes are refused or read; what is read can be judged and comes back unchanged from its own print; what has no
/// errors can be made ready to run. Answers whether it was such a one.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let mut valid = false;
    for format in [Format::Json, Format::Yaml] {
        let Ok(tree) = parse(bytes, format) else { continue };
        let problems = validate(&tree, &CATALOG, &*EVALUATOR);
        let runnable = problems.iter().all(|problem| problem.severity == Severity::Warning);
        let Ok(document) = Document::from_value(tree) else {
            assert!(!runnable, "a tree without the shape of a document passed as valid");
            continue;
        };
        comes_back(&document, &document.to_json(), Format::Json);
        comes_back(&document, &document.to_yaml(), Format::Yaml);
        if runnable {
            valid = true;
            let compiled = Plan::compile(Arc::new(document), &CATALOG);
            assert!(compiled.is_ok(), "a valid document cannot be run: {:?}", compiled.err());
        }
    }
    valid
}

fn comes_back(document: &Document, printed: &str, format: Format) {
    if printed.len() > MAX_BYTES {
        return;
    }
    let tree = parse(printed.as_bytes(), format).unwrap_or_else(|problems| panic!("{problems:?} in {printed}"));
    let again = Document::from_value(tree).unwrap_or_else(|problems| panic!("{problems:?} in {printed}"));
    assert!(again == *document, "changed by printing and reading: {printed}");
}

/// One node type for each part that a type can play in a document.
fn catalog() -> Catalog {
    let of = |name, role, handles, params_schema: Value| NodeTypeInfo {
        name,
        category: Category::Control,
        label: name,
        description: "For fuzzing.",
        icon: "box",
        params_schema,
        literal_params: &["code"],
        handles,
        pure: true,
        default_timeout_seconds: None,
        default_max_attempts: 1,
        role,
    };
    let any = json!({"type": "object"});
    let map = json!({
        "type": "object",
        "properties": {"items": {}, "concurrency": {"type": "integer", "minimum": 1}},
        "required": ["items"],
        "additionalProperties": false,
    });
    let switch = json!({
        "type": "object",
        "properties": {"cases": {"type": "array", "items": {"type": "object", "required": ["handle"]}}},
        "required": ["cases"],
    });
    let cases = Handles::FromParams { list: "cases", field: "handle", otherwise: "default" };
    [
        of("start", Role::Start, Handles::Single, json!({"type": "object", "additionalProperties": false})),
        of("end", Role::End, Handles::None, any.clone()),
        of("set", Role::Ordinary, Handles::Single, any.clone()),
        NodeTypeInfo { pure: false, ..of("http_request", Role::Ordinary, Handles::Single, any.clone()) },
        of("condition", Role::Ordinary, Handles::Fixed(&["true", "false"]), any.clone()),
        of("switch", Role::Ordinary, cases, switch),
        of("map", Role::Map, Handles::Single, map),
        of("loop", Role::Loop, Handles::Single, any),
    ]
    .into_iter()
    .collect()
}
