//! What workspaces have used of what they may use.
//!
//! Executions are counted off their own rows, by the time in their ids: no start pays for the count, only that of a
//! workspace with a limit, and that seldom. In between each process counts its own starts, so several of them together
//! may let through what they start within [`COUNT_AGAIN`]. Bytes are counted as they are stored; what nodes write into
//! files is not counted, and a crash right after something was stored leaves it uncounted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate, NaiveTime};
use parking_lot::Mutex;
use uuid::Uuid;
use weir_base::{Timestamp, WorkspaceId};
use weir_db::{Db, Statement, args};

use crate::error::Error;
use crate::workspaces::{Quota, WorkspaceSettings};

/// Executions are counted again after this long.
const COUNT_AGAIN: Duration = Duration::from_secs(5);

/// Workspaces whose counts are kept in memory.
const COUNTED: u64 = 10_000;

/// What workspaces have used.
pub(crate) struct Usage {
    db: Db,
    settings: Arc<dyn WorkspaceSettings>,
    days: moka::sync::Cache<WorkspaceId, Arc<Mutex<Day>>>,
}

/// The executions of a day.
#[derive(Default)]
struct Day {
    day: NaiveDate,
    started: u64,
    counted: Option<Instant>,
}

/// A start that was let through; it counts unless it is given back.
pub(crate) struct Admitted(Option<Arc<Mutex<Day>>>);

impl Admitted {
    /// Nothing was started after all.
    pub(crate) fn give_back(self) {
        if let Some(day) = self.0 {
            let mut day = day.lock();
            day.started = day.started.saturating_sub(1);
        }
    }
}

impl Usage {
    pub(crate) fn new(db: Db, settings: Arc<dyn WorkspaceSettings>) -> Self {
        Self { db, settings, days: moka::sync::Cache::new(COUNTED) }
    }

    async fn quota(&self, workspace: WorkspaceId) -> Result<Quota, Error> {
        self.settings.quota(workspace).await
    }

    /// Lets an execution start, unless as many as may have started today.
    pub(crate) async fn admit(&self, workspace: WorkspaceId, now: Timestamp) -> Result<Admitted, Error> {
        let Some(limit) = self.quota(workspace).await?.executions_per_day else { return Ok(Admitted(None)) };
        let today = now.date_naive();
        let day = self.days.get_with(workspace, Arc::default);
        let is_stale = {
            let day = day.lock();
            day.day != today || day.counted.is_none_or(|counted| counted.elapsed() > COUNT_AGAIN)
        };
        if is_stale {
            let counted = self.count(workspace, today).await?;
            let mut day = day.lock();
            // What was let through just now may not be recorded yet.
            day.started = if day.day == today { day.started.max(counted) } else { counted };
            day.day = today;
            day.counted = Some(Instant::now());
        }
        let mut counting = day.lock();
        if counting.started >= limit {
            let tomorrow = today.checked_add_days(Days::new(1)).unwrap_or(today);
            return Err(Error::ExecutionQuota {
                limit,
                used: counting.started,
                resets_at: tomorrow.and_time(NaiveTime::MIN).and_utc(),
            });
        }
        counting.started += 1;
        drop(counting);
        Ok(Admitted(Some(day)))
    }

    async fn count(&self, workspace: WorkspaceId, day: NaiveDate) -> Result<u64, Error> {
        let midnight = day.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
        let sql = "SELECT count(*) FROM executions WHERE workspace_id = $1 AND id >= $2";
        let rows = self.db.query(sql, args![workspace, first_id(midnight)]).await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Bytes the workspace may still store; `None` without a limit.
    ///
    /// # Errors
    /// [`Error::StorageQuota`] when there is no room at all.
    pub(crate) async fn room(&self, workspace: WorkspaceId) -> Result<Option<u64>, Error> {
        let Some(limit) = self.quota(workspace).await?.stored_bytes else { return Ok(None) };
        let used = self.stored(workspace).await?;
        if used >= limit {
            return Err(Error::StorageQuota { limit, used });
        }
        Ok(Some(limit - used))
    }

    /// Bytes the workspace has stored.
    pub(crate) async fn stored(&self, workspace: WorkspaceId) -> Result<u64, Error> {
        let rows = self.db.query("SELECT bytes FROM stored_bytes WHERE workspace_id = $1", args![workspace]).await?;
        let bytes: i64 = rows.first().map_or(Ok(0), |row| row.get(0))?;
        Ok(u64::try_from(bytes).unwrap_or_default())
    }

    /// Executions the workspace has started today.
    pub(crate) async fn started_today(&self, workspace: WorkspaceId, now: Timestamp) -> Result<u64, Error> {
        self.count(workspace, now.date_naive()).await
    }

    /// Counts bytes that were stored.
    pub(crate) async fn add_stored(&self, workspace: WorkspaceId, bytes: u64) -> Result<(), Error> {
        self.change_stored(workspace, i64::try_from(bytes).unwrap_or(i64::MAX)).await
    }

    /// Counts bytes that are there no more.
    pub(crate) async fn take_stored(&self, workspace: WorkspaceId, bytes: u64) -> Result<(), Error> {
        self.change_stored(workspace, -i64::try_from(bytes).unwrap_or(i64::MAX)).await
    }

    async fn change_stored(&self, workspace: WorkspaceId, change: i64) -> Result<(), Error> {
        if change == 0 {
            return Ok(());
        }
        let sql = "INSERT INTO stored_bytes (workspace_id, bytes) VALUES ($1, $2) \
                   ON CONFLICT (workspace_id) DO UPDATE SET bytes = stored_bytes.bytes + excluded.bytes";
        self.db.write(Statement::new(sql, args![workspace, change])).await?;
        Ok(())
    }
}

/// The smallest id of version 7 of this millisecond.
fn first_id(millis: i64) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    Uuid::from_bytes(bytes)
}
