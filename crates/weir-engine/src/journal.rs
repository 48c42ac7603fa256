//! Where executions are recorded: a small trait, two stores, one conformance suite.
//!
//! Everything a decision changes is one [`Append`]: events, the execution's row, timers, approvals and logs become
//! durable together with what is told of them, or not at all. Every append carries the epoch of the driver's lease; a driver that lost its lease
//! is refused by the store itself.

mod leases;
mod postgres;
pub(crate) mod reading;
mod round;
pub(crate) mod rows;
mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use weir_base::{ExecutionId, Timestamp, WorkerId, WorkspaceId};
use weir_core::event::{ExecutionStarted, JournalEvent};
use weir_core::execution::Status;
use weir_core::node_error::NodeError;
use weir_core::path::NodePath;
use weir_db::Db;
use weir_events::DomainEvent;

use crate::error::Error;
use crate::node::LogLevel;

pub use postgres::PostgresJournal;
pub use sqlite::SqliteJournal;

/// The journal that belongs to this database.
pub fn open(db: &Db) -> Arc<dyn Journal> {
    match db.postgres() {
        Some(postgres) => Arc::new(PostgresJournal::new(db.clone(), postgres)),
        None => Arc::new(SqliteJournal::new(db.clone())),
    }
}

/// The durable record of executions.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// The database it is kept in. What both stores do alike is done through it.
    fn db(&self) -> &Db;

    /// Records a new execution, driven by `worker` with epoch 1 (or by nobody yet).
    ///
    /// An execution that was created before under the same id, or under the same idempotency key of the same
    /// workspace and workflow, is left as it is and named in the answer.
    ///
    /// # Errors
    /// [`Error::NoExecution`] for an id that another workspace has used.
    async fn create(&self, new: NewExecution) -> Result<Created, Error>;

    /// Adds to an execution's record. The same append sent twice in a row, because the answer to the first was lost, is
    /// kept once.
    ///
    /// # Errors
    /// [`Error::Fenced`] when the execution is driven by another, in which case nothing was written.
    async fn append(&self, lease: Lease, append: Append) -> Result<(), Error>;

    /// Takes over an execution that nobody drives, or whose driver's lease ran out before `now`.
    /// `None` when somebody else drives it or there is no such execution.
    async fn claim(&self, id: ExecutionId, worker: WorkerId, now: Timestamp) -> Result<Option<Lease>, Error> {
        leases::claim(self.db(), id, worker, now).await
    }

    /// Takes over up to `limit` executions that should run and that nobody alive drives, oldest first:
    /// status `pending` or `running`.
    async fn claim_orphans(&self, worker: WorkerId, now: Timestamp, limit: u32) -> Result<Vec<Lease>, Error> {
        leases::claim_orphans(self.db(), worker, now, limit).await
    }

    /// Executions with a timer due by `now`, the longest overdue first, with that timer.
    async fn due_timers(&self, now: Timestamp, limit: u32) -> Result<Vec<DueTimer>, Error> {
        reading::due_timers(self.db(), now, limit).await
    }

    /// When the next timer after `now` is due.
    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        reading::next_due(self.db(), now).await
    }

    /// News that has not been heard yet, oldest first.
    async fn wakeups(&self, limit: u32) -> Result<Vec<Wakeup>, Error> {
        reading::wakeups(self.db(), limit).await
    }

    /// Drops news that nobody will ever hear. What an execution has heard goes with its own append.
    async fn forget_wakeup(&self, wakeup: Wakeup) -> Result<(), Error> {
        reading::forget_wakeup(self.db(), wakeup).await
    }

    /// Says that this worker lives until then.
    async fn heartbeat(&self, worker: WorkerId, until: Timestamp) -> Result<(), Error> {
        leases::heartbeat(self.db(), worker, until).await
    }

    /// Says that this worker is gone: what it drove is free.
    async fn sign_off(&self, worker: WorkerId) -> Result<(), Error> {
        leases::sign_off(self.db(), worker).await
    }

    /// Says that no other worker can be alive, because this process alone has the database: what others drove is free
    /// at once. Does nothing on a store that processes share.
    async fn forget_other_workers(&self, worker: WorkerId) -> Result<(), Error>;

    /// An execution's events with a number above `after`, in order, at most `limit`.
    async fn read(&self, id: ExecutionId, after: u64, limit: u32) -> Result<Vec<JournalEvent>, Error> {
        reading::read(self.db(), id, after, limit).await
    }
}

/// The right to drive an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Which execution.
    pub execution_id: ExecutionId,
    /// Counts the drivers the execution had; writes with an older number are refused.
    pub epoch: i64,
}

/// An execution to be recorded.
#[derive(Debug, Clone)]
pub struct NewExecution {
    /// The first event's content.
    pub started: Arc<ExecutionStarted>,
    /// Who drives it from the beginning; nobody when it has to wait for a place.
    pub owner: Option<WorkerId>,
    /// Two requests with one key are one execution of the workflow.
    pub idempotency_key: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// What has happened so far.
    pub append: Append,
}

/// What became of [`Journal::create`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It is recorded.
    New(Lease),
    /// This one was there before.
    Existing(ExecutionId),
}

/// What a decision adds to an execution's record.
#[derive(Debug, Clone)]
pub struct Append {
    /// The workspace the execution belongs to.
    pub workspace: WorkspaceId,
    /// What happened; timers that were set and approvals that opened or closed are read off these.
    pub events: Vec<JournalEvent>,
    /// The execution's row from now on.
    pub row: Row,
    /// Timers that are of no use any more.
    pub cleared_timers: Vec<u32>,
    /// Lines for people.
    pub logs: Vec<LogLine>,
    /// Executions that must hear of this: the parent of its end, a child that it is needed no more. Recorded with what is
    /// told, so that no crash loses the news.
    pub wakes: Vec<ExecutionId>,
    /// News from these executions has arrived here and needs not be kept.
    pub heard_of: Vec<ExecutionId>,
    /// What the outside is told of it, in one row of the outbox.
    pub told: Vec<DomainEvent>,
}

/// The part of an execution's row that changes.
#[derive(Debug, Clone)]
pub struct Row {
    /// Where it stands.
    pub status: Status,
    /// The number of its last event.
    pub seq: u64,
    /// Percent.
    pub progress: u8,
    /// Node executions finished or skipped.
    pub nodes_done: u64,
    /// Node executions known of.
    pub nodes_known: u64,
    /// When this was decided; the end's time when the status is terminal.
    pub at: Timestamp,
    /// Why it failed.
    pub error: Option<NodeError>,
    /// The driver lets go of it: it ended, or it waits.
    pub released: bool,
}

/// A line a node wrote.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// Who wrote it.
    pub path: NodePath,
    /// How serious.
    pub level: LogLevel,
    /// The line.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// A timer whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueTimer {
    /// Whose.
    pub execution_id: ExecutionId,
    /// Which.
    pub timer: u32,
}

/// News for an execution from another that it waits for or runs for. Table `wakeups(execution_id, cause)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wakeup {
    /// Who is to hear it.
    pub execution_id: ExecutionId,
    /// Whom it is from.
    pub cause: ExecutionId,
}
