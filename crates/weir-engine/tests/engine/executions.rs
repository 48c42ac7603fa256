//! What is read of executions: lists, pages, and node executions folded from the journal.

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use weir_base::{Cursor, ExecutionId, Page, PageRequest, Principal, WorkflowId, WorkspaceId};
use weir_core::document::Document;
use weir_core::event::{AfterFailure, Decision, Event, ExecutionStarted, Parent, Relation, TimerPurpose};
use weir_core::execution::Status;
use weir_core::node_error::NodeError;
use weir_core::node_type::{Catalog, Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::{ApprovalRequest, OnItemError, Wait};
use weir_core::path::NodePath;
use weir_core::payload::Payload;
use weir_engine::executions::{
    Approval, ApprovalStatus, Executions, Filter, Items, NodeExecution, NodeStatus, Summary,
};
use weir_engine::journal::LogLine;
use weir_engine::node::LogLevel;
use weir_engine::{Documents, Error, Values};
use weir_objects::Objects;

use crate::stores::{Store, Tape, at, started, stores};

/// The read side over a store, with a document of every sort of node.
struct Reading {
    executions: Executions,
    values: Values,
    document: String,
    store: Store,
    _folder: TempDir,
}

async fn readings() -> Vec<Reading> {
    let mut readings = Vec::new();
    for store in stores().await {
        let folder = tempfile::tempdir().unwrap();
        let values = Values::new(Objects::connect(&format!("file:{}", folder.path().display())).unwrap());
        let documents = Documents::new(store.db.clone(), Arc::new(catalog()));
        let document = documents.keep(&document()).await.unwrap();
        let executions = Executions::new(store.db.clone(), Arc::clone(&store.journal), documents, values.clone());
        readings.push(Reading { executions, values, document, store, _folder: folder });
    }
    readings
}

fn catalog() -> Catalog {
    let info = |name, role, pure| NodeTypeInfo {
        name,
        category: Category::Control,
        label: name,
        description: "For tests.",
        icon: "box",
        params_schema: json!({"type": "object"}),
        literal_params: &[],
        handles: Handles::Single,
        pure,
        default_timeout_seconds: None,
        default_max_attempts: 4,
        role,
    };
    [
        info("start", Role::Start, true),
        info("map", Role::Map, true),
        info("loop", Role::Loop, true),
        info("set", Role::Ordinary, true),
        info("call", Role::Ordinary, false),
        info("approval", Role::Ordinary, false),
    ]
    .into_iter()
    .collect()
}

fn document() -> Document {
    let node = |id: &str, node_type: &str| json!({"id": id, "type": node_type, "position": {"x": 0, "y": 0}});
    let inside = |id: &str, node_type: &str, parent: &str| {
        let mut node = node(id, node_type);
        node["parentNode"] = json!(parent);
        node
    };
    let mut fetch = node("fetch", "call");
    fetch["data"] = json!({"compensate": "undo"});
    let nodes = [
        node("begin", "start"),
        fetch,
        node("undo", "call"),
        node("each", "map"),
        inside("parse", "call", "each"),
        inside("note", "set", "each"),
        node("again", "loop"),
        inside("turn", "set", "again"),
        node("ask", "approval"),
    ];
    let edge = |id: &str, source: &str, target: &str| json!({"id": id, "source": source, "target": target});
    let edges = [
        edge("e1", "begin", "fetch"),
        edge("e2", "fetch", "each"),
        edge("e3", "each", "again"),
        edge("e4", "again", "ask"),
        edge("e5", "parse", "note"),
    ];
    serde_json::from_value(json!({"name": "Everything", "nodes": nodes, "edges": edges})).unwrap()
}

fn path(text: &str) -> NodePath {
    NodePath::from(text)
}

fn begun(text: &str, attempt: u32) -> Event {
    Event::NodeStarted { path: path(text), attempt }
}

fn done(text: &str, attempt: u32, output: Value) -> Event {
    Event::NodeCompleted { path: path(text), attempt, handle: None, output: output.into(), pinned: false }
}

fn failed(text: &str, attempt: u32, then: AfterFailure) -> Event {
    Event::NodeFailed { path: path(text), attempt, error: NodeError::transient("no answer"), then }
}

fn expanded(count: u32) -> Event {
    Event::ItemsExpanded {
        path: path("each"),
        items: json!([1, 2, 3]).into(),
        count,
        keys: None,
        concurrency: 2,
        on_item_error: OnItemError::Collect,
    }
}

fn ask(text: &str) -> Event {
    let request = ApprovalRequest {
        title: format!("{text}?"),
        description: None,
        form: Some(json!({"type": "object"})),
        assignee: Some("ann".to_owned()),
        deadline: Some(at(900)),
    };
    Event::NodeWaiting { path: path(text), wait: Wait::Approval(request) }
}

impl Reading {
    async fn nodes(&self, tape: &Tape, within: Option<&str>) -> Vec<NodeExecution> {
        self.executions.nodes(WorkspaceId::FIRST, tape.id, within, &PageRequest::default()).await.unwrap().items
    }

    async fn list(&self, filter: &Filter) -> Vec<ExecutionId> {
        ids(&self.executions.list(WorkspaceId::FIRST, filter, &PageRequest::default()).await.unwrap())
    }
}

fn ids(page: &Page<Summary>) -> Vec<ExecutionId> {
    page.items.iter().map(|summary| summary.id).collect()
}

fn states(nodes: &[NodeExecution]) -> Vec<(&str, NodeStatus)> {
    nodes.iter().map(|node| (node.path.as_str(), node.status)).collect()
}

#[tokio::test]
async fn a_list_holds_what_the_filter_asks_for_the_newest_first() {
    for reading in readings().await {
        let (store, executions) = (&reading.store, &reading.executions);
        let workflow_id = Some(WorkflowId::new());
        let mut plain = Tape::begin(store, "none").await;
        let mut child = Tape::blank();
        let parent = Parent { execution_id: plain.id, path: path("sub"), relation: Relation::SubWorkflow };
        let new = child.new_execution(ExecutionStarted {
            workflow_id,
            workflow_version: Some(2),
            parent: Some(parent.clone()),
            trigger: "sub_workflow".to_owned(),
            ..started(child.id)
        });
        store.journal.create(new).await.unwrap();
        let mut late = Tape::blank();
        let mut new = late.new_execution(ExecutionStarted { workflow_id, ..started(late.id) });
        new.created_at = at(100);
        store.journal.create(new).await.unwrap();
        plain.add(store, vec![Event::ExecutionCompleted { output: Payload::null() }], Status::Completed).await.unwrap();
        let error = NodeError::invalid("it is wrong");
        let end = Event::ExecutionFailed { error: error.clone(), path: None, timeout: false };
        let mut append = late.next(vec![end], Status::Failed);
        append.row.error = Some(error.clone());
        store.journal.append(late.lease, append).await.unwrap();

        let every = Filter::default();
        assert_eq!(reading.list(&every).await, [late.id, child.id, plain.id], "{}", store.name);
        let of_workflow = Filter { workflow_id, ..Filter::default() };
        assert_eq!(reading.list(&of_workflow).await, [late.id, child.id], "{}", store.name);
        let completed = Filter { statuses: vec![Status::Completed, Status::Cancelled], ..Filter::default() };
        assert_eq!(reading.list(&completed).await, [plain.id], "{}", store.name);
        let running = Filter { statuses: vec![Status::Running], workflow_id, ..Filter::default() };
        assert_eq!(reading.list(&running).await, [child.id], "{}", store.name);
        let of_parent = Filter { parent: Some(plain.id), ..Filter::default() };
        assert_eq!(reading.list(&of_parent).await, [child.id], "{}", store.name);
        let by_trigger = Filter { trigger: Some("sub_workflow".to_owned()), ..Filter::default() };
        assert_eq!(reading.list(&by_trigger).await, [child.id], "{}", store.name);
        let later = Filter { created_from: Some(at(100)), ..Filter::default() };
        assert_eq!(reading.list(&later).await, [late.id], "{}", store.name);
        let earlier = Filter { created_before: Some(at(100)), ..Filter::default() };
        assert_eq!(reading.list(&earlier).await, [child.id, plain.id], "{}", store.name);

        let summary = executions.summary(WorkspaceId::FIRST, child.id).await.unwrap();
        assert_eq!((summary.parent, summary.workflow_version), (Some(parent), Some(2)), "{}", store.name);
        assert_eq!((summary.progress, summary.nodes_done, summary.nodes_known), (10, 1, 3), "{}", store.name);
        let summary = executions.summary(WorkspaceId::FIRST, late.id).await.unwrap();
        assert_eq!((summary.error, summary.finished_at), (Some(error), Some(at(2))), "{}", store.name);

        assert_eq!(
            ids(&executions.dead_letters(WorkspaceId::FIRST, &PageRequest::default()).await.unwrap()),
            [late.id]
        );
        executions.dismiss(&Principal::operator(WorkspaceId::FIRST), late.id).await.unwrap();
        assert!(
            executions.dead_letters(WorkspaceId::FIRST, &PageRequest::default()).await.unwrap().items.is_empty(),
            "{}",
            store.name
        );
        for id in [late.id, plain.id, ExecutionId::new()] {
            assert!(
                matches!(
                    executions.dismiss(&Principal::operator(WorkspaceId::FIRST), id).await,
                    Err(Error::NoDeadLetter(_))
                ),
                "{}",
                store.name
            );
        }
        let nobody = ExecutionId::new();
        assert!(
            matches!(executions.summary(WorkspaceId::FIRST, nobody).await, Err(Error::NoExecution(id)) if id == nobody)
        );
        assert!(matches!(executions.details(WorkspaceId::FIRST, nobody).await, Err(Error::NoExecution(_))));
        assert!(matches!(executions.journal(WorkspaceId::FIRST, nobody, 0, 10).await, Err(Error::NoExecution(_))));
    }
}

#[tokio::test]
async fn pages_stay_where_they_are_while_new_executions_come_in() {
    for reading in readings().await {
        let mut expected = Vec::new();
        for _ in 0..7 {
            expected.insert(0, Tape::begin(&reading.store, "none").await.id);
        }
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let request = PageRequest::new(Some(3), cursor);
            let page = reading.executions.list(WorkspaceId::FIRST, &Filter::default(), &request).await.unwrap();
            seen.extend(ids(&page));
            Tape::begin(&reading.store, "none").await;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "{}", reading.store.name);
        let forged = PageRequest::new(None, Some(Cursor::from_client("x")));
        let refused = reading.executions.list(WorkspaceId::FIRST, &Filter::default(), &forged).await;
        assert!(matches!(refused, Err(Error::Cursor(_))));
    }
}

#[tokio::test]
async fn details_hold_input_and_result_wherever_they_lie() {
    for reading in readings().await {
        let large = json!({"text": "x".repeat(400_000)});
        let mut tape = Tape::blank();
        let input = reading.values.keep(tape.id, Arc::new(large.clone())).await.unwrap();
        assert!(input.as_inline().is_none());
        let new = tape.new_execution(ExecutionStarted {
            input: input.clone(),
            document: reading.document.clone(),
            ..started(tape.id)
        });
        reading.store.journal.create(new).await.unwrap();
        let details = reading.executions.details(WorkspaceId::FIRST, tape.id).await.unwrap();
        assert_eq!((&details.input, &details.output), (&large, &None), "{}", reading.store.name);

        let output = Payload::array(vec![input.clone(), json!(2).into()]);
        let end = vec![
            Event::NodeCompleted {
                path: path("fetch"),
                attempt: 1,
                handle: None,
                output: output.clone(),
                pinned: false,
            },
            Event::ExecutionCompleted { output },
        ];
        tape.add(&reading.store, end, Status::Completed).await.unwrap();
        let details = reading.executions.details(WorkspaceId::FIRST, tape.id).await.unwrap();
        assert_eq!(details.output, Some(json!([large, 2])), "{}", reading.store.name);

        let nodes = reading.nodes(&tape, None).await;
        let size = large.to_string().len();
        assert_eq!(nodes[1].output, Some(json!([{"stored": {"size": size}}, 2])), "{}", reading.store.name);
        let node = reading.executions.node(WorkspaceId::FIRST, tape.id, &path("fetch")).await.unwrap();
        assert_eq!(node.output, Some(json!([large, 2])), "{}", reading.store.name);
    }
}

#[tokio::test]
async fn node_executions_are_told_level_by_level_with_their_attempts() {
    for reading in readings().await {
        let name = reading.store.name;
        let mut tape = Tape::begin(&reading.store, &reading.document).await;
        let events = vec![
            begun("fetch", 1),
            failed("fetch", 1, AfterFailure::Retry { at: at(60) }),
            Event::TimerSet { timer: 1, due_at: at(60), purpose: TimerPurpose::Retry { path: path("fetch") } },
        ];
        tape.add(&reading.store, events, Status::Waiting).await.unwrap();
        let nodes = reading.nodes(&tape, None).await;
        assert_eq!(states(&nodes), [("begin", NodeStatus::Completed), ("fetch", NodeStatus::Waiting)], "{name}");
        assert_eq!(nodes[0].output, Some(json!({"url": "http://example.org"})));
        assert_eq!(nodes[1].waiting_for, Some(json!({"for": "retry", "at": at(60)})));

        let events = vec![
            Event::TimerFired { timer: 1 },
            begun("fetch", 2),
            done("fetch", 2, json!("page")),
            expanded(3),
            begun("each[0]/parse", 1),
            begun("each[1]/parse", 1),
            done("each[0]/parse", 1, json!("a")),
            done("each[0]/note", 1, json!("n")),
            failed("each[1]/parse", 4, AfterFailure::Fail),
            begun("each[2]/parse", 1),
        ];
        tape.add(&reading.store, events, Status::Running).await.unwrap();
        let nodes = reading.nodes(&tape, None).await;
        let fetch = &nodes[1];
        assert_eq!((fetch.status, fetch.output.as_ref()), (NodeStatus::Completed, Some(&json!("page"))), "{name}");
        assert_eq!(fetch.node_type, "call");
        assert_eq!(fetch.attempts.len(), 2);
        assert_eq!(fetch.attempts[0].error.as_ref().unwrap().message, "no answer");
        assert_eq!(fetch.attempts[1].error, None);
        assert!(fetch.attempts.iter().all(|attempt| attempt.finished_at > attempt.started_at));
        assert_eq!(nodes[2].items, Some(Items { count: 3, done: 2 }), "{name}: one done, one failed");
        assert_eq!(nodes.len(), 3, "{name}: what is in bodies is not on this level");
        let body = reading.nodes(&tape, Some("each[0]")).await;
        let both = [("each[0]/parse", NodeStatus::Completed), ("each[0]/note", NodeStatus::Completed)];
        assert_eq!(states(&body), both, "{name}");
        assert_eq!(states(&reading.nodes(&tape, Some("each[1]")).await), [("each[1]/parse", NodeStatus::Failed)]);
        assert_eq!(states(&reading.nodes(&tape, Some("each[2]")).await), [("each[2]/parse", NodeStatus::Running)]);
        assert!(reading.nodes(&tape, Some("each[7]")).await.is_empty());

        let events = vec![
            done("each", 1, json!({"results": []})),
            Event::IterationStarted { path: path("again"), index: 0 },
            done("again[0]/turn", 1, json!(0)),
            Event::IterationStarted { path: path("again"), index: 1 },
        ];
        tape.add(&reading.store, events, Status::Running).await.unwrap();
        let nodes = reading.nodes(&tape, None).await;
        assert_eq!(nodes[2].items, Some(Items { count: 3, done: 3 }), "{name}");
        assert_eq!(nodes[3].items, Some(Items { count: 2, done: 1 }), "{name}");
        let open = reading.nodes(&tape, Some("each[2]")).await;
        assert_eq!(states(&open), [("each[2]/parse", NodeStatus::Cancelled)], "{name}: its map is over");
        assert_eq!(states(&reading.nodes(&tape, Some("again[0]")).await), [("again[0]/turn", NodeStatus::Completed)]);

        let first = reading
            .executions
            .nodes(WorkspaceId::FIRST, tape.id, None, &PageRequest::new(Some(3), None))
            .await
            .unwrap();
        assert_eq!(first.items.len(), 3);
        let rest = reading
            .executions
            .nodes(WorkspaceId::FIRST, tape.id, None, &PageRequest::new(Some(3), first.next))
            .await
            .unwrap();
        assert_eq!((states(&rest.items), rest.next), (vec![("again", NodeStatus::Running)], None), "{name}");

        let missing = reading.executions.node(WorkspaceId::FIRST, tape.id, &path("ask")).await;
        assert!(matches!(missing, Err(Error::NoNodeExecution { .. })), "{name}: {missing:?}");
    }
}

#[tokio::test]
async fn ends_retries_and_undoing_show_at_the_nodes() {
    for reading in readings().await {
        let name = reading.store.name;
        let mut tape = Tape::begin(&reading.store, &reading.document).await;
        let error = NodeError::invalid("no");
        let end = || Event::ExecutionFailed { error: error.clone(), path: None, timeout: false };
        let events =
            vec![begun("fetch", 1), done("fetch", 1, json!(1)), begun("ask", 1), ask("ask"), begun("again", 1)];
        tape.add(&reading.store, events, Status::Waiting).await.unwrap();
        let nodes = reading.nodes(&tape, None).await;
        assert_eq!(nodes[2].waiting_for.as_ref().unwrap()["for"], "approval", "{name}");

        let events = vec![failed("again", 1, AfterFailure::Fail), end()];
        tape.add(&reading.store, events, Status::Failed).await.unwrap();
        let nodes = reading.nodes(&tape, None).await;
        assert_eq!((nodes[2].status, nodes[3].status), (NodeStatus::Cancelled, NodeStatus::Failed), "{name}");

        let events = vec![Event::RetryRequested, begun("again", 1), done("again", 1, json!(2))];
        tape.add(&reading.store, events, Status::Running).await.unwrap();
        let nodes = reading.nodes(&tape, None).await;
        assert_eq!((nodes[2].status, nodes[3].status), (NodeStatus::Waiting, NodeStatus::Completed), "{name}");
        assert_eq!(nodes[3].attempts.len(), 2);

        let events = vec![
            Event::CancelRequested { reason: None },
            Event::CompensationStarted { path: path("fetch"), by: "undo".to_owned(), attempt: 1 },
            failed("undo", 1, AfterFailure::Retry { at: at(70) }),
            Event::CompensationStarted { path: path("fetch"), by: "undo".to_owned(), attempt: 2 },
        ];
        tape.add(&reading.store, events, Status::Running).await.unwrap();
        let nodes = reading.nodes(&tape, None).await;
        assert_eq!(nodes.len(), 4, "{name}: what undoes is no node execution of its own");
        let undone = nodes[1].compensation.as_ref().unwrap();
        assert_eq!((undone.by.as_str(), undone.finished), ("undo", false), "{name}");

        let events = vec![
            Event::CompensationCompleted { path: path("fetch"), output: Payload::null(), error: Some(error.clone()) },
            Event::ExecutionCancelled,
        ];
        tape.add(&reading.store, events, Status::Cancelled).await.unwrap();
        let nodes = reading.nodes(&tape, None).await;
        let undone = nodes[1].compensation.as_ref().unwrap();
        assert_eq!((undone.finished, undone.error.as_ref()), (true, Some(&error)), "{name}");
        assert_eq!(nodes[1].status, NodeStatus::Completed, "{name}");
    }
}

#[tokio::test]
async fn approvals_follow_their_executions() {
    for reading in readings().await {
        let (name, executions) = (reading.store.name, &reading.executions);
        let mut tape = Tape::begin(&reading.store, &reading.document).await;
        let questions = ["one", "two", "three", "each[0]/deep", "each[1]/deep", "late"];
        let events = questions.into_iter().map(ask).collect();
        tape.add(&reading.store, events, Status::Waiting).await.unwrap();
        let open = Some(ApprovalStatus::Open);
        let page =
            executions.approvals(WorkspaceId::FIRST, open, None, &PageRequest::new(Some(4), None)).await.unwrap();
        let paths = |items: &[Approval]| items.iter().map(|asked| asked.path.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(paths(&page.items), ["late", "each[1]/deep", "each[0]/deep", "three"], "{name}");
        let rest = executions
            .approvals(WorkspaceId::FIRST, open, Some(tape.id), &PageRequest::new(Some(4), page.next))
            .await
            .unwrap();
        assert_eq!(paths(&rest.items), ["two", "one"], "{name}");
        let first = &rest.items[1];
        assert_eq!((first.title.as_str(), first.deadline, first.created_at), ("one?", Some(at(900)), at(2)), "{name}");
        assert_eq!(first.form, Some(json!({"type": "object"})), "{name}");

        let decision = |approved| Decision {
            approved,
            data: json!({}),
            by: Some("ann".to_owned()),
            comment: Some("because".to_owned()),
        };
        let decided = |text, approved| Event::ApprovalDecided { path: path(text), decision: decision(approved) };
        let expired = Event::NodeCompleted {
            path: path("three"),
            attempt: 1,
            handle: Some("expired".to_owned()),
            output: Payload::null(),
            pinned: false,
        };
        let events =
            vec![decided("one", true), decided("two", false), expired, failed("each", 1, AfterFailure::Branch)];
        tape.add(&reading.store, events, Status::Waiting).await.unwrap();
        let status =
            async |text: &str| executions.approval(WorkspaceId::FIRST, tape.id, &path(text)).await.unwrap().status;
        assert_eq!(status("one").await, ApprovalStatus::Approved, "{name}");
        assert_eq!(status("two").await, ApprovalStatus::Rejected, "{name}");
        assert_eq!(status("three").await, ApprovalStatus::Expired, "{name}");
        assert_eq!(status("each[0]/deep").await, ApprovalStatus::Closed, "{name}");
        assert_eq!(status("each[1]/deep").await, ApprovalStatus::Closed, "{name}");
        assert_eq!(status("late").await, ApprovalStatus::Open, "{name}");
        let one = executions.approval(WorkspaceId::FIRST, tape.id, &path("one")).await.unwrap();
        assert_eq!((one.decided_by.as_deref(), one.comment.as_deref()), (Some("ann"), Some("because")), "{name}");

        // Asked again by another attempt; then decided in the very append that ends the execution.
        let id = tape.id;
        tape.add(&reading.store, vec![ask("two")], Status::Waiting).await.unwrap();
        assert_eq!(
            executions.approval(WorkspaceId::FIRST, id, &path("two")).await.unwrap().status,
            ApprovalStatus::Open,
            "{name}"
        );
        let events = vec![decided("two", true), ask("last"), Event::ExecutionCompleted { output: Payload::null() }];
        tape.add(&reading.store, events, Status::Completed).await.unwrap();
        let status = async |text: &str| executions.approval(WorkspaceId::FIRST, id, &path(text)).await.unwrap().status;
        assert_eq!(status("two").await, ApprovalStatus::Approved, "{name}");
        assert_eq!(status("late").await, ApprovalStatus::Closed, "{name}");
        assert_eq!(status("last").await, ApprovalStatus::Closed, "{name}");
        let left = executions.approvals(WorkspaceId::FIRST, open, None, &PageRequest::default()).await.unwrap();
        assert!(left.items.is_empty(), "{name}");
        let missing = executions.approval(WorkspaceId::FIRST, id, &path("none")).await;
        assert!(matches!(missing, Err(Error::NoApproval { .. })), "{name}");
    }
}

#[tokio::test]
async fn logs_come_in_the_order_they_were_written() {
    for reading in readings().await {
        let mut tape = Tape::begin(&reading.store, "none").await;
        for round in 0..2 {
            let mut append = tape.next(vec![begun("a", 1)], Status::Running);
            append.logs = (0..5)
                .map(|line| LogLine {
                    path: path("a"),
                    level: LogLevel::Warning,
                    message: format!("line {round}.{line}\0"),
                    at: at(line),
                })
                .collect();
            reading.store.journal.append(tape.lease, append).await.unwrap();
        }
        let mut lines = Vec::new();
        let mut cursor = None;
        loop {
            let page =
                reading.executions.logs(WorkspaceId::FIRST, tape.id, &PageRequest::new(Some(4), cursor)).await.unwrap();
            lines.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let messages: Vec<_> = lines.iter().map(|line| line.message.as_str()).collect();
        let expected: Vec<_> =
            (0..2).flat_map(|round| (0..5).map(move |line| format!("line {round}.{line}\u{fffd}"))).collect();
        assert_eq!(messages, expected, "{}", reading.store.name);
        assert_eq!(lines[0].level, LogLevel::Warning);
        let nobody = reading.executions.logs(WorkspaceId::FIRST, ExecutionId::new(), &PageRequest::default()).await;
        assert!(matches!(nobody, Err(Error::NoExecution(_))));
    }
}
