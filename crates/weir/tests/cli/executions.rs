//! `run` and `execution`: results, exit codes, signals, decisions from another process.

use serde_json::json;

use crate::{GREETING, Place, with_node};

const WAIT: &str = "{id: it, type: wait_for_event, data: {params: {name: go}}}";

#[test]
fn a_completed_run_shows_its_result_and_stays_in_the_list() {
    let place = Place::new();
    place.write("greeting.yaml", GREETING);
    place.write("input.json", "{\"who\": \"Ann\"}");
    let ran = place.run(&["run", "greeting.yaml", "--json", "--input", "@input.json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let result = ran.json();
    assert_eq!((&result["status"], &result["output"]), (&json!("completed"), &json!({"text": "Hello Ann"})));
    assert!(result["duration_ms"].is_u64() && result["error"].is_null(), "{result}");
    let id = result["execution_id"].as_str().unwrap();

    let ran = place.run(&["run", "greeting.yaml", "--input", "{\"who\": \"Bob\"}"]);
    assert_eq!(ran.out, "name  value\ntext  Hello Bob\n");
    assert!(ran.err.contains("\u{2713} greet") && ran.err.contains("completed in "), "{}", ran.err);

    let list = place.run(&["execution", "list", "--json", "--status", "completed"]).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert!(place.run(&["execution", "list"]).out.contains(id));
    let shown = place.run(&["execution", "show", id, "--json"]).json();
    assert_eq!(shown["execution"]["input"], json!({"who": "Ann"}));
    assert_eq!(shown["nodes"][1]["output"], json!({"text": "Hello Ann"}));
    assert!(place.run(&["execution", "show", id]).out.contains("greet"));
    let tailed = place.run(&["execution", "tail", id, "--json"]);
    assert_eq!(tailed.code, 0, "{tailed:?}");
    assert!(tailed.out.lines().last().unwrap().contains("execution_completed"), "{}", tailed.out);
}

#[test]
fn pins_and_files_go_into_the_run() {
    let place = Place::new();
    place.write("read.yaml", &with_node("{id: it, type: read_file, data: {params: {path: notes/a.txt}}}"));
    place.write("local.txt", "a note");
    let ran = place.run(&["run", "read.yaml", "--json", "--file", "notes/a.txt=local.txt"]);
    assert!(ran.code == 0 && ran.json()["output"].to_string().contains("a note"), "{ran:?}");
    let ran = place.run(&["run", "read.yaml", "--json", "--pin", "it={\"given\": true}"]);
    assert_eq!(ran.json()["output"], json!({"given": true}), "{ran:?}");
    let ran = place.run(&["run", "read.yaml", "--file", "a=missing.txt"]);
    assert!(ran.code == 2 && ran.err.contains("cannot read missing.txt: "), "{ran:?}");
}

#[test]
fn a_failed_run_exits_with_1_and_can_be_retried() {
    let place = Place::new();
    let document = with_node("{id: it, type: fail, data: {params: {message: out of paper}}}");
    let (document, _) = document.split_once("  - {id: e2").unwrap();
    place.write("fail.yaml", &document.replace("  - {id: end, type: end}\n", ""));
    let ran = place.run(&["run", "fail.yaml", "--json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let result = ran.json();
    assert_eq!((&result["status"], &result["error"]["message"]), (&json!("failed"), &json!("out of paper")));
    let id = result["execution_id"].as_str().unwrap();
    let ran = place.run(&["execution", "retry", id]);
    assert!(ran.code == 1 && ran.err.contains("retried") && ran.err.contains("error: out of paper"), "{ran:?}");
    let ran = place.run(&["execution", "rerun", id, "--from", "it", "--json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_ne!(ran.json()["execution_id"], id);
    let ran = place.run(&["execution", "cancel", id]);
    assert!(ran.code == 1 && ran.err.starts_with("error: "), "{ran:?}");
    let ran = place.run(&["execution", "show", "01890a5d-ac96-774b-bcce-b302099a8057"]);
    assert!(ran.code == 1 && ran.err.contains("there is no execution 01890a5d"), "{ran:?}");
}

#[test]
fn a_run_out_of_time_exits_with_4() {
    let place = Place::new();
    place.write("late.yaml", &format!("settings: {{timeout_seconds: 0.2}}\n{}", with_node(WAIT)));
    let ran = place.run(&["run", "late.yaml", "--json"]);
    assert_eq!((ran.code, &ran.json()["status"]), (4, &json!("timeout")), "{ran:?}");
}

#[test]
fn an_interrupted_run_is_cancelled_and_exits_with_3() {
    let place = Place::new();
    place.write("wait.yaml", &with_node(WAIT));
    let mut run = place.start(&["run", "wait.yaml", "--json"]);
    run.tells("it waits for `go`");
    run.signal("-INT");
    let ran = run.end();
    assert_eq!((ran.code, &ran.json()["status"]), (3, &json!("cancelled")), "{ran:?}");
    let list = place.run(&["execution", "list", "--json"]).json();
    assert_eq!(list["items"][0]["status"], "cancelled");
}

#[test]
fn another_command_decides_what_a_run_waits_for() {
    let place = Place::new();
    let ask = "{id: it, type: approval, data: {params: {title: Buy it?}}}";
    let document = with_node(ask).replace("source: it,", "source: it, sourceHandle: approved,");
    place.write("ask.yaml", &document);
    let mut run = place.start(&["run", "ask.yaml", "--json"]);
    let hint = run.tells("weir execution decide");
    let words: Vec<&str> = hint.split_whitespace().collect();
    let (id, path) = (words[3], words[4]);
    let ran = place.run(&["execution", "decide", id, "nowhere", "--approve"]);
    assert!(ran.code == 1 && ran.err.contains("no approval was asked for at nowhere"), "{ran:?}");
    let ran = place.run(&["execution", "decide", id, path, "--approve", "--by", "ann"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = run.end();
    assert_eq!((ran.code, &ran.json()["output"]["by"]), (0, &json!("ann")), "{ran:?}");
}

#[test]
fn a_killed_run_goes_on_when_it_is_spoken_to() {
    let place = Place::new();
    place.write("wait.yaml", &with_node(WAIT));
    let mut run = place.start(&["run", "wait.yaml"]);
    let hint = run.tells("weir execution signal");
    let id = hint.split_whitespace().skip_while(|word| *word != "signal").nth(1).unwrap().to_owned();
    run.signal("-KILL");
    assert_eq!(run.end().code, -1);
    let ran = place.run(&["execution", "signal", &id, "go", "--data", "{\"n\": 1}", "--json"]);
    assert_eq!((ran.code, &ran.json()["output"]["data"]), (0, &json!({"n": 1})), "{ran:?}");
}

#[test]
fn a_terminated_run_is_left_for_later() {
    let place = Place::new();
    place.write("wait.yaml", &with_node(WAIT));
    let mut run = place.start(&["run", "wait.yaml"]);
    run.tells("weir execution signal");
    run.signal("-TERM");
    assert_eq!(run.end().code, 143);
    let list = place.run(&["execution", "list", "--json"]).json();
    assert_eq!(list["items"][0]["status"], "waiting");
}
