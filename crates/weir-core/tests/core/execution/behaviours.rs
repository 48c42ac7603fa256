//! Single behaviours, one a test.

use chrono::TimeDelta;
use serde_json::{Value, json};
use weir_core::event::{Decision, Event, TimerPurpose};
use weir_core::execution::{Context, Effect, Input, LocalRef, Refusal, Status};
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::outcome::{ApprovalRequest, ChildRequest, OnItemError, Wait};
use weir_core::payload::Payload;

use super::hand::{Hand, document, inline};
use super::sim::epoch;

fn none() -> Value {
    json!({})
}

fn one_code(data: Value) -> Hand {
    Hand::start(document(&[("work", "code", None, data)], &[]))
}

fn map_of_code(map: Value, body: Value) -> Hand {
    Hand::start(document(&[("each", "map", None, map), ("work", "code", Some("each"), body)], &[]))
}

fn signal(name: &str) -> Wait {
    Wait::Signal { name: name.to_owned(), deadline: None }
}

fn approval(deadline: Option<i64>) -> Wait {
    let deadline = deadline.map(|seconds| epoch() + TimeDelta::seconds(seconds));
    Wait::Approval(ApprovalRequest { title: "May it?".into(), description: None, form: None, assignee: None, deadline })
}

fn child() -> Wait {
    Wait::Child(ChildRequest {
        workflow_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("an id"),
        version: 1,
        document: "child".to_owned(),
        input: Payload::null(),
    })
}

fn refused() -> NodeError {
    NodeError::new(ErrorClass::Refused, "no")
}

fn decision(approved: bool) -> Decision {
    Decision { approved, data: json!({"amount": 3}), by: Some("ada".into()), comment: None }
}

/// The scopes of a run from the inside out, as `item 2` or `iteration 0 after null`.
fn locals(context: &Context) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = context.local.as_ref();
    while let Some(local) = at {
        at = match local {
            LocalRef::Item { items, index, parent } => {
                found.push(format!("item {index} of {}", inline(items)));
                parent.as_deref()
            }
            LocalRef::Iteration { iteration, previous, parent } => {
                found.push(format!("iteration {iteration} after {}", inline(previous)));
                parent.as_deref()
            }
        };
    }
    found
}

#[test]
fn a_map_in_a_loop_in_a_map_sees_each_of_them() {
    let mut hand = Hand::start(document(
        &[
            ("outer", "map", None, none()),
            ("again", "loop", Some("outer"), none()),
            ("inner", "map", Some("again"), none()),
            ("work", "code", Some("inner"), none()),
        ],
        &[],
    ));
    hand.expand("outer", json!(["a", "b"]), 1, OnItemError::Fail);
    hand.iterate("outer[0]/again", true);
    hand.expand("outer[0]/again[0]/inner", json!([7, 8]), 2, OnItemError::Fail);
    let path = "outer[0]/again[0]/inner[1]/work";
    assert_eq!(hand.running(), ["outer[0]/again[0]/inner[0]/work", path]);
    let seen = ["item 1 of [7,8]", "iteration 0 after null", "item 0 of [\"a\",\"b\"]"];
    assert_eq!(locals(&hand.context(path)), seen);
    hand.crash();
    assert_eq!(locals(&hand.context(path)), seen);
    hand.done(path);
    hand.done("outer[0]/again[0]/inner[0]/work");
    let before =
        json!({"results": [{"of": "outer[0]/again[0]/inner[0]/work"}, {"of": path}], "errors": [], "count": 2});
    assert_eq!(locals(&hand.context("outer[0]/again"))[0], format!("iteration 1 after {before}"));
    hand.iterate("outer[0]/again", false);
    hand.iterate("outer[1]/again", false);
    assert_eq!(hand.status(), Status::Completed);
    let last = json!([{"count": 1, "last": before}, {"count": 0, "last": null}]);
    assert_eq!(hand.result(), json!({"results": last, "errors": [], "count": 2}));
}

#[test]
fn a_map_over_an_object_gives_its_results_by_key() {
    let mut hand = map_of_code(none(), none());
    hand.expand("each", json!({"x": 1, "y": 2}), 2, OnItemError::Fail);
    hand.done("each[1]/work");
    hand.done("each[0]/work");
    assert_eq!(hand.result()["results"], json!({"x": {"of": "each[0]/work"}, "y": {"of": "each[1]/work"}}));
}

#[test]
fn a_map_over_nothing_finishes_at_once() {
    let mut hand = map_of_code(none(), none());
    hand.expand("each", json!([]), 4, OnItemError::Fail);
    assert_eq!(hand.result(), json!({"results": [], "errors": [], "count": 0}));
    let mut hand = map_of_code(none(), none());
    hand.expand("each", json!({}), 4, OnItemError::Fail);
    assert_eq!(hand.result()["results"], json!({}));
}

#[test]
fn a_body_with_nothing_but_its_start_finishes_at_once() {
    let nodes = [("each", "map", None, none()), ("begin", "start", Some("each"), none())];
    let mut hand = Hand::start(document(&nodes, &[]));
    hand.expand("each", json!([1, 2, 3]), 1, OnItemError::Fail);
    assert_eq!(hand.result()["results"], json!([{"index": 0}, {"index": 1}, {"index": 2}]));
}

#[test]
fn a_collecting_map_tells_of_failed_items_and_goes_on() {
    let mut hand = map_of_code(none(), none());
    hand.expand("each", json!([1, 2]), 1, OnItemError::Collect);
    hand.fail("each[0]/work", refused());
    hand.done("each[1]/work");
    let result = hand.result();
    assert_eq!(result["results"], json!([null, {"of": "each[1]/work"}]));
    assert_eq!(result["errors"], json!([{"index": 0, "error": {"class": "refused", "message": "no"}}]));
}

#[test]
fn a_failed_item_stops_its_map_and_its_siblings_for_good() {
    let mut hand = map_of_code(none(), none());
    hand.expand("each", json!([1, 2, 3]), 2, OnItemError::Fail);
    hand.fail("each[0]/work", refused());
    assert_eq!(hand.status(), Status::Failed);
    assert!(
        hand.effects.iter().any(|effect| matches!(effect, Effect::Stop { path } if path.as_str() == "each[1]/work"))
    );
    hand.crash();
    assert_eq!(hand.running(), [""; 0]);
    assert_eq!(hand.status(), Status::Failed);
}

#[test]
fn a_failed_map_that_continues_puts_its_error_out() {
    let mut hand = map_of_code(json!({"on_error": "continue"}), none());
    hand.expand("each", json!([1, 2]), 2, OnItemError::Fail);
    hand.fail("each[1]/work", refused());
    assert_eq!(hand.result()["error"]["class"], "refused");
}

#[test]
fn items_opened_before_a_later_one_told_of_itself_survive_a_crash() {
    let nodes = [("each", "map", None, none()), ("quick", "set", Some("each"), none())];
    let mut hand = Hand::start(document(&nodes, &[]));
    hand.expand("each", json!([1, 2, 3]), 3, OnItemError::Fail);
    hand.done("each[2]/quick");
    hand.crash();
    assert_eq!(hand.running(), ["each[0]/quick", "each[1]/quick"]);
    hand.done("each[0]/quick");
    hand.done("each[1]/quick");
    assert_eq!(hand.status(), Status::Completed);
}

#[test]
fn a_signal_sent_before_the_wait_is_kept_for_it() {
    let mut hand = one_code(none());
    hand.signal("go", json!({"n": 1}));
    hand.wait("work", signal("go"));
    assert_eq!(hand.status(), Status::Completed);
    assert_eq!(hand.result()["data"], json!({"n": 1}));
    assert!(hand.result()["received_at"].is_string());
}

#[test]
fn signals_of_one_name_go_to_the_waiters_in_turn() {
    let mut hand = Hand::start(document(&[("a", "code", None, none()), ("b", "code", None, none())], &[]));
    hand.wait("b", signal("go"));
    hand.wait("a", signal("go"));
    hand.crash();
    hand.signal("other", json!(0));
    hand.signal("go", json!("first"));
    assert_eq!(hand.output("b")["data"], "first");
    assert_eq!(hand.status(), Status::Waiting);
    hand.signal("go", json!("second"));
    assert_eq!(hand.output("a")["data"], "second");
    assert_eq!(hand.status(), Status::Completed);
}

#[test]
fn unread_signals_are_kept_up_to_a_limit() {
    let mut hand = one_code(none());
    for _ in 0..1_000 {
        hand.signal("go", Value::Null);
    }
    let refusal = hand.try_give(Input::Signal { name: "go".into(), data: Payload::null() });
    assert!(matches!(refusal, Err(Refusal::TooManySignals { limit: 1_000, .. })));
}

#[test]
fn a_signal_that_does_not_come_in_time_lets_the_node_leave_by_timeout() {
    let nodes = [("work", "code", None, none()), ("late", "set", None, none())];
    let mut hand = Hand::start(document(&nodes, &[("work", "timeout", "late")]));
    let deadline = Some(epoch() + TimeDelta::seconds(5));
    hand.wait("work", Wait::Signal { name: "go".into(), deadline });
    assert_eq!(hand.status(), Status::Waiting);
    assert!(matches!(hand.fire().1, TimerPurpose::Wait { .. }));
    assert_eq!(hand.running(), ["late"]);
}

#[test]
fn an_approval_is_decided_once_or_expires() {
    let nodes = [("ask", "code", None, none()), ("late", "set", None, none())];
    let asked = || Hand::start(document(&nodes, &[("ask", "expired", "late")]));
    let decide = |approved| Input::Decide { path: "ask".into(), decision: decision(approved) };
    let mut hand = asked();
    hand.wait("ask", approval(Some(5)));
    hand.give(decide(false));
    let expected = json!({"decision": "rejected", "data": {"amount": 3}, "by": "ada", "comment": null});
    assert_eq!(hand.output("ask"), expected);
    assert_eq!(hand.status(), Status::Completed);
    let mut hand = asked();
    hand.wait("ask", approval(Some(5)));
    hand.fire();
    assert!(matches!(hand.try_give(decide(true)), Err(Refusal::NoApproval { .. })));
    assert_eq!(hand.output("ask")["decision"], "expired");
    assert_eq!(hand.running(), ["late"]);
}

#[test]
fn an_execution_out_of_time_is_undone_and_ends_as_timeout() {
    let mut drawn = document(
        &[
            ("book", "code", None, json!({"compensate": "unbook"})),
            ("unbook", "code", None, none()),
            ("pay", "code", None, none()),
        ],
        &[("book", "out", "pay")],
    );
    drawn["settings"] = json!({"timeout_seconds": 60});
    let mut hand = Hand::start(drawn);
    hand.done("book");
    assert_eq!(hand.fire(), (60.0, TimerPurpose::Execution));
    hand.runs.retain(|run| run.undoes.is_some());
    assert_eq!(hand.running(), ["unbook"]);
    assert_eq!(hand.status(), Status::Running, "undoing is work");
    assert_eq!(inline(&hand.context("unbook").steps["book"]), json!({"of": "book"}));
    hand.done("unbook");
    assert_eq!(hand.status(), Status::Timeout);
    assert_eq!(hand.try_give(Input::Retry), Err(Refusal::Compensated));
}

#[test]
fn a_retry_sets_the_time_anew_and_the_old_time_out_is_over() {
    let mut drawn = document(&[("work", "code", None, none())], &[]);
    drawn["settings"] = json!({"timeout_seconds": 60});
    let mut hand = Hand::start(drawn);
    hand.fail("work", refused());
    assert!(matches!(hand.effects.last(), Some(Effect::ClearTimer { timer: 1 })));
    hand.give(Input::Retry);
    hand.give(Input::TimerDue { timer: 1 });
    assert_eq!(hand.status(), Status::Running);
    hand.done("work");
    assert_eq!(hand.status(), Status::Completed);
}

#[test]
fn retries_wait_as_long_as_the_document_says() {
    let mut hand = one_code(json!({"retry": {"delays_seconds": [2, 7]}}));
    hand.fail("work", NodeError::transient("later"));
    assert_eq!(hand.status(), Status::Waiting);
    assert_eq!(hand.fire().0, 2.0);
    hand.crash();
    hand.fail("work", NodeError::transient("later"));
    assert_eq!(hand.fire().0, 7.0);
    hand.fail("work", NodeError::transient("never"));
    assert_eq!(hand.status(), Status::Failed);
}

#[test]
fn retries_wait_five_seconds_thirty_seconds_and_five_minutes_by_default() {
    let mut hand = one_code(none());
    for expected in [5.0, 30.0, 300.0] {
        hand.fail("work", NodeError::transient("later"));
        assert_eq!(hand.fire().0, expected);
    }
    hand.fail("work", NodeError::transient("never"));
    assert_eq!(hand.status(), Status::Failed);
}

#[test]
fn the_other_side_may_ask_for_a_longer_wait() {
    let mut hand = one_code(json!({"retry": {"delays_seconds": [2, 7, 7]}}));
    hand.fail("work", NodeError { retry_after_ms: Some(4_500), ..NodeError::transient("busy") });
    assert_eq!(hand.fire().0, 4.5);
    hand.fail("work", NodeError { retry_after_ms: Some(100), ..NodeError::transient("busy") });
    assert_eq!(hand.fire().0, 7.0);
    hand.fail("work", NodeError { retry_after_ms: Some(u64::MAX), ..NodeError::transient("go away") });
    assert_eq!(hand.fire().0, 86_400.0, "for ever is not what a retry is");
}

#[test]
fn growing_waits_are_shortened_at_random_and_bounded() {
    let grow = json!({"initial_seconds": 8, "factor": 3, "max_seconds": 40});
    let mut hand = one_code(json!({"retry": {"max_attempts": 4, "exponential": grow}}));
    // The dice say 0.5: a quarter less.
    for expected in [6.0, 18.0, 30.0] {
        hand.fail("work", NodeError::transient("later"));
        assert_eq!(hand.fire().0, expected);
    }
}

#[test]
fn errors_that_do_not_pass_are_not_retried() {
    for class in [ErrorClass::Invalid, ErrorClass::Refused, ErrorClass::Cancelled] {
        let mut hand = one_code(none());
        hand.fail("work", NodeError::new(class, "no"));
        assert_eq!(hand.status(), Status::Failed);
    }
    let mut hand = one_code(none());
    hand.fail("work", NodeError::new(ErrorClass::Timeout, "slow"));
    assert_eq!(hand.status(), Status::Waiting);
}

#[test]
fn a_retried_execution_gives_each_node_its_retries_again() {
    let mut hand = one_code(json!({"retry": {"delays_seconds": [1]}}));
    hand.fail("work", NodeError::transient("later"));
    hand.fire();
    hand.fail("work", NodeError::transient("never"));
    hand.give(Input::Retry);
    hand.crash();
    assert_eq!(hand.runs[0].attempt, 3);
    hand.fail("work", NodeError::transient("later"));
    assert_eq!(hand.fire().0, 1.0);
    assert_eq!(hand.runs[0].attempt, 4);
    hand.done("work");
    assert_eq!(hand.status(), Status::Completed);
}

#[test]
fn the_failure_of_a_child_is_the_nodes_failure_and_a_retry_gets_a_new_child() {
    let mut hand = one_code(json!({"retry": {"max_attempts": 1}}));
    hand.wait("work", child());
    assert!(matches!(&hand.effects[..], [Effect::StartChild { attempt: 1, .. }]));
    hand.give(Input::ChildDone { path: "work".into(), attempt: 1, result: Err(NodeError::transient("child failed")) });
    assert_eq!(hand.status(), Status::Failed);
    hand.give(Input::Retry);
    hand.wait("work", child());
    assert!(matches!(hand.effects.last(), Some(Effect::StartChild { attempt: 2, .. })));
    hand.give(Input::ChildDone { path: "work".into(), attempt: 1, result: Ok(json!("old").into()) });
    assert_eq!(hand.status(), Status::Waiting);
    hand.give(Input::ChildDone { path: "work".into(), attempt: 2, result: Ok(json!("new").into()) });
    assert_eq!(hand.result(), json!("new"));
}

#[test]
fn a_pure_node_waits_for_the_same_child_after_a_crash() {
    let mut hand = Hand::start(document(&[("sub", "set", None, none())], &[]));
    hand.wait("sub", child());
    hand.crash();
    assert!(matches!(&hand.effects[..], [Effect::StartChild { attempt: 1, .. }]));
    hand.give(Input::ChildDone { path: "sub".into(), attempt: 1, result: Ok(json!(1).into()) });
    assert_eq!(hand.status(), Status::Completed);
}

#[test]
fn a_child_begins_only_when_the_execution_is_resumed() {
    let mut hand = one_code(none());
    hand.give(Input::Pause);
    hand.wait("work", child());
    assert!(hand.effects.is_empty());
    hand.crash();
    assert!(hand.effects.is_empty());
    hand.give(Input::Resume);
    assert!(matches!(&hand.effects[..], [Effect::StartChild { attempt: 1, .. }]));
}

#[test]
fn cancelling_stops_what_runs_and_the_children() {
    let nodes = [("a", "code", None, none()), ("b", "code", None, none()), ("c", "set", None, none())];
    let mut hand = Hand::start(document(&nodes, &[]));
    hand.wait("b", child());
    hand.effects.clear();
    hand.give(Input::Cancel { reason: None });
    let stopped: Vec<String> = hand
        .effects
        .iter()
        .map(|effect| match effect {
            Effect::Stop { path } => format!("stop {path}"),
            Effect::CancelChild { path, attempt } => format!("cancel {path} {attempt}"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(stopped, ["stop a", "cancel b 1", "stop c"]);
    assert_eq!(hand.status(), Status::Cancelled);
    assert!(matches!(hand.try_give(Input::Cancel { reason: None }), Err(Refusal::Transition { .. })));
}

#[test]
fn a_node_that_fails_while_paused_is_undone_when_resumed() {
    let nodes = [
        ("book", "code", None, json!({"compensate": "unbook"})),
        ("unbook", "code", None, none()),
        ("pay", "code", None, none()),
    ];
    let mut hand = Hand::start(document(&nodes, &[("book", "out", "pay")]));
    hand.done("book");
    hand.give(Input::Pause);
    hand.fail("pay", refused());
    assert_eq!((hand.status(), hand.running()), (Status::Paused, vec![]));
    hand.crash();
    assert_eq!((hand.status(), hand.running()), (Status::Paused, vec![]));
    hand.give(Input::Resume);
    assert_eq!(hand.running(), ["unbook"]);
    hand.done("unbook");
    assert_eq!(hand.status(), Status::Failed);
}

#[test]
fn pausing_during_a_back_off_keeps_the_next_attempt_back() {
    let mut hand = one_code(none());
    hand.fail("work", NodeError::transient("later"));
    hand.give(Input::Pause);
    hand.fire();
    assert_eq!((hand.status(), hand.running()), (Status::Paused, vec![]));
    hand.give(Input::Resume);
    assert_eq!(hand.running(), ["work"]);
}

#[test]
fn a_paused_loop_is_not_asked() {
    let nodes = [("again", "loop", None, none()), ("work", "code", Some("again"), none())];
    let mut hand = Hand::start(document(&nodes, &[]));
    hand.iterate("again", true);
    hand.give(Input::Pause);
    hand.done("again[0]/work");
    assert_eq!(hand.running(), [""; 0]);
    hand.give(Input::Resume);
    assert_eq!(hand.running(), ["again"]);
}

#[test]
fn undoing_goes_backwards_is_retried_and_goes_on_after_a_failure() {
    let undo = |by: &str| json!({"compensate": by, "retry": {"max_attempts": 1}});
    let nodes = [
        ("a", "code", None, undo("undo")),
        ("b", "code", None, undo("undo")),
        ("c", "code", None, json!({"retry": {"max_attempts": 1}})),
        ("undo", "code", None, json!({"retry": {"delays_seconds": [3]}})),
    ];
    let mut hand = Hand::start(document(&nodes, &[("a", "out", "b"), ("b", "out", "c")]));
    hand.done("a");
    hand.done("b");
    hand.fail("c", NodeError::transient("no"));
    assert_eq!(hand.runs[0].undoes, Some("b".into()));
    hand.give(Input::StepDone { path: "undo".into(), key: "s".into(), value: json!(1).into() });
    hand.fail("undo", NodeError::transient("later"));
    assert_eq!(hand.status(), Status::Waiting);
    hand.crash();
    assert_eq!(hand.fire().0, 3.0);
    assert_eq!(hand.context("undo").recorded.len(), 1);
    hand.fail("undo", NodeError::transient("never"));
    assert_eq!(hand.runs[0].undoes, Some("a".into()));
    assert!(hand.context("undo").recorded.is_empty(), "each undoing has its own steps");
    hand.done("undo");
    let undone: Vec<(String, bool)> = hand
        .journal
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::CompensationCompleted { path, error, .. } => Some((path.to_string(), error.is_none())),
            _ => None,
        })
        .collect();
    assert_eq!(undone, [("b".to_owned(), false), ("a".to_owned(), true)]);
    assert_eq!(hand.status(), Status::Failed);
}

#[test]
fn undoing_inside_loops_sees_the_iteration_it_undoes() {
    let nodes = [
        ("again", "loop", None, none()),
        ("each", "map", Some("again"), none()),
        ("book", "code", Some("each"), json!({"compensate": "unbook"})),
        ("unbook", "code", Some("each"), none()),
        ("pay", "code", None, none()),
    ];
    let mut hand = Hand::start(document(&nodes, &[("again", "out", "pay")]));
    for index in 0..2 {
        hand.iterate("again", true);
        hand.expand(&format!("again[{index}]/each"), json!([index]), 1, OnItemError::Fail);
        hand.done(&format!("again[{index}]/each[0]/book"));
    }
    hand.iterate("again", false);
    hand.crash();
    hand.fail("pay", refused());
    let after = json!({"results": [{"of": "again[0]/each[0]/book"}], "errors": [], "count": 1});
    let path = "again[1]/each[0]/unbook";
    assert_eq!(locals(&hand.context(path)), ["item 0 of [1]".to_owned(), format!("iteration 1 after {after}")]);
    assert_eq!(inline(&hand.context(path).steps["book"]), json!({"of": "again[1]/each[0]/book"}));
    hand.done(path);
    let path = "again[0]/each[0]/unbook";
    assert_eq!(locals(&hand.context(path)), ["item 0 of [0]", "iteration 0 after null"]);
    hand.done(path);
    assert_eq!(hand.status(), Status::Failed);
}

#[test]
fn cancelling_while_undoing_lets_the_undoing_end() {
    let nodes = [
        ("book", "code", None, json!({"compensate": "unbook"})),
        ("unbook", "code", None, none()),
        ("pay", "code", None, none()),
    ];
    let mut hand = Hand::start(document(&nodes, &[("book", "out", "pay")]));
    hand.done("book");
    hand.fail("pay", refused());
    hand.give(Input::Cancel { reason: None });
    hand.done("unbook");
    assert_eq!(hand.status(), Status::Failed);
}

#[test]
fn a_join_of_any_runs_on_the_first_edge_and_only_once() {
    let nodes = [("a", "code", None, none()), ("b", "code", None, none()), ("c", "code", None, json!({"join": "any"}))];
    let mut hand = Hand::start(document(&nodes, &[("a", "out", "c"), ("b", "out", "c")]));
    hand.done("b");
    assert_eq!(hand.running(), ["a", "c"]);
    let incoming: Vec<String> = hand.context("c").incoming.into_iter().map(|(id, _)| id).collect();
    assert_eq!(incoming, ["b"]);
    hand.done("c");
    hand.done("a");
    assert_eq!(hand.running(), [""; 0]);
    assert_eq!(hand.status(), Status::Completed);
}

#[test]
fn dead_paths_skip_what_only_they_lead_to() {
    let nodes = [
        ("if", "condition", None, none()),
        ("yes", "code", None, none()),
        ("no", "code", None, none()),
        ("behind", "code", None, none()),
        ("both", "code", None, none()),
    ];
    let edges = [
        ("if", "true", "yes"),
        ("if", "false", "no"),
        ("no", "out", "behind"),
        ("yes", "out", "both"),
        ("behind", "out", "both"),
    ];
    let mut hand = Hand::start(document(&nodes, &edges));
    hand.by("if", "true");
    assert_eq!(hand.running(), ["yes"]);
    hand.done("yes");
    hand.done("both");
    let skipped = hand.kinds().iter().filter(|kind| *kind == "node_skipped").count();
    assert_eq!(skipped, 2);
    assert_eq!(hand.result(), json!({"of": "both"}));
}

#[test]
fn an_execution_with_nothing_but_its_start_is_done_at_once() {
    let hand = Hand::start(document(&[("begin", "start", None, none())], &[]));
    assert_eq!(hand.result(), json!({"n": 1}));
    assert_eq!((hand.status(), hand.execution.progress()), (Status::Completed, 100));
}

#[test]
fn progress_counts_finished_items() {
    let mut hand = map_of_code(none(), none());
    hand.expand("each", json!([1, 2, 3, 4]), 4, OnItemError::Fail);
    hand.done("each[2]/work");
    assert_eq!((hand.execution.progress(), hand.execution.node_counts()), (25, (1, 5)));
}
