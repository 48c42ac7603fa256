//! Both stores, empty, and executions written by hand.

use std::sync::Arc;

use serde_json::json;
use weir_base::{ExecutionId, Timestamp, WorkerId, WorkspaceId};
use weir_core::event::{EVENT_VERSION, Event, ExecutionStarted, JournalEvent};
use weir_core::execution::Status;
use weir_db::Db;
use weir_engine::Error;
use weir_engine::journal::{self, Append, Created, Journal, Lease, NewExecution, Row};
use weir_events::DomainEvent;
use weir_testkit::TestDatabase;

/// One of the two stores.
pub(crate) struct Store {
    /// To name it when a test fails.
    pub(crate) name: &'static str,
    pub(crate) db: Db,
    pub(crate) journal: Arc<dyn Journal>,
    _database: Option<TestDatabase>,
}

impl Store {
    /// A store in this database.
    pub(crate) async fn open(name: &'static str, url: &str) -> Self {
        let db = Db::connect(url).await.unwrap();
        db.migrate("events", weir_events::MIGRATIONS).await.unwrap();
        db.migrate("engine", weir_engine::MIGRATIONS).await.unwrap();
        Self { name, journal: journal::open(&db), db, _database: None }
    }

    /// The rows of a table that belong to an execution.
    pub(crate) async fn count(&self, table: &str, id: ExecutionId) -> i64 {
        let sql = format!("SELECT count(*) FROM {table} WHERE execution_id = $1");
        self.db.query(sql, weir_db::args![id]).await.unwrap()[0].get(0).unwrap()
    }

    /// The rows of the outbox that tell of an execution.
    pub(crate) async fn outbox(&self, id: ExecutionId) -> Vec<(Option<WorkspaceId>, Vec<DomainEvent>)> {
        outbox(&self.db, id).await
    }
}

/// The rows of the outbox that tell of an execution.
pub(crate) async fn outbox(db: &Db, id: ExecutionId) -> Vec<(Option<WorkspaceId>, Vec<DomainEvent>)> {
    let sql = "SELECT workspace_id, events FROM outbox WHERE events LIKE $1 ORDER BY position";
    let rows = db.query(sql, weir_db::args![format!("%execution/{id}%")]).await.unwrap();
    rows.iter().map(|row| (row.get(0).unwrap(), serde_json::from_str(row.get(1).unwrap()).unwrap())).collect()
}

/// SQLite and PostgreSQL.
pub(crate) async fn stores() -> Vec<Store> {
    let mut stores = Vec::new();
    for database in weir_testkit::databases().await {
        let store = Store::open(database.name, &database.url).await;
        stores.push(Store { _database: Some(database), ..store });
    }
    stores
}

/// Seconds after the tests' beginning of time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_800_000_000 + seconds, 250_000_000).unwrap()
}

/// An execution whose record a test writes.
pub(crate) struct Tape {
    pub(crate) id: ExecutionId,
    pub(crate) lease: Lease,
    pub(crate) worker: WorkerId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) events: Vec<JournalEvent>,
}

impl Tape {
    /// A tape of an execution that is not recorded yet.
    pub(crate) fn blank() -> Self {
        let id = ExecutionId::new();
        Self {
            id,
            lease: Lease { execution_id: id, epoch: 1 },
            worker: WorkerId::new(),
            workspace: WorkspaceId::FIRST,
            events: Vec::new(),
        }
    }

    /// Records a new execution of this document.
    pub(crate) async fn begin(store: &Store, document: &str) -> Self {
        let mut tape = Self::blank();
        let new = tape.new_execution(ExecutionStarted { document: document.to_owned(), ..started(tape.id) });
        assert_eq!(store.journal.create(new).await.unwrap(), Created::New(tape.lease), "{}", store.name);
        tape
    }

    /// The record of the beginning; one second of the tape's time.
    pub(crate) fn new_execution(&mut self, started: ExecutionStarted) -> NewExecution {
        self.workspace = started.workspace_id;
        NewExecution {
            started: Arc::new(started.clone()),
            owner: Some(self.worker),
            idempotency_key: None,
            created_at: at(1),
            append: self.next(vec![Event::ExecutionStarted(Box::new(started))], Status::Running),
        }
    }

    /// What to append next; each event takes a second.
    pub(crate) fn next(&mut self, events: Vec<Event>, status: Status) -> Append {
        let before = self.events.len();
        for event in events {
            let seq = self.events.len() as u64 + 1;
            self.events.push(JournalEvent { seq, at: at(seq as i64), event });
        }
        let seq = self.events.len() as u64;
        Append {
            workspace: self.workspace,
            events: self.events[before..].to_vec(),
            row: Row {
                status,
                seq,
                progress: 10,
                nodes_done: 1,
                nodes_known: 3,
                at: at(seq as i64),
                error: None,
                released: !matches!(status, Status::Running | Status::Pending),
            },
            cleared_timers: Vec::new(),
            logs: Vec::new(),
            wakes: Vec::new(),
            heard_of: Vec::new(),
            told: Vec::new(),
        }
    }

    /// Appends to the record.
    pub(crate) async fn add(&mut self, store: &Store, events: Vec<Event>, status: Status) -> Result<(), Error> {
        let append = self.next(events, status);
        store.journal.append(self.lease, append).await
    }
}

/// An execution's beginning.
pub(crate) fn started(id: ExecutionId) -> ExecutionStarted {
    ExecutionStarted {
        version: EVENT_VERSION,
        execution_id: id,
        workspace_id: WorkspaceId::FIRST,
        workflow_id: None,
        workflow_version: None,
        document: "none".to_owned(),
        input: json!({"url": "http://example.org"}).into(),
        vars: serde_json::Map::new(),
        pins: std::collections::BTreeMap::new(),
        parent: None,
        trigger: "manual".to_owned(),
        started_by: None,
        origin: None,
    }
}
