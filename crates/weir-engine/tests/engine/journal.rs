//! What both journals must do.

use std::collections::BTreeMap;

use serde_json::json;
use weir_base::{ErrorKind, ExecutionId, WorkerId, WorkflowId, WorkspaceId};
use weir_core::event::{AfterFailure, Decision, Event, ExecutionStarted, Parent, Pin, Relation, TimerPurpose};
use weir_core::execution::Status;
use weir_core::node_error::NodeError;
use weir_core::outcome::{ApprovalRequest, ChildRequest, OnItemError, Wait};
use weir_core::path::NodePath;
use weir_core::payload::{Payload, Stored};
use weir_engine::Error;
use weir_engine::journal::{Created, DueTimer, LogLine, Wakeup};
use weir_engine::node::LogLevel;
use weir_events::DomainEvent;
use weir_testkit::{Stop, TestPostgres};

use crate::stores::{Store, Tape, at, started, stores};

fn path(text: &str) -> NodePath {
    NodePath::from(text)
}

fn approval(text: &str) -> Event {
    let request = ApprovalRequest {
        title: "Publish?\0".to_owned(),
        description: Some("It is ready".to_owned()),
        form: Some(json!({"type": "object"})),
        assignee: Some("ann".to_owned()),
        deadline: Some(at(500)),
    };
    Event::NodeWaiting { path: path(text), wait: Wait::Approval(request) }
}

fn timer(timer: u32, due: i64) -> Event {
    Event::TimerSet { timer, due_at: at(due), purpose: TimerPurpose::Execution }
}

/// An event of every kind but the first.
fn every_kind() -> Vec<Event> {
    let error = NodeError::transient("the host said \u{0} and hung up").with_source("example.org");
    let stored = Payload::Stored(Stored { key: "executions/x/values/y.json".to_owned(), size: 300_000 });
    vec![
        Event::NodeStarted { path: path("fetch"), attempt: 1 },
        Event::StepRecorded { path: path("fetch"), key: "a".to_owned(), value: json!("\u{0}ß").into() },
        Event::NodeFailed {
            path: path("fetch"),
            attempt: 1,
            error: error.clone(),
            then: AfterFailure::Retry { at: at(60) },
        },
        Event::TimerSet { timer: 1, due_at: at(60), purpose: TimerPurpose::Retry { path: path("fetch") } },
        Event::TimerFired { timer: 1 },
        Event::NodeCompleted {
            path: path("fetch"),
            attempt: 2,
            handle: Some("ok".to_owned()),
            output: Payload::Fields(vec![("a".to_owned(), stored), ("b".to_owned(), json!(1.5).into())]),
            pinned: false,
        },
        Event::NodeSkipped { path: path("other") },
        Event::ItemsExpanded {
            path: path("each"),
            items: json!({"k": 1}).into(),
            count: 1,
            keys: Some(vec!["k".to_owned()]),
            concurrency: 4,
            on_item_error: OnItemError::Collect,
        },
        Event::IterationStarted { path: path("again"), index: 0 },
        Event::NodeWaiting {
            path: path("sub"),
            wait: Wait::Child(ChildRequest {
                workflow_id: WorkflowId::new(),
                version: 3,
                document: "hash".to_owned(),
                input: json!(null).into(),
            }),
        },
        Event::NodeWaiting { path: path("hear"), wait: Wait::Signal { name: "go".to_owned(), deadline: Some(at(90)) } },
        Event::SignalReceived { name: "go".to_owned(), data: json!([1, 2]).into() },
        approval("ask"),
        Event::ApprovalDecided {
            path: path("ask"),
            decision: Decision {
                approved: true,
                data: json!({"n": 1}),
                by: Some("ann".to_owned()),
                comment: Some("fine".to_owned()),
            },
        },
        Event::Paused,
        Event::Resumed,
        Event::CancelRequested { reason: Some("enough".to_owned()) },
        Event::FailRequested { error: error.clone() },
        Event::CompensationStarted { path: path("fetch"), by: "undo".to_owned(), attempt: 1 },
        Event::CompensationCompleted { path: path("fetch"), output: json!(1).into(), error: Some(error.clone()) },
        Event::ExecutionCancelled,
        Event::ExecutionFailed { error, path: Some(path("fetch")), timeout: true },
        Event::RetryRequested,
        Event::ExecutionCompleted { output: json!({"done": true}).into() },
    ]
}

#[tokio::test]
async fn what_was_recorded_is_read_back_to_the_letter() {
    for store in stores().await {
        let mut tape = Tape::blank();
        let beginning = ExecutionStarted {
            workflow_id: Some(WorkflowId::new()),
            workflow_version: Some(7),
            pins: BTreeMap::from([("a".to_owned(), Pin { output: json!(1), handle: None })]),
            parent: Some(Parent {
                execution_id: ExecutionId::new(),
                path: path("sub"),
                relation: Relation::SubWorkflow,
            }),
            ..started(tape.id)
        };
        let new = tape.new_execution(beginning);
        store.journal.create(new).await.unwrap();
        for event in every_kind() {
            tape.add(&store, vec![event], Status::Running).await.unwrap();
        }
        assert_eq!(store.journal.read(tape.id, 0, 1_000).await.unwrap(), tape.events, "{}", store.name);
        assert_eq!(store.journal.read(tape.id, 3, 2).await.unwrap(), tape.events[3..5], "{}", store.name);
        assert_eq!(store.journal.read(ExecutionId::new(), 0, 10).await.unwrap(), []);
    }
}

#[tokio::test]
async fn events_of_a_newer_binary_are_refused_with_a_clear_word() {
    for store in stores().await {
        let mut tape = Tape::blank();
        let newer = ExecutionStarted { version: 99, ..started(tape.id) };
        let new = tape.new_execution(newer);
        store.journal.create(new).await.unwrap();
        let error = store.journal.read(tape.id, 0, 10).await.unwrap_err();
        assert!(error.to_string().contains("newer weir"), "{error}");
        let insert =
            "INSERT INTO execution_events (execution_id, seq, kind, payload, at) VALUES ($1, 2, 'moved', $2, $3)";
        let moved = r#"{"kind":"moved","path":"a"}"#;
        store.db.write(weir_db::Statement::new(insert, weir_db::args![tape.id, moved, at(2)])).await.unwrap();
        let error = store.journal.read(tape.id, 1, 10).await.unwrap_err();
        assert!(error.to_string().contains(r#"kind "moved""#), "{error}");
        assert_eq!(error.kind(), ErrorKind::Internal);
    }
}

#[tokio::test]
async fn an_execution_is_created_once_for_an_id_and_once_for_a_key_of_a_workflow() {
    for store in stores().await {
        for workflow_id in [None, Some(WorkflowId::new())] {
            let mut first = Tape::blank();
            let mut new = first.new_execution(ExecutionStarted { workflow_id, ..started(first.id) });
            new.idempotency_key = Some("k1".to_owned());
            assert_eq!(store.journal.create(new.clone()).await.unwrap(), Created::New(first.lease));
            assert_eq!(store.journal.create(new).await.unwrap(), Created::Existing(first.id), "same id");

            let mut second = Tape::blank();
            let mut again = second.new_execution(ExecutionStarted { workflow_id, ..started(second.id) });
            again.idempotency_key = Some("k1".to_owned());
            assert_eq!(store.journal.create(again).await.unwrap(), Created::Existing(first.id), "same key");
            assert_eq!(store.count("execution_events", second.id).await, 0, "{}", store.name);

            let mut third = Tape::blank();
            let elsewhere = Some(WorkflowId::new());
            let mut other = third.new_execution(ExecutionStarted { workflow_id: elsewhere, ..started(third.id) });
            other.idempotency_key = Some("k1".to_owned());
            assert_eq!(store.journal.create(other).await.unwrap(), Created::New(third.lease), "another workflow");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_requests_with_one_key_one_makes_the_execution() {
    for store in stores().await {
        let workflow_id = Some(WorkflowId::new());
        let requests = (0..50).map(|_| {
            let mut tape = Tape::blank();
            let mut new = tape.new_execution(ExecutionStarted { workflow_id, ..started(tape.id) });
            new.idempotency_key = Some("once".to_owned());
            store.journal.create(new)
        });
        let answers = futures::future::try_join_all(requests).await.unwrap();
        let made: Vec<_> = answers
            .iter()
            .filter_map(|answer| match answer {
                Created::New(lease) => Some(lease.execution_id),
                Created::Existing(_) => None,
            })
            .collect();
        assert_eq!(made.len(), 1, "{}", store.name);
        for answer in answers {
            assert!(matches!(answer, Created::New(_)) || answer == Created::Existing(made[0]), "{}", store.name);
        }
    }
}

#[tokio::test]
async fn a_driver_that_lost_its_lease_writes_nothing_at_all() {
    for store in stores().await {
        let mut tape = Tape::begin(&store, "none").await;
        let other = WorkerId::new();
        let taken = store.journal.claim(tape.id, other, at(0)).await.unwrap().unwrap();
        assert_eq!(taken.epoch, 2, "{}", store.name);

        let mut append = tape.next(vec![approval("ask"), timer(4, 5)], Status::Waiting);
        append.logs.push(LogLine { path: path("ask"), level: LogLevel::Info, message: "a line".to_owned(), at: at(2) });
        append.wakes.push(ExecutionId::new());
        let refused = store.journal.append(tape.lease, append.clone()).await;
        assert!(matches!(refused, Err(Error::Fenced(id)) if id == tape.id), "{}: {refused:?}", store.name);
        assert_eq!(store.count("execution_events", tape.id).await, 1, "{}", store.name);
        for table in ["timers", "approvals", "execution_logs"] {
            assert_eq!(store.count(table, tape.id).await, 0, "{} of {}", table, store.name);
        }
        assert!(store.journal.wakeups(10).await.unwrap().is_empty());

        store.journal.append(taken, append).await.unwrap();
        for table in ["timers", "approvals", "execution_logs"] {
            assert_eq!(store.count(table, tape.id).await, 1, "{} of {}", table, store.name);
        }
    }
}

#[tokio::test]
async fn an_append_must_continue_the_record_and_the_same_one_sent_twice_is_kept_once() {
    for store in stores().await {
        let mut tape = Tape::begin(&store, "none").await;
        let first = tape.next(vec![timer(1, 50)], Status::Running);
        let mut gap = tape.next(vec![timer(2, 50)], Status::Running);
        let refused = store.journal.append(tape.lease, gap.clone()).await;
        assert!(matches!(refused, Err(Error::Fenced(_))), "{}: {refused:?}", store.name);

        store.journal.append(tape.lease, first.clone()).await.unwrap();
        store.journal.append(tape.lease, first.clone()).await.unwrap();
        assert_eq!(store.count("execution_events", tape.id).await, 2, "{}", store.name);
        assert_eq!(store.count("timers", tape.id).await, 1, "{}", store.name);

        // The same number, but something else happened.
        let mut other = first;
        other.events[0].event = timer(9, 99);
        let refused = store.journal.append(tape.lease, other).await;
        assert!(matches!(refused, Err(Error::Fenced(_))), "{}: {refused:?}", store.name);

        gap.row.status = Status::Waiting;
        store.journal.append(tape.lease, gap).await.unwrap();
        assert_eq!(store.count("timers", tape.id).await, 2, "{}", store.name);
    }
}

#[tokio::test]
async fn only_what_nobody_alive_drives_can_be_claimed() {
    for store in stores().await {
        let journal = &store.journal;
        let (ann, bob) = (WorkerId::new(), WorkerId::new());
        let mut tape = Tape::blank();
        tape.worker = ann;
        let new = tape.new_execution(started(tape.id));
        journal.create(new).await.unwrap();
        journal.heartbeat(ann, at(100)).await.unwrap();

        assert_eq!(journal.claim(tape.id, bob, at(50)).await.unwrap(), None, "{}: ann lives", store.name);
        assert_eq!(journal.claim(tape.id, ann, at(50)).await.unwrap().unwrap().epoch, 2, "ann takes her own");
        assert_eq!(journal.claim(tape.id, bob, at(101)).await.unwrap().unwrap().epoch, 3, "her lease ran out");
        assert_eq!(journal.claim(tape.id, ann, at(101)).await.unwrap().unwrap().epoch, 4, "bob never had one");
        assert_eq!(journal.claim(ExecutionId::new(), ann, at(0)).await.unwrap(), None);

        // What ended is released, and may be taken up again for a retry.
        tape.lease.epoch = 4;
        let failed = Event::ExecutionFailed { error: NodeError::invalid("no"), path: None, timeout: false };
        tape.add(&store, vec![failed], Status::Failed).await.unwrap();
        journal.heartbeat(ann, at(1_000)).await.unwrap();
        tape.lease = journal.claim(tape.id, bob, at(102)).await.unwrap().unwrap();
        assert_eq!(tape.lease.epoch, 5);
        tape.add(&store, vec![Event::RetryRequested], Status::Running).await.unwrap();

        journal.heartbeat(bob, at(1_000)).await.unwrap();
        assert_eq!(journal.claim(tape.id, ann, at(103)).await.unwrap(), None);
        journal.sign_off(bob).await.unwrap();
        assert!(journal.claim(tape.id, ann, at(103)).await.unwrap().is_some(), "{}: bob signed off", store.name);
    }
}

#[tokio::test]
async fn orphans_are_what_should_run_and_the_rest_is_only_let_go_of() {
    for store in stores().await {
        let journal = &store.journal;
        let (dead, me) = (WorkerId::new(), WorkerId::new());
        let mut ids = BTreeMap::new();
        for (name, owner, status) in [
            ("dead running", Some(dead), Status::Running),
            ("dead waiting", Some(dead), Status::Waiting),
            ("dead paused", Some(dead), Status::Paused),
            ("pending", None, Status::Pending),
            ("mine", Some(me), Status::Running),
            ("waits", None, Status::Waiting),
            ("over", None, Status::Completed),
        ] {
            let mut tape = Tape::blank();
            let mut new = tape.new_execution(started(tape.id));
            new.owner = owner;
            new.append.row.status = status;
            new.append.row.released = owner.is_none();
            journal.create(new).await.unwrap();
            ids.insert(name, tape.id);
        }
        journal.heartbeat(dead, at(10)).await.unwrap();
        journal.heartbeat(me, at(100)).await.unwrap();
        assert_eq!(taken(&store, me, 5).await, [ids["pending"]], "{}: the other lives", store.name);
        assert_eq!(taken(&store, me, 11).await, [ids["dead running"]], "{}", store.name);
        assert!(taken(&store, me, 11).await.is_empty(), "{}", store.name);
        let other = WorkerId::new();
        for name in ["dead waiting", "dead paused"] {
            assert!(journal.claim(ids[name], other, at(11)).await.unwrap().is_some(), "{name} of {}", store.name);
        }
        assert_eq!(journal.claim(ids["mine"], other, at(11)).await.unwrap(), None, "{}", store.name);

        // Another start on a database that no other process can have: nobody else is alive.
        journal.forget_other_workers(other).await.unwrap();
        let found = taken(&store, other, 11).await;
        let expected = if store.name == "sqlite" { 3 } else { 0 };
        assert_eq!(found.len(), expected, "{}", store.name);
        assert!(found.is_sorted(), "{}: the oldest first", store.name);
    }
}

async fn taken(store: &Store, worker: WorkerId, now: i64) -> Vec<ExecutionId> {
    let leases = store.journal.claim_orphans(worker, at(now), 10).await.unwrap();
    leases.into_iter().map(|lease| lease.execution_id).collect()
}

#[tokio::test]
async fn timers_come_due_in_order_and_go_when_they_are_of_no_use() {
    for store in stores().await {
        let journal = &store.journal;
        let (mut one, mut two) = (Tape::begin(&store, "none").await, Tape::begin(&store, "none").await);
        assert_eq!(journal.next_due(at(0)).await.unwrap(), None);
        one.add(&store, vec![timer(1, 30), timer(2, 10), timer(3, 99)], Status::Waiting).await.unwrap();
        two.add(&store, vec![timer(1, 20), timer(2, 5), Event::TimerFired { timer: 2 }], Status::Waiting)
            .await
            .unwrap();
        let due = |execution_id, timer| DueTimer { execution_id, timer };
        let expected = [due(one.id, 2), due(two.id, 1), due(one.id, 1)];
        assert_eq!(journal.due_timers(at(30), 10).await.unwrap(), expected, "{}", store.name);
        assert_eq!(journal.due_timers(at(30), 2).await.unwrap(), expected[..2], "{}", store.name);
        assert_eq!(journal.next_due(at(30)).await.unwrap(), Some(at(99)), "{}", store.name);

        one.add(&store, vec![Event::TimerFired { timer: 2 }], Status::Running).await.unwrap();
        let mut clear = one.next(vec![], Status::Running);
        clear.cleared_timers = vec![1];
        journal.append(one.lease, clear).await.unwrap();
        assert_eq!(journal.due_timers(at(30), 10).await.unwrap(), [due(two.id, 1)], "{}", store.name);
        one.add(&store, vec![timer(4, 1), Event::ExecutionCancelled], Status::Cancelled).await.unwrap();
        assert_eq!(journal.due_timers(at(1_000), 10).await.unwrap(), [due(two.id, 1)], "{}", store.name);
    }
}

#[tokio::test]
async fn news_is_kept_until_it_is_heard() {
    for store in stores().await {
        let mut parent = Tape::begin(&store, "none").await;
        let mut children = [Tape::begin(&store, "none").await, Tape::begin(&store, "none").await];
        for child in &mut children {
            let mut end = child.next(vec![Event::ExecutionCancelled], Status::Cancelled);
            end.wakes = vec![parent.id];
            store.journal.append(child.lease, end).await.unwrap();
        }
        let news = |child: &Tape| Wakeup { execution_id: parent.id, cause: child.id };
        assert_eq!(store.journal.wakeups(10).await.unwrap(), children.each_ref().map(news), "{}", store.name);
        let mut heard = parent.next(vec![Event::Paused], Status::Paused);
        heard.heard_of = vec![children[0].id];
        store.journal.append(parent.lease, heard).await.unwrap();
        let left = store.journal.wakeups(10).await.unwrap();
        assert_eq!(left, [Wakeup { execution_id: parent.id, cause: children[1].id }], "{}", store.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_drivers_share_commits_and_lose_nothing() {
    for store in stores().await {
        let before = store.db.stats();
        let drivers = (0..64).map(|_| async {
            let mut tape = Tape::begin(&store, "none").await;
            for attempt in 1..=8 {
                let events = vec![
                    Event::NodeStarted { path: path("a"), attempt },
                    Event::NodeStarted { path: path("b"), attempt },
                ];
                tape.add(&store, events, Status::Running).await.unwrap();
            }
            tape
        });
        let tapes = futures::future::join_all(drivers).await;
        for tape in tapes {
            assert_eq!(store.journal.read(tape.id, 0, 100).await.unwrap(), tape.events, "{}", store.name);
        }
        if store.name == "sqlite" {
            let commits = store.db.stats().commits - before.commits;
            assert!(commits < 64 * 9, "{commits} commits for {} appends", 64 * 9);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refused_append_does_not_harm_the_others_of_its_commit() {
    for store in stores().await {
        let appends = (0..32).map(|number| {
            let store = &store;
            async move {
                let mut tape = Tape::begin(store, "none").await;
                if number % 4 == 0 {
                    tape.lease.epoch = 7;
                }
                let added = tape.add(store, vec![timer(1, 50)], Status::Waiting).await;
                (number, tape, added)
            }
        });
        for (number, tape, added) in futures::future::join_all(appends).await {
            let kept = store.count("timers", tape.id).await;
            if number % 4 == 0 {
                assert!(matches!(added, Err(Error::Fenced(_))), "{}", store.name);
                assert_eq!(kept, 0, "{}", store.name);
            } else {
                added.unwrap();
                assert_eq!(kept, 1, "{}", store.name);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_may_go_away_and_come_back() {
    let mut server = TestPostgres::own();
    let store = Store::open("postgres", &server.fresh_database().await).await;
    let mut tape = Tape::begin(&store, "none").await;
    for how in [Stop::Fast, Stop::Crash] {
        let append = tape.next(vec![Event::NodeStarted { path: path("a"), attempt: 1 }], Status::Running);
        server.stop(how);
        let error = store.journal.append(tape.lease, append.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(!matches!(error, Error::Fenced(_)));
        server.start();
        let mut tries = 0;
        while let Err(error) = store.journal.append(tape.lease, append.clone()).await {
            assert!(!matches!(error, Error::Fenced(_)) && error.kind() == ErrorKind::Unavailable, "{error}");
            tries += 1;
            assert!(tries < 100, "the database did not come back");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    assert_eq!(store.journal.read(tape.id, 0, 100).await.unwrap(), tape.events);
}

#[tokio::test]
async fn what_is_told_is_written_with_what_it_tells_of_or_not_at_all() {
    for store in stores().await {
        let told = |tape: &Tape, kind: &str| {
            let id = format!("{}/{}", tape.id, tape.events.len());
            let (workspace, subject) = (tape.workspace, format!("execution/{}", tape.id));
            vec![DomainEvent::of_itself(id, workspace, kind, subject, at(7), json!({"text": "\u{0}ß"}))]
        };
        let mut tape = Tape::blank();
        tape.workspace = WorkspaceId::new();
        let beginning = ExecutionStarted { workspace_id: tape.workspace, ..started(tape.id) };
        let mut new = tape.new_execution(beginning);
        new.append.told = told(&tape, "ExecutionStarted");
        let mut expected = new.append.told.clone();
        store.journal.create(new.clone()).await.unwrap();
        assert_eq!(store.outbox(tape.id).await, [(Some(tape.workspace), expected.clone())], "{}", store.name);
        // Nothing is told twice: not by the same creation sent again, not by the same append.
        store.journal.create(new).await.unwrap();
        let mut append = tape.next(vec![timer(1, 50)], Status::Running);
        append.told = told(&tape, "NodeExecuted");
        expected.extend(append.told.clone());
        store.journal.append(tape.lease, append.clone()).await.unwrap();
        store.journal.append(tape.lease, append).await.unwrap();
        // A driver that lost its lease tells nothing.
        let stale = tape.lease;
        tape.lease = store.journal.claim(tape.id, WorkerId::new(), at(1)).await.unwrap().unwrap();
        let mut append = tape.next(vec![Event::ExecutionCancelled], Status::Cancelled);
        append.told = told(&tape, "ExecutionCancelled");
        let refused = store.journal.append(stale, append.clone()).await;
        assert!(matches!(refused, Err(Error::Fenced(_))), "{}: {refused:?}", store.name);
        let rows = store.outbox(tape.id).await;
        assert_eq!(rows.len(), 2, "{}", store.name);
        assert_eq!(rows.into_iter().flat_map(|(_, events)| events).collect::<Vec<_>>(), expected, "{}", store.name);
        store.journal.append(tape.lease, append).await.unwrap();
        assert_eq!(store.outbox(tape.id).await.len(), 3, "{}", store.name);
    }
}
