//! The journal in SQLite: an append is one batch, and the writer thread puts many batches into one fsync.

use async_trait::async_trait;
use weir_base::{ExecutionId, WorkerId, WorkspaceId};
use weir_db::{Batch, Db, Statement, Value, args};

use super::rows::{AskedRow, Rows};
use super::{Append, Created, Journal, Lease, NewExecution, leases, reading};
use crate::error::Error;
use crate::executions::relation_word;

const UPDATE: &str = "UPDATE executions SET status = $4, progress = $5, nodes_done = $6, nodes_known = $7, seq = $8, \
     updated_at = $9, finished_at = $10, error = $11, dismissed = 0, \
     owner = CASE WHEN $12 THEN NULL ELSE owner END \
     WHERE id = $1 AND epoch = $2 AND seq = $3";

const INSERT: &str = "INSERT INTO executions (id, workspace_id, workflow_id, workflow_version, document, \"trigger\", \
     parent_id, parent_path, parent_relation, status, progress, nodes_done, nodes_known, seq, epoch, owner, error, \
     idempotency_key, created_at, updated_at, finished_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1, $15, $16, $17, $18, $19, $20) \
     ON CONFLICT DO NOTHING";

const INSERT_EVENT: &str =
    "INSERT INTO execution_events (execution_id, seq, kind, payload, at) VALUES ($1, $2, $3, $4, $5)";

const SET_TIMER: &str = "INSERT INTO timers (execution_id, timer, due_at) VALUES ($1, $2, $3)";

const CLEAR_TIMER: &str = "DELETE FROM timers WHERE execution_id = $1 AND timer = $2";

const CLEAR_TIMERS: &str = "DELETE FROM timers WHERE execution_id = $1";

const ASK: &str = "INSERT INTO approvals (execution_id, workspace_id, path, title, description, form, assignee, \
     deadline, status, decided_by, comment, decided_at, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
     ON CONFLICT (execution_id, path) DO UPDATE SET title = excluded.title, description = excluded.description, \
     form = excluded.form, assignee = excluded.assignee, deadline = excluded.deadline, status = excluded.status, \
     decided_by = excluded.decided_by, comment = excluded.comment, decided_at = excluded.decided_at, \
     created_at = excluded.created_at";

const SETTLE: &str = "UPDATE approvals SET status = $3, decided_by = $4, comment = $5, decided_at = $6 \
     WHERE execution_id = $1 AND (path = $2 OR substr(path, 1, length($2) + 1) = $2 || '[') AND status = 'open'";

const CLOSE_APPROVALS: &str =
    "UPDATE approvals SET status = 'closed', decided_at = $2 WHERE execution_id = $1 AND status = 'open'";

const LOG: &str = "INSERT INTO execution_logs (execution_id, path, level, message, at) VALUES ($1, $2, $3, $4, $5)";

const WAKE: &str = "INSERT INTO wakeups (execution_id, cause, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

const HEARD: &str = "DELETE FROM wakeups WHERE execution_id = $1 AND cause = $2";

/// The journal of a single process.
#[derive(Debug)]
pub struct SqliteJournal {
    db: Db,
}

impl SqliteJournal {
    /// A journal in this database, whose tables have been made.
    pub const fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn create(&self, new: NewExecution) -> Result<Created, Error> {
        let NewExecution { started, owner, idempotency_key, created_at, append } = new;
        let id = started.execution_id;
        let rows = Rows::of(append)?;
        let row = &rows.execution;
        let parent = started.parent.as_ref();
        let insert = args![
            id,
            rows.workspace,
            started.workflow_id,
            started.workflow_version,
            &started.document,
            &started.trigger,
            parent.map(|parent| parent.execution_id),
            parent.map(|parent| parent.path.as_str()),
            parent.map(|parent| relation_word(parent.relation)),
            row.status,
            row.progress,
            row.nodes_done,
            row.nodes_known,
            row.seq,
            owner.filter(|_| !row.released),
            row.error.clone(),
            idempotency_key.clone(),
            created_at,
            row.at,
            row.finished_at,
        ];
        let mut batch = Batch::from(Statement::new(INSERT, insert).exactly(1));
        push(&mut batch, id, rows, true);
        match self.db.write(batch).await {
            Ok(_) => Ok(Created::New(Lease { execution_id: id, epoch: 1 })),
            Err(weir_db::Error::Expectation { statement: 0, .. }) => {
                reading::existing(&self.db, &started, idempotency_key).await.map(Created::Existing)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn append(&self, lease: Lease, append: Append) -> Result<(), Error> {
        let mut rows = Rows::of(append)?;
        let last = rows.last_event();
        let row = &mut rows.execution;
        let update = args![
            lease.execution_id,
            lease.epoch,
            row.seq_before,
            row.status,
            row.progress,
            row.nodes_done,
            row.nodes_known,
            row.seq,
            row.at,
            row.finished_at,
            row.error.take(),
            row.released,
        ];
        let mut batch = Batch::from(Statement::new(UPDATE, update).exactly(1));
        push(&mut batch, lease.execution_id, rows, false);
        match self.db.write(batch).await {
            Ok(_) => Ok(()),
            Err(weir_db::Error::Expectation { statement: 0, .. }) => {
                if reading::was_kept(&self.db, lease, last).await? {
                    return Ok(());
                }
                Err(Error::Fenced(lease.execution_id))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn db(&self) -> &Db {
        &self.db
    }

    async fn forget_other_workers(&self, worker: WorkerId) -> Result<(), Error> {
        leases::forget_others(&self.db, worker).await
    }
}

/// Adds everything but the execution's own row. A `fresh` execution has nothing in the tables that could be cleared.
fn push(batch: &mut Batch, id: ExecutionId, rows: Rows, fresh: bool) {
    let mut each = |sql: &'static str, args: Vec<Vec<Value>>| {
        if !args.is_empty() {
            batch.push(Statement::each(sql, args));
        }
    };
    let (workspace, at) = (rows.workspace, rows.execution.at);
    let events = rows.events.into_iter();
    each(INSERT_EVENT, events.map(|event| args![id, event.seq, event.kind, event.payload, event.at]).collect());
    each(CLEAR_TIMER, rows.timers_gone.into_iter().map(|timer| args![id, timer]).collect());
    each(SET_TIMER, rows.timers_set.into_iter().map(|(timer, due_at)| args![id, timer, due_at]).collect());
    let settled = rows.settled.into_iter();
    each(
        SETTLE,
        settled
            .map(|settled| {
                args![id, settled.path, settled.status, settled.decided_by, settled.comment, settled.decided_at]
            })
            .collect(),
    );
    if rows.ended && !fresh {
        each(CLEAR_TIMERS, vec![args![id]]);
        each(CLOSE_APPROVALS, vec![args![id, at]]);
    }
    let asked = rows.asked.into_iter();
    each(ASK, asked.map(|asked| ask(id, workspace, asked)).collect());
    each(WAKE, rows.wakes.into_iter().map(|woken| args![woken, id, at]).collect());
    each(HEARD, rows.heard_of.into_iter().map(|cause| args![id, cause]).collect());
    let logs = rows.logs.into_iter();
    each(LOG, logs.map(|log| args![id, log.path, log.level, log.message, log.at]).collect());
    each(weir_events::TELL, rows.told.into_iter().map(|told| args![workspace, told, at]).collect());
}

fn ask(id: ExecutionId, workspace: WorkspaceId, asked: AskedRow) -> Vec<Value> {
    args![
        id,
        workspace,
        asked.path,
        asked.title,
        asked.description,
        asked.form,
        asked.assignee,
        asked.deadline,
        asked.status,
        asked.decided_by,
        asked.comment,
        asked.decided_at,
        asked.created_at,
    ]
}
