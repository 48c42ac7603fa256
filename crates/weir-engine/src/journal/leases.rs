//! Who drives what: owners, epochs and the workers that are alive. The same rows on both databases.

use weir_base::{ExecutionId, Timestamp, WorkerId};
use weir_db::{Batch, Db, Dialect, Row, Statement, args};

use super::Lease;
use crate::error::Error;

const CLAIM: &str = "UPDATE executions SET owner = $2, epoch = epoch + 1 \
     WHERE id = $1 AND (owner IS NULL OR owner = $2 \
     OR NOT EXISTS (SELECT 1 FROM workers WHERE workers.id = owner AND lease_until > $3)) \
     RETURNING id, epoch";

/// What `limit` bounds, not yet locked. The first condition is the one of the index.
const ORPHANS: &str = "SELECT id FROM executions \
     WHERE status IN ('pending', 'running') AND (owner IS NULL OR owner <> $1 \
     AND NOT EXISTS (SELECT 1 FROM workers WHERE workers.id = owner AND lease_until > $2)) \
     ORDER BY id LIMIT $3";

/// What waits or is over needs no driver: it is only let go of.
const LEFT_BEHIND: &str = "SELECT id FROM executions \
     WHERE owner IS NOT NULL AND owner <> $1 AND status NOT IN ('pending', 'running') \
     AND NOT EXISTS (SELECT 1 FROM workers WHERE workers.id = owner AND lease_until > $2)";

const HEARTBEAT: &str = "INSERT INTO workers (id, lease_until) VALUES ($1, $2) \
     ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until";

pub(super) async fn claim(db: &Db, id: ExecutionId, worker: WorkerId, now: Timestamp) -> Result<Option<Lease>, Error> {
    let written = db.write(Statement::new(CLAIM, args![id, worker, now])).await?;
    written.rows(0).first().map(lease).transpose()
}

pub(super) async fn claim_orphans(db: &Db, worker: WorkerId, now: Timestamp, limit: u32) -> Result<Vec<Lease>, Error> {
    // Rows that another process is just about to change are left to it.
    let skip = match db.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    let free = format!("UPDATE executions SET owner = NULL WHERE id IN ({LEFT_BEHIND}{skip})");
    let take = format!(
        "UPDATE executions SET owner = $1, epoch = epoch + 1 WHERE id IN ({ORPHANS}{skip}) RETURNING id, epoch"
    );
    let batch: Batch = [
        Statement::new(free, args![worker, now]),
        Statement::new(take, args![worker, now, limit]),
        Statement::new(
            "DELETE FROM workers WHERE id <> $1 AND lease_until <= $2 \
             AND NOT EXISTS (SELECT 1 FROM executions WHERE owner = workers.id)",
            args![worker, now],
        ),
    ]
    .into_iter()
    .collect();
    let written = db.write(batch).await?;
    let mut leases = written.rows(1).iter().map(lease).collect::<Result<Vec<_>, _>>()?;
    leases.sort_unstable_by_key(|lease| lease.execution_id);
    Ok(leases)
}

pub(super) async fn heartbeat(db: &Db, worker: WorkerId, until: Timestamp) -> Result<(), Error> {
    db.write(Statement::new(HEARTBEAT, args![worker, until])).await?;
    Ok(())
}

pub(super) async fn sign_off(db: &Db, worker: WorkerId) -> Result<(), Error> {
    let batch: Batch = [
        Statement::new("UPDATE executions SET owner = NULL WHERE owner = $1", args![worker]),
        Statement::new("DELETE FROM workers WHERE id = $1", args![worker]),
    ]
    .into_iter()
    .collect();
    db.write(batch).await?;
    Ok(())
}

pub(super) async fn forget_others(db: &Db, worker: WorkerId) -> Result<(), Error> {
    db.write(Statement::new("DELETE FROM workers WHERE id <> $1", args![worker])).await?;
    Ok(())
}

fn lease(row: &Row) -> Result<Lease, Error> {
    Ok(Lease { execution_id: row.get(0)?, epoch: row.get(1)? })
}
