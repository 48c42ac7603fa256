//! Journals of released versions, replayed for ever: what is in `tests/golden` is never changed, only added to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::TimeDelta;
use serde_json::{Value, json};
use weir_core::event::{Decision, Event, JournalEvent, Parent, Pin, Relation};
use weir_core::execution::{Execution, Input, Status};
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::outcome::{ApprovalRequest, ChildRequest, OnItemError, Outcome, Wait};
use weir_core::payload::{Payload, Stored};

use super::drawing::{Drawing, plan};
use super::hand::{Hand, document, inline};
use super::sim::{epoch, moment, started};

/// Every kind of event there is. A new one is added here, and to the journals of the version that brings it.
const KINDS: [&str; 23] = [
    "execution_started",
    "node_started",
    "step_recorded",
    "node_waiting",
    "node_completed",
    "node_failed",
    "node_skipped",
    "items_expanded",
    "iteration_started",
    "timer_set",
    "timer_fired",
    "signal_received",
    "approval_decided",
    "paused",
    "resumed",
    "cancel_requested",
    "retry_requested",
    "compensation_started",
    "compensation_completed",
    "execution_completed",
    "execution_failed",
    "execution_cancelled",
    "fail_requested",
];

/// The place of an event's kind in [`KINDS`]; does not compile while a kind is missing.
fn kind(event: &Event) -> &'static str {
    let place = match event {
        Event::ExecutionStarted(_) => 0,
        Event::NodeStarted { .. } => 1,
        Event::StepRecorded { .. } => 2,
        Event::NodeWaiting { .. } => 3,
        Event::NodeCompleted { .. } => 4,
        Event::NodeFailed { .. } => 5,
        Event::NodeSkipped { .. } => 6,
        Event::ItemsExpanded { .. } => 7,
        Event::IterationStarted { .. } => 8,
        Event::TimerSet { .. } => 9,
        Event::TimerFired { .. } => 10,
        Event::SignalReceived { .. } => 11,
        Event::ApprovalDecided { .. } => 12,
        Event::Paused => 13,
        Event::Resumed => 14,
        Event::CancelRequested { .. } => 15,
        Event::RetryRequested => 16,
        Event::CompensationStarted { .. } => 17,
        Event::CompensationCompleted { .. } => 18,
        Event::ExecutionCompleted { .. } => 19,
        Event::ExecutionFailed { .. } => 20,
        Event::ExecutionCancelled => 21,
        Event::FailRequested { .. } => 22,
    };
    KINDS[place]
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

/// The journals by name, with their documents.
fn journals() -> BTreeMap<String, (Value, String)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory()).expect("the golden journals are there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let document = std::fs::read_to_string(path.with_extension("document.json")).expect("its document");
            let document = serde_json::from_str(&document).expect("the document is JSON");
            found.insert(name, (document, std::fs::read_to_string(&path).expect("the journal")));
        }
    }
    found
}

fn events(journal: &str) -> Vec<JournalEvent> {
    journal.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
}

#[test]
fn old_journals_lead_to_where_they_always_led() {
    let expected = [
        ("cancelled", Status::Cancelled, Value::Null, 30, (2, 7)),
        ("collected", Status::Completed, json!({"of": "end"}), 100, (19, 20)),
        ("given_up", Status::Failed, Value::Null, 50, (1, 2)),
        ("timeout", Status::Timeout, Value::Null, 50, (1, 2)),
        ("waiting", Status::Waiting, Value::Null, 25, (1, 4)),
    ];
    let journals = journals();
    assert_eq!(journals.keys().map(String::as_str).collect::<Vec<_>>(), expected.each_ref().map(|row| row.0));
    for (name, status, result, progress, counts) in expected {
        let (document, journal) = &journals[name];
        let events = events(journal);
        let last = events.last().expect("it is not empty").event.clone();
        let execution = Execution::replay(plan(document.clone()), events).expect("it replays");
        assert_eq!(
            (execution.status(), execution.progress(), execution.node_counts()),
            (status, progress, counts),
            "{name}"
        );
        if let Event::ExecutionCompleted { output } = last {
            assert_eq!(inline(&output), result, "{name}");
        }
    }
}

#[test]
fn what_waited_in_an_old_journal_still_waits_for_the_same() {
    let (document, journal) = &journals()["waiting"];
    let mut execution = Execution::replay(plan(document.clone()), events(journal)).expect("it replays");
    let output = execution.resume_work(moment(epoch()));
    assert!(output.events.is_empty());
    assert_eq!(output.effects.len(), 1, "the child is looked after again: {:?}", output.effects);
    assert!(execution.waits_for_children());
}

#[test]
fn old_events_are_written_as_they_were() {
    for (name, (_, journal)) in journals() {
        for (line, event) in journal.lines().zip(events(&journal)) {
            assert_eq!(serde_json::to_string(&event).expect("events are JSON"), line, "{name}");
        }
    }
}

#[test]
fn the_old_journals_show_every_kind_of_event() {
    let journals = journals();
    let shown: BTreeSet<&str> =
        journals.values().flat_map(|(_, journal)| events(journal)).map(|recorded| kind(&recorded.event)).collect();
    assert_eq!(shown, BTreeSet::from(KINDS));
}

fn collected() -> Hand {
    let drawn = document(
        &[
            ("begin", "start", None, json!({})),
            ("given", "code", None, json!({})),
            ("fetch", "code", None, json!({"retry": {"delays_seconds": [2]}})),
            ("each", "map", None, json!({})),
            ("inner", "start", Some("each"), json!({})),
            ("parse", "code", Some("each"), json!({"on_error": "continue"})),
            ("store", "code", Some("each"), json!({})),
            ("again", "loop", None, json!({})),
            ("turn", "set", Some("again"), json!({})),
            ("if", "condition", None, json!({})),
            ("yes", "code", None, json!({"on_error": "branch", "retry": {"max_attempts": 1}})),
            ("no", "code", None, json!({})),
            ("end", "end", None, json!({})),
        ],
        &[
            ("begin", "out", "given"),
            ("begin", "out", "fetch"),
            ("fetch", "out", "each"),
            ("inner", "out", "parse"),
            ("parse", "out", "store"),
            ("each", "out", "again"),
            ("again", "out", "if"),
            ("if", "true", "yes"),
            ("if", "false", "no"),
            ("yes", "error", "end"),
            ("no", "out", "end"),
        ],
    );
    let drawing = Drawing { plan: plan(drawn), acts: BTreeMap::new(), pins: BTreeMap::new() };
    let mut beginning = started(&drawing);
    beginning.workflow_id = Some("01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("an id"));
    beginning.workflow_version = Some(3);
    beginning.vars.insert("region".to_owned(), json!("eu"));
    beginning.pins.insert("given".to_owned(), Pin { output: json!([1.5, "ü"]), handle: Some("out".to_owned()) });
    beginning.parent = Some(Parent {
        execution_id: "01890a5d-ac96-774b-bcce-b302099a8059".parse().expect("an id"),
        path: "each[0]/parse".into(),
        relation: Relation::Rerun,
    });
    beginning.trigger = "rerun".to_owned();
    let mut hand = Hand::begin(drawing.plan, beginning);
    let value = Payload::Stored(Stored { key: "ab/cd".to_owned(), size: 300_000 });
    hand.give(Input::StepDone { path: "fetch".into(), key: "page-1".to_owned(), value: value.clone() });
    let error = NodeError { retry_after_ms: Some(2_500), ..NodeError::transient("busy") };
    hand.fail("fetch", error.with_source("example.org").with_details(json!({"status": 503})));
    hand.give(Input::Pause);
    hand.fire();
    hand.give(Input::Resume);
    hand.end("fetch", Ok(Outcome::Done { output: value, handle: None }));
    hand.expand("each", json!({"x": 1, "y": 2, "z": 3}), 2, OnItemError::Collect);
    hand.done("each[0]/parse");
    hand.fail("each[1]/parse", NodeError::invalid("no text"));
    hand.done("each[0]/store");
    hand.fail("each[1]/store", NodeError::new(ErrorClass::Refused, "read only"));
    hand.done("each[2]/parse");
    hand.done("each[2]/store");
    hand.iterate("again", true);
    hand.done("again[0]/turn");
    hand.iterate("again", true);
    hand.done("again[1]/turn");
    hand.fail("again", NodeError::invalid("the condition is no truth value"));
    hand.give(Input::Retry);
    hand.iterate("again", false);
    hand.by("if", "true");
    hand.fail("yes", NodeError::new(ErrorClass::Timeout, "slow"));
    hand.done("end");
    assert_eq!(hand.status(), Status::Completed);
    hand
}

fn cancelled() -> Hand {
    let mut hand = Hand::start(document(
        &[
            ("book", "code", None, json!({"compensate": "unbook"})),
            ("unbook", "code", None, json!({"retry": {"delays_seconds": [4]}})),
            ("each", "map", None, json!({})),
            ("hold", "code", Some("each"), json!({"compensate": "release"})),
            ("release", "code", Some("each"), json!({})),
            ("ask", "code", None, json!({})),
            ("tell", "code", None, json!({})),
            ("pay", "code", None, json!({})),
        ],
        &[("book", "out", "each"), ("each", "out", "ask"), ("ask", "approved", "tell"), ("tell", "out", "pay")],
    ));
    hand.done("book");
    hand.expand("each", json!([1, 2]), 2, OnItemError::Fail);
    hand.done("each[1]/hold");
    hand.give(Input::Cancel { reason: Some("enough".to_owned()) });
    hand.runs.retain(|run| run.undoes.is_some());
    hand.done("each[1]/release");
    hand.fail("unbook", NodeError::transient("later"));
    hand.fire();
    hand.fail("unbook", NodeError::transient("never"));
    assert_eq!(hand.status(), Status::Cancelled);
    hand
}

fn timeout() -> Hand {
    let mut drawn = document(
        &[("first", "code", None, json!({})), ("second", "code", None, json!({}))],
        &[("first", "out", "second")],
    );
    drawn["settings"] = json!({"timeout_seconds": 60});
    let mut hand = Hand::start(drawn);
    hand.done("first");
    hand.fire();
    assert_eq!(hand.status(), Status::Timeout);
    hand
}

fn given_up() -> Hand {
    let mut hand = Hand::start(document(
        &[
            ("book", "code", None, json!({"compensate": "unbook"})),
            ("unbook", "code", None, json!({})),
            ("pay", "code", None, json!({})),
        ],
        &[("book", "out", "pay")],
    ));
    hand.done("book");
    hand.give(Input::Fail { error: NodeError::invalid("what it came to cannot be recorded") });
    hand.runs.retain(|run| run.undoes.is_some());
    hand.done("unbook");
    assert_eq!(hand.status(), Status::Failed);
    hand
}

fn waiting() -> Hand {
    let nodes = ["nap", "news", "ask", "child"].map(|id| (id, "code", None, json!({})));
    let mut hand = Hand::start(document(&nodes, &[]));
    hand.wait("nap", Wait::Timer { due_at: epoch() + TimeDelta::days(30) });
    let deadline = Some(epoch() + TimeDelta::days(1));
    hand.wait("news", Wait::Signal { name: "news".to_owned(), deadline });
    hand.signal("other", json!({"kept": true}));
    let form = Some(json!({"type": "object"}));
    let (description, assignee) = (Some("It is much.".to_owned()), Some("ada".to_owned()));
    hand.wait(
        "ask",
        Wait::Approval(ApprovalRequest { title: "Pay?".to_owned(), description, form, assignee, deadline }),
    );
    let request = ChildRequest {
        workflow_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("an id"),
        version: 2,
        document: "0123".to_owned(),
        input: Payload::object(vec![
            ("a".to_owned(), Payload::array(vec![stored(), json!(1).into()])),
            ("b".to_owned(), json!(null).into()),
        ]),
    };
    hand.wait("child", Wait::Child(request));
    assert_eq!(hand.status(), Status::Waiting);
    hand
}

fn stored() -> Payload {
    Payload::Stored(Stored { key: "ef/01".to_owned(), size: 262_145 })
}

/// With `WEIR_WRITE_GOLDEN=1`, as when a version is released: writes what is missing. What is there is never changed.
#[test]
fn every_kind_of_journal_of_this_version_is_kept() {
    let mut approved = waiting();
    let decision =
        Decision { approved: true, data: json!({"sum": 3}), by: Some("ada".into()), comment: Some("ok".into()) };
    approved.give(Input::Decide { path: "ask".into(), decision });
    for (name, hand) in [
        ("collected", collected()),
        ("cancelled", cancelled()),
        ("given_up", given_up()),
        ("timeout", timeout()),
        ("waiting", approved),
    ] {
        let path = directory().join(format!("{name}.jsonl"));
        std::fs::create_dir_all(directory()).expect("a directory");
        if path.exists() {
            continue;
        }
        assert!(
            std::env::var_os("WEIR_WRITE_GOLDEN").is_some(),
            "{} is missing: run this test with WEIR_WRITE_GOLDEN=1 and commit the file",
            path.display()
        );
        let lines: Vec<String> =
            hand.journal.iter().map(|event| serde_json::to_string(event).expect("events are JSON")).collect();
        std::fs::write(&path, lines.join("\n") + "\n").expect("written");
        let document = serde_json::to_string_pretty(&*hand.plan.document).expect("a document is JSON");
        std::fs::write(path.with_extension("document.json"), document + "\n").expect("written");
    }
}
