//! Deliveries: events on their way to webhooks and by notification rules, and what became of them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;
use weir_base::{Page, PageRequest, Timestamp, WorkspaceId};
use weir_db::{Batch, Db, Dialect, Row, Statement, args};

use crate::retention::remove_in_parts;
use crate::sending::{Due, Turn};
use crate::{DomainEvent, Error};

/// The columns of a [`Delivery`].
const COLUMNS: &str = "event_id, kind, subject, status, attempts, next_at, last_status, last_error, response, \
                       created_at, updated_at, position";

/// What may be sent now: its moment has come, nobody is sending it, and no earlier event of its subject is on its way
/// to the same receiver. `$1` is now.
const IS_DUE: &str = "d.status = 'pending' AND d.next_at <= $1 \
                      AND (d.claimed_until IS NULL OR d.claimed_until <= $1) \
                      AND NOT EXISTS (SELECT 1 FROM event_deliveries e WHERE e.receiver = d.receiver \
                      AND e.subject = d.subject AND e.status = 'pending' AND e.position < d.position)";

/// Processes take turns in claiming, so that together they keep to the limit of a receiver. An arbitrary number.
const CLAIM_LOCK: &str = "SELECT pg_advisory_xact_lock(7365002391)";

/// An event that was or is to be sent somewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Which event; with the receiver it names the delivery.
    pub event_id: String,
    /// What happened.
    pub kind: String,
    /// To which thing.
    pub subject: String,
    /// Whether it arrived.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next, at the earliest; only while it is pending.
    pub next_at: Option<Timestamp>,
    /// The HTTP status of the last answer.
    pub last_status: Option<i64>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// The beginning of the last answer.
    pub response: Option<String>,
    /// When the event was read from the log.
    pub created_at: Timestamp,
    /// When it was last tried, or asked for again.
    pub updated_at: Timestamp,
    position: i64,
}

/// Whether an event arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// It is being tried.
    Pending,
    /// It arrived.
    Delivered,
    /// It was tried as often as is sensible; it can be sent again.
    Failed,
}

/// A word that is no status of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no status of a delivery: those are pending, delivered and failed")]
pub struct UnknownDeliveryStatus(String);

impl DeliveryStatus {
    /// The word used in the API and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for DeliveryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeliveryStatus {
    type Err = UnknownDeliveryStatus;

    fn from_str(word: &str) -> Result<Self, UnknownDeliveryStatus> {
        let all = [Self::Pending, Self::Delivered, Self::Failed];
        let found = all.into_iter().find(|status| status.as_str() == word);
        found.ok_or_else(|| UnknownDeliveryStatus(word.chars().take(64).collect()))
    }
}

/// A delivery that this process is to try.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) position: i64,
    pub(crate) claim: Uuid,
    pub(crate) workspace: WorkspaceId,
    pub(crate) receiver: Uuid,
    pub(crate) event_id: String,
    /// The event as it was told; text that is none is a damaged row.
    pub(crate) event: Option<DomainEvent>,
    /// Which try this is, from 1.
    pub(crate) attempt: i64,
}

/// What became of a try.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) status: DeliveryStatus,
    pub(crate) next_at: Timestamp,
    pub(crate) last_status: Option<u16>,
    pub(crate) last_error: Option<String>,
    pub(crate) response: Option<String>,
}

/// The SQL of deliveries.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryStore {
    db: Db,
}

impl DeliveryStore {
    pub(crate) const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Puts events on their way, each with the receivers it is for.
    pub(crate) fn insertion(sent: &[(&DomainEvent, WorkspaceId, Vec<Uuid>)], now: Timestamp) -> Statement {
        let insert = "INSERT INTO event_deliveries \
                      (workspace_id, receiver, event_id, kind, subject, event, status, next_at, created_at, updated_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $7, $7) ON CONFLICT (receiver, event_id) DO NOTHING";
        let mut rows = Vec::new();
        for (event, workspace, receivers) in sent {
            // Strings, numbers and JSON values always serialise.
            let body: Arc<str> = serde_json::to_string(event).unwrap_or_default().into();
            let row = |receiver: &Uuid| {
                let body = Arc::clone(&body);
                args![*workspace, *receiver, &event.id, &event.kind, &event.subject, body, now]
            };
            rows.extend(receivers.iter().map(row));
        }
        Statement::each(insert, rows)
    }

    /// The receivers that something may be sent to now.
    pub(crate) async fn due_receivers(&self, now: Timestamp) -> Result<Vec<Due>, Error> {
        let query = format!(
            "SELECT r.workspace_id, r.id FROM (SELECT workspace_id, id FROM webhooks WHERE enabled \
             UNION ALL SELECT workspace_id, id FROM notification_rules WHERE enabled) r \
             WHERE EXISTS (SELECT 1 FROM event_deliveries d WHERE d.receiver = r.id AND {IS_DUE})"
        );
        let read = |row: &Row| Ok(Due { workspace: row.get(0)?, receiver: row.get(1)? });
        self.db.query(query, args![now]).await?.iter().map(read).collect()
    }

    /// Takes what may be sent in these turns, so that nobody else sends it before `until`; at most as many of one
    /// receiver as its turn says are taken at any moment, by all processes together.
    pub(crate) async fn claim(&self, turns: &[Turn], now: Timestamp, until: Timestamp) -> Result<Vec<Job>, Error> {
        let claim = Uuid::now_v7();
        let update = format!(
            "UPDATE event_deliveries SET claim = $2, claimed_until = $3, attempts = attempts + 1 WHERE position IN \
             (SELECT d.position FROM event_deliveries d WHERE d.receiver = $4 AND {IS_DUE} \
             ORDER BY d.next_at, d.position LIMIT \
             (SELECT CASE WHEN COUNT(*) >= $5 THEN 0 ELSE $5 - COUNT(*) END FROM event_deliveries c \
             WHERE c.receiver = $4 AND c.status = 'pending' AND c.claimed_until > $1)) \
             AND status = 'pending' AND (claimed_until IS NULL OR claimed_until <= $1) \
             RETURNING position, workspace_id, receiver, event_id, event, attempts"
        );
        let row = |turn: &Turn| args![now, claim, until, turn.receiver, u32::try_from(turn.most).unwrap_or(u32::MAX)];
        let rows = turns.iter().map(row).collect();
        let mut batch = Batch::new();
        if self.db.dialect() == Dialect::Postgres {
            batch.push(Statement::new(CLAIM_LOCK, Vec::new()));
        }
        let place = batch.len();
        batch.push(Statement::each(update, rows));
        let written = self.db.write(batch).await?;
        let job = |row: &Row| {
            Ok(Job {
                position: row.get(0)?,
                claim,
                workspace: row.get(1)?,
                receiver: row.get(2)?,
                event_id: row.get(3)?,
                event: serde_json::from_str(row.get(4)?).ok(),
                attempt: row.get(5)?,
            })
        };
        written.rows(place).iter().map(job).collect()
    }

    /// Notes what became of a try, in the first place of a batch: it holds only while the claim does.
    pub(crate) fn tried(job: &Job, tried: &Tried, now: Timestamp) -> Statement {
        let update = "UPDATE event_deliveries SET status = $1, next_at = $2, last_status = $3, last_error = $4, \
                      response = $5, updated_at = $6, claim = NULL, claimed_until = NULL \
                      WHERE position = $7 AND claim = $8";
        let args = args![
            tried.status.as_str(),
            tried.next_at,
            tried.last_status,
            tried.last_error.clone(),
            tried.response.clone(),
            now,
            job.position,
            job.claim,
        ];
        Statement::new(update, args).exactly(1)
    }

    /// The deliveries to a receiver, the newest first.
    pub(crate) async fn list(
        &self,
        workspace: WorkspaceId,
        receiver: Uuid,
        status: Option<DeliveryStatus>,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, Error> {
        let before: i64 = page.cursor.as_ref().map_or(Ok(i64::MAX), weir_base::Cursor::decode)?;
        let mut query = format!(
            "SELECT {COLUMNS} FROM event_deliveries WHERE workspace_id = $1 AND receiver = $2 AND position < $3"
        );
        let mut args = args![workspace, receiver, before, page.limit + 1];
        if let Some(status) = status {
            args.push(status.as_str().into());
            query.push_str(" AND status = $5");
        }
        query.push_str(" ORDER BY position DESC LIMIT $4");
        let rows = self.db.query(query, args).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |delivery| delivery.position))
    }

    /// Sends what has arrived or failed once more, from the first try on.
    pub(crate) async fn redeliver(
        &self,
        workspace: WorkspaceId,
        receiver: Uuid,
        event_id: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let update = "UPDATE event_deliveries SET status = 'pending', attempts = 0, next_at = $1, updated_at = $1 \
                      WHERE workspace_id = $2 AND receiver = $3 AND event_id = $4 AND status <> 'pending'";
        let args = args![now, workspace, receiver, event_id];
        if self.db.write(Statement::new(update, args)).await?.affected(0) == 1 {
            return Ok(());
        }
        let query = "SELECT 1 FROM event_deliveries WHERE workspace_id = $1 AND receiver = $2 AND event_id = $3";
        let is_there = !self.db.query(query, args![workspace, receiver, event_id]).await?.is_empty();
        let named: String = event_id.chars().take(100).collect();
        Err(if is_there { Error::StillPending(named) } else { Error::NoDelivery(named) })
    }

    /// Sends once more what failed; answers how many those are.
    pub(crate) async fn redeliver_failed(
        &self,
        workspace: WorkspaceId,
        receiver: Uuid,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let update = "UPDATE event_deliveries SET status = 'pending', attempts = 0, next_at = $1, updated_at = $1 \
                      WHERE workspace_id = $2 AND receiver = $3 AND status = 'failed'";
        Ok(self.db.write(Statement::new(update, args![now, workspace, receiver])).await?.affected(0))
    }

    /// Forgets everything that was sent to a receiver.
    pub(crate) fn removal(workspace: WorkspaceId, receiver: Uuid) -> Statement {
        let delete = "DELETE FROM event_deliveries WHERE workspace_id = $1 AND receiver = $2";
        Statement::new(delete, args![workspace, receiver])
    }

    /// Forgets what is still to be sent for a workspace.
    pub(crate) fn abandoning(workspace: WorkspaceId) -> Statement {
        let delete = "DELETE FROM event_deliveries WHERE workspace_id = $1 AND status = 'pending'";
        Statement::new(delete, args![workspace])
    }

    /// Forgets the deliveries of events that were read before `instant`; answers how many.
    pub(crate) async fn purge(&self, instant: Timestamp) -> Result<u64, Error> {
        let delete = "DELETE FROM event_deliveries WHERE position IN \
                      (SELECT position FROM event_deliveries WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
        remove_in_parts(&self.db, |limit| Statement::new(delete, args![instant, limit]).into(), 0).await
    }

    /// How many are on their way, and how many failed; in all workspaces.
    pub(crate) async fn counts(&self) -> Result<(u64, u64), Error> {
        let query = "SELECT COUNT(CASE WHEN status = 'pending' THEN 1 END), \
                     COUNT(CASE WHEN status = 'failed' THEN 1 END) FROM event_deliveries";
        let rows = self.db.query(query, Vec::new()).await?;
        let Some(row) = rows.first() else { return Ok((0, 0)) };
        let (pending, failed): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok((pending.unsigned_abs(), failed.unsigned_abs()))
    }
}

fn read(row: &Row) -> Result<Delivery, Error> {
    let status: &str = row.get(3)?;
    let status = status.parse().map_err(|error: UnknownDeliveryStatus| Error::Corrupt {
        what: "the status of a delivery".to_owned(),
        message: error.to_string(),
    })?;
    let next_at: Timestamp = row.get(5)?;
    Ok(Delivery {
        event_id: row.get(0)?,
        kind: row.get(1)?,
        subject: row.get(2)?,
        status,
        attempts: row.get(4)?,
        next_at: (status == DeliveryStatus::Pending).then_some(next_at),
        last_status: row.get(6)?,
        last_error: row.get(7)?,
        response: row.get(8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
        position: row.get(11)?,
    })
}
