//! The group-commit ceiling: how many executions' rows the journal can make durable, without HTTP and without an engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use serde_json::json;
use weir_base::{Clock, ExecutionId, SystemClock, WorkerId, WorkspaceId};
use weir_core::event::{EVENT_VERSION, Event, ExecutionStarted, JournalEvent};
use weir_core::execution::Status;
use weir_core::path::NodePath;
use weir_core::payload::Payload;
use weir_db::Db;
use weir_engine::journal::{self, Append, Created, Journal, NewExecution, Row};
use weir_events::DomainEvent;

/// Tasks that record at the same time, as many as W1 has clients.
const TASKS: usize = 64;

const STEPS: usize = 3;

/// What was found.
#[derive(Debug)]
pub(crate) struct Ceiling {
    pub(crate) executions_per_second: f64,
    /// Commits of the database per second, each of them an fsync.
    pub(crate) commits_per_second: f64,
}

/// Records executions of three steps with as few appends as their order allows: what the start leads to, then after each
/// step its result together with the beginning of the next.
pub(crate) async fn measure(database_url: &str, measured: Duration) -> anyhow::Result<Ceiling> {
    let db = Db::connect(database_url).await?;
    db.migrate("events", weir_events::MIGRATIONS).await?;
    db.migrate("engine", weir_engine::MIGRATIONS).await?;
    let journal = journal::open(&db);
    let worker = WorkerId::new();
    let before = db.stats().commits;
    let begun = Instant::now();
    let tasks = (0..TASKS).map(|_| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            let mut recorded = 0_usize;
            while begun.elapsed() < measured {
                record(&*journal, worker).await?;
                recorded += 1;
            }
            Ok::<_, weir_engine::Error>(recorded)
        })
    });
    let recorded: usize = try_join_all(tasks).await?.into_iter().sum::<Result<usize, _>>()?;
    let took = begun.elapsed().as_secs_f64();
    let commits = db.stats().commits - before;
    db.close().await;
    Ok(Ceiling { executions_per_second: recorded as f64 / took, commits_per_second: commits as f64 / took })
}

async fn record(journal: &dyn Journal, worker: WorkerId) -> Result<(), weir_engine::Error> {
    let execution_id = ExecutionId::new();
    let started = ExecutionStarted {
        version: EVENT_VERSION,
        execution_id,
        workspace_id: WorkspaceId::FIRST,
        workflow_id: None,
        workflow_version: None,
        document: "0".repeat(64),
        input: json!({}).into(),
        vars: Default::default(),
        pins: Default::default(),
        parent: None,
        trigger: "api".to_owned(),
        started_by: None,
        origin: None,
    };
    let mut record = Record { id: execution_id, seq: 0 };
    let first =
        [Event::ExecutionStarted(Box::new(started.clone())), completed("start".to_owned(), json!({})), node_started(0)];
    let append = record.append(first.into(), 0);
    let created_at = append.row.at;
    let new =
        NewExecution { started: Arc::new(started), owner: Some(worker), idempotency_key: None, created_at, append };
    let Created::New(lease) = journal.create(new).await? else { return Ok(()) };
    for step in 0..STEPS {
        let done = completed(format!("step_{step}"), json!({ "step": step }));
        let then = match step + 1 {
            STEPS => Event::ExecutionCompleted { output: json!({ "step": step }).into() },
            next => node_started(next),
        };
        journal.append(lease, record.append(vec![done, then], step as u64 + 1)).await?;
    }
    Ok(())
}

fn node_started(step: usize) -> Event {
    Event::NodeStarted { path: NodePath::root(&format!("step_{step}")), attempt: 1 }
}

fn completed(id: String, output: serde_json::Value) -> Event {
    let output = Payload::from(output);
    Event::NodeCompleted { path: NodePath::root(&id), attempt: 1, handle: None, output, pinned: false }
}

struct Record {
    id: ExecutionId,
    seq: u64,
}

impl Record {
    fn append(&mut self, events: Vec<Event>, steps_done: u64) -> Append {
        let at = SystemClock.now();
        let ended = matches!(events.last(), Some(Event::ExecutionCompleted { .. }));
        let events: Vec<_> = events
            .into_iter()
            .map(|event| {
                self.seq += 1;
                JournalEvent { seq: self.seq, at, event }
            })
            .collect();
        let row = Row {
            status: if ended { Status::Completed } else { Status::Running },
            seq: self.seq,
            progress: if ended { 100 } else { 50 },
            nodes_done: 1 + steps_done,
            nodes_known: 1 + STEPS as u64,
            at,
            error: None,
            released: ended,
        };
        let told = events.iter().filter_map(|event| self.told(event)).collect();
        let workspace = WorkspaceId::FIRST;
        Append { workspace, events, row, cleared_timers: vec![], logs: vec![], wakes: vec![], heard_of: vec![], told }
    }

    /// The outbox has a row of each execution's beginning and of its end.
    fn told(&self, event: &JournalEvent) -> Option<DomainEvent> {
        let (kind, data) = match event.event {
            Event::ExecutionStarted(_) => ("ExecutionStarted", json!({ "trigger": "api" })),
            Event::ExecutionCompleted { .. } => ("ExecutionCompleted", json!({ "status": "completed" })),
            _ => return None,
        };
        let (id, subject) = (format!("{}/{}", self.id, event.seq), format!("execution/{}", self.id));
        Some(DomainEvent::of_itself(id, WorkspaceId::FIRST, kind, subject, event.at, data))
    }
}
