//! `validate` and `workflow`, and what `run` refuses.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;

use crate::{GREETING, Place, ended};

const BROKEN: &str = "
name: Broken
nodes:
  - {id: start, type: start}
  - {id: get, type: htpp_request}
  - {id: get, type: set, data: {params: {values: {a: '{{ 1 + }}'}}}}
edges:
  - {id: e1, source: start, target: nowhere}
";

#[test]
fn validate_tells_every_problem_with_its_place_and_what_to_do() {
    let place = Place::new();
    place.write("broken.yaml", BROKEN);
    place.write("good.yaml", GREETING);
    let ran = place.run(&["validate", "good.yaml", "broken.yaml"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    for told in [
        "good.yaml: valid",
        "broken.yaml: not valid (",
        "did you mean `http_request`?",
        "[node_type_unknown]",
        "edge e1 at /edges/0/target",
        "at /nodes/2/data/params/values/a",
    ] {
        assert!(ran.out.contains(told), "{told}: {}", ran.out);
    }
    let answers = place.run(&["validate", "--json", "good.yaml", "broken.yaml"]).json();
    assert_eq!(answers[0], json!({"file": "good.yaml", "valid": true, "problems": []}));
    assert_eq!(answers[1]["valid"], false);
    assert!(answers[1]["problems"].as_array().unwrap().len() >= 4, "{answers}");
}

#[test]
fn what_cannot_be_read_is_told() {
    let place = Place::new();
    place.write("syntax.yaml", "name: [\n");
    let ran = place.run(&["validate", "syntax.yaml"]);
    assert!(ran.code == 2 && ran.out.contains("[syntax_invalid]"), "{ran:?}");
    let ran = place.run(&["run", "missing.yaml"]);
    assert!(ran.code == 2 && ran.err.contains("cannot read missing.yaml: No such file"), "{ran:?}");
    let ran = place.run(&["run", "--jsn", "x"]);
    assert!(ran.code == 2 && ran.err.contains("a similar argument exists: '--json'"), "{ran:?}");
}

#[test]
fn a_document_may_come_from_standard_input() {
    let place = Place::new();
    let mut command = place.command(&["validate", "-"]);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(GREETING.as_bytes()).unwrap();
    assert_eq!(ended(process.wait_with_output().unwrap()).out, "-: valid\n");
}

#[test]
fn run_refuses_a_broken_document_and_a_wrong_input() {
    let place = Place::new();
    place.write("broken.yaml", BROKEN);
    place.write("good.yaml", GREETING);
    let ran = place.run(&["run", "broken.yaml"]);
    assert!(ran.code == 2 && ran.err.contains("error: broken.yaml is not valid: "), "{ran:?}");
    assert!(ran.err.contains("[node_type_unknown]"), "{}", ran.err);
    assert!(!place.path().join("weir-data").exists(), "nothing is made for it");
    let ran = place.run(&["run", "broken.yaml", "--json"]);
    assert!(ran.json()["error"]["problems"].as_array().unwrap().len() >= 4, "{ran:?}");

    let ran = place.run(&["run", "good.yaml", "--input", "{\"who\": 7}"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("at /input/who: the value is not of type \"string\""), "{}", ran.err);
    let ran = place.run(&["run", "good.yaml", "--input", "{who"]);
    assert!(ran.code == 2 && ran.err.contains("error: the input is no JSON: "), "{ran:?}");
}

#[test]
fn workflows_are_imported_listed_exported_and_compared() {
    let place = Place::new();
    place.write("greeting.yaml", GREETING);
    let ran = place.run(&["workflow", "import", "greeting.yaml", "--publish"]);
    assert!(ran.code == 0 && ran.out.starts_with("created Greeting ("), "{ran:?}");
    place.write("greeting.yaml", &GREETING.replace("Hello", "Good day"));
    let ran = place.run(&["workflow", "import", "greeting.yaml", "--on-conflict", "replace", "--json"]);
    assert_eq!(ran.json()[0]["outcome"], "replaced", "{ran:?}");

    let list = place.run(&["workflow", "list", "--json"]).json();
    assert_eq!((list["items"][0]["name"].as_str(), list["items"].as_array().unwrap().len()), (Some("Greeting"), 1));
    assert!(place.run(&["workflow", "list"]).out.contains("Greeting"));
    let diff = place.run(&["workflow", "diff", "Greeting", "1"]);
    assert!(diff.out.contains("~ node greet") && diff.out.contains("Good day"), "{diff:?}");
    assert!(place.run(&["workflow", "export", "Greeting"]).out.contains("Good day"));
    let exported = place.run(&["workflow", "export", "Greeting", "--version", "1", "--json"]).json();
    assert_eq!(exported["nodes"][1]["data"]["params"]["values"]["text"], "Hello {{ input.who }}");
    let ran = place.run(&["workflow", "export", "Nobody"]);
    assert!(ran.code == 1 && ran.err.contains("there is no workflow named \"Nobody\""), "{ran:?}");
}
