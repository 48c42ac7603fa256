//! What the journals are asked, the same on both databases.

use weir_base::{ExecutionId, Timestamp};
use weir_core::event::{ExecutionStarted, JournalEvent};
use weir_db::{Db, Dialect, Statement, args};

use super::{DueTimer, Lease, Wakeup, rows};
use crate::error::Error;

/// The execution of the same workspace that was created before under the id of `new` or under this key.
pub(crate) async fn existing(db: &Db, new: &ExecutionStarted, key: Option<String>) -> Result<ExecutionId, Error> {
    let (id, workspace) = (new.execution_id, new.workspace_id);
    let nobody = match db.dialect() {
        Dialect::Sqlite => "x''",
        Dialect::Postgres => "'00000000-0000-0000-0000-000000000000'::uuid",
    };
    let with_key = format!(
        "SELECT id FROM executions WHERE workspace_id = $1 AND idempotency_key = $2 \
         AND COALESCE(workflow_id, {nobody}) = COALESCE($3, {nobody}) AND idempotency_key IS NOT NULL"
    );
    let with_id = "SELECT id FROM executions WHERE id = $1 AND workspace_id = $2";
    let mut found = db.query(with_id, args![id, workspace]).await?;
    if found.is_empty() {
        found = db.query(with_key, args![workspace, key, new.workflow_id]).await?;
    }
    // Whatever stood in the way may be gone by now only if somebody deleted it.
    found.first().map_or(Err(Error::NoExecution(id)), |row| Ok(row.get(0)?))
}

pub(super) async fn due_timers(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<DueTimer>, Error> {
    let sql = "SELECT execution_id, timer FROM timers WHERE due_at <= $1 ORDER BY due_at, execution_id LIMIT $2";
    let rows = db.query(sql, args![now, limit]).await?;
    rows.iter()
        .map(|row| {
            let timer: i64 = row.get(1)?;
            Ok(DueTimer { execution_id: row.get(0)?, timer: u32::try_from(timer).unwrap_or(u32::MAX) })
        })
        .collect()
}

pub(super) async fn next_due(db: &Db, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let rows = db.query("SELECT MIN(due_at) FROM timers WHERE due_at > $1", args![now]).await?;
    Ok(rows.first().map_or(Ok(None), |row| row.get(0))?)
}

pub(super) async fn read(db: &Db, id: ExecutionId, after: u64, limit: u32) -> Result<Vec<JournalEvent>, Error> {
    let columns = rows::EVENT_COLUMNS;
    let sql =
        format!("SELECT {columns} FROM execution_events WHERE execution_id = $1 AND seq > $2 ORDER BY seq LIMIT $3");
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let found = db.query(sql, args![id, after, limit]).await?;
    found.iter().map(|row| rows::event(id, row)).collect()
}

pub(super) async fn wakeups(db: &Db, limit: u32) -> Result<Vec<Wakeup>, Error> {
    let found = db.query("SELECT execution_id, cause FROM wakeups ORDER BY at, cause LIMIT $1", args![limit]).await?;
    found.iter().map(|row| Ok(Wakeup { execution_id: row.get(0)?, cause: row.get(1)? })).collect()
}

pub(super) async fn forget_wakeup(db: &Db, wakeup: Wakeup) -> Result<(), Error> {
    let sql = "DELETE FROM wakeups WHERE execution_id = $1 AND cause = $2";
    db.write(Statement::new(sql, args![wakeup.execution_id, wakeup.cause])).await?;
    Ok(())
}

/// Whether the record ends with just this append, written under the same lease: its answer was lost on the way, and the
/// driver sent it again.
pub(super) async fn was_kept(db: &Db, lease: Lease, last: Option<(i64, String)>) -> Result<bool, Error> {
    let Some((seq, payload)) = last else { return Ok(false) };
    let sql = "SELECT 1 FROM executions AS e JOIN execution_events AS v ON v.execution_id = e.id AND v.seq = e.seq \
               WHERE e.id = $1 AND e.epoch = $2 AND e.seq = $3 AND v.payload = $4";
    let found = db.query(sql, args![lease.execution_id, lease.epoch, seq, payload]).await?;
    Ok(!found.is_empty())
}
