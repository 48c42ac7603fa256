//! The tables of triggers.

use weir_base::{Page, PageRequest, Timestamp, TriggerId, WorkflowId, WorkspaceId};
use weir_db::{Batch, Db, Row, Statement, args};
use weir_events::DomainEvent;

use super::{Error, Trigger};

const COLUMNS: &str = "id, workspace_id, workflow_id, name, config, enabled, next_at, last_at, last_error, \
                       listening_until, version, created_at, updated_at";

/// The SQL of triggers.
#[derive(Debug, Clone)]
pub(super) struct TriggerStore {
    db: Db,
}

/// An event that is to start a workflow.
#[derive(Debug)]
pub(super) struct Firing {
    pub(super) trigger: TriggerId,
    pub(super) event_id: String,
    /// The event as it was told; text that is none is a damaged row.
    pub(super) event: Option<DomainEvent>,
}

impl TriggerStore {
    pub(super) const fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) async fn count(&self, workspace: WorkspaceId) -> Result<u64, Error> {
        let rows = self.db.query("SELECT COUNT(*) FROM triggers WHERE workspace_id = $1", args![workspace]).await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    pub(super) async fn insert(&self, trigger: &Trigger, told: &DomainEvent) -> Result<(), Error> {
        let insert = "INSERT INTO triggers (id, workspace_id, workflow_id, name, kind, config, enabled, path, next_at, \
                      version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
        let args = args![
            trigger.id,
            trigger.workspace,
            trigger.workflow,
            &trigger.name,
            trigger.config.kind(),
            config_text(trigger),
            trigger.enabled,
            trigger.config.path(),
            trigger.next_at,
            trigger.version,
            trigger.created_at,
            trigger.updated_at,
        ];
        let batch = Batch::from(vec![Statement::new(insert, args), weir_events::tell(std::slice::from_ref(told))]);
        self.db.write(batch).await.map(drop).map_err(|error| taken(error, trigger))
    }

    /// Puts `trigger` in the place of what is there, if that still has `version`. Answers whether it had.
    pub(super) async fn replace(&self, trigger: &Trigger, version: i64, told: &DomainEvent) -> Result<bool, Error> {
        let update = "UPDATE triggers SET name = $1, config = $2, enabled = $3, path = $4, next_at = $5, kind = $6, \
                      version = $7, updated_at = $8, last_error = NULL \
                      WHERE id = $9 AND workspace_id = $10 AND version = $11";
        let args = args![
            &trigger.name,
            config_text(trigger),
            trigger.enabled,
            trigger.config.path(),
            trigger.next_at,
            trigger.config.kind(),
            trigger.version,
            trigger.updated_at,
            trigger.id,
            trigger.workspace,
            version,
        ];
        let statements = vec![Statement::new(update, args).exactly(1), weir_events::tell(std::slice::from_ref(told))];
        match self.db.write(Batch::from(statements)).await {
            Ok(_) => Ok(true),
            Err(weir_db::Error::Expectation { statement: 0, .. }) => Ok(false),
            Err(error) => Err(taken(error, trigger)),
        }
    }

    /// Removes a trigger with what it was about to start. Answers whether it was there.
    pub(super) async fn delete(&self, trigger: &Trigger, told: &DomainEvent) -> Result<bool, Error> {
        let delete = "DELETE FROM triggers WHERE id = $1 AND workspace_id = $2";
        let firings = "DELETE FROM trigger_firings WHERE trigger_id = $1";
        let statements = vec![
            Statement::new(delete, args![trigger.id, trigger.workspace]).exactly(1),
            Statement::new(firings, args![trigger.id]),
            weir_events::tell(std::slice::from_ref(told)),
        ];
        match self.db.write(Batch::from(statements)).await {
            Ok(_) => Ok(true),
            Err(weir_db::Error::Expectation { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn trigger(&self, workspace: WorkspaceId, id: TriggerId) -> Result<Option<Trigger>, Error> {
        let query = format!("SELECT {COLUMNS} FROM triggers WHERE id = $1 AND workspace_id = $2");
        self.db.query(query, args![id, workspace]).await?.first().map(read).transpose()
    }

    /// The trigger of an event, wherever it belongs: its firing was recorded within its workspace.
    pub(super) async fn of_firing(&self, id: TriggerId) -> Result<Option<Trigger>, Error> {
        let query = format!("SELECT {COLUMNS} FROM triggers WHERE id = $1");
        self.db.query(query, args![id]).await?.first().map(read).transpose()
    }

    /// The trigger that listens at this address; its workspace is found by it.
    pub(super) async fn at(&self, kind: &str, path: &str) -> Result<Option<Trigger>, Error> {
        let query = format!("SELECT {COLUMNS} FROM triggers WHERE path = $1 AND kind = $2");
        self.db.query(query, args![path, kind]).await?.first().map(read).transpose()
    }

    /// Oldest first.
    pub(super) async fn list(
        &self,
        workspace: WorkspaceId,
        workflow: Option<WorkflowId>,
        page: &PageRequest,
    ) -> Result<Page<Trigger>, Error> {
        let mut query = format!("SELECT {COLUMNS} FROM triggers WHERE workspace_id = $1");
        let mut args = args![workspace];
        if let Some(workflow) = workflow {
            args.push(workflow.into());
            query.push_str(" AND workflow_id = $2");
        }
        if let Some(cursor) = &page.cursor {
            args.push(cursor.decode::<uuid::Uuid>()?.into());
            query.push_str(&format!(" AND id > ${}", args.len()));
        }
        args.push((page.limit + 1).into());
        query.push_str(&format!(" ORDER BY id LIMIT ${}", args.len()));
        let rows = self.db.query(query, args).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |trigger| trigger.id.as_uuid()))
    }

    /// Schedules whose moment has come, the longest overdue first.
    pub(super) async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Trigger>, Error> {
        let query = format!("SELECT {COLUMNS} FROM triggers WHERE next_at <= $1 ORDER BY next_at LIMIT $2");
        Ok(readable(&self.db.query(query, args![now, limit]).await?))
    }

    /// When the next schedule is due after `now`.
    pub(super) async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let rows = self.db.query("SELECT MIN(next_at) FROM triggers WHERE next_at > $1", args![now]).await?;
        Ok(rows.first().map_or(Ok(None), |row| row.get(0))?)
    }

    /// Notes what came of the moment `trigger.next_at`, unless another process or a change came first.
    pub(super) async fn advance(
        &self,
        trigger: &Trigger,
        next_at: Option<Timestamp>,
        fired_at: Option<Timestamp>,
        error: Option<String>,
    ) -> Result<(), Error> {
        let update = "UPDATE triggers SET next_at = $1, last_at = COALESCE($2, last_at), last_error = $3 \
                      WHERE id = $4 AND next_at = $5 AND version = $6";
        let args = args![next_at, fired_at, error, trigger.id, trigger.next_at, trigger.version];
        Ok(self.db.write(Statement::new(update, args)).await.map(drop)?)
    }

    /// Notes when it last fired, or why it did not.
    pub(super) async fn note(&self, id: TriggerId, at: Timestamp, error: Option<String>) -> Result<(), Error> {
        let update = "UPDATE triggers SET last_at = $1, last_error = $2 WHERE id = $3";
        Ok(self.db.write(Statement::new(update, args![at, error, id])).await.map(drop)?)
    }

    /// Lets the test address run the draft until then, or no more.
    pub(super) async fn listen(&self, id: TriggerId, until: Option<Timestamp>) -> Result<(), Error> {
        let update = "UPDATE triggers SET listening_until = $1 WHERE id = $2";
        Ok(self.db.write(Statement::new(update, args![until, id])).await.map(drop)?)
    }

    /// Takes the one request a test address listens for. Answers whether it still listened.
    pub(super) async fn heard(&self, id: TriggerId, now: Timestamp) -> Result<bool, Error> {
        let update = "UPDATE triggers SET listening_until = NULL WHERE id = $1 AND listening_until > $2";
        Ok(self.db.write(Statement::new(update, args![id, now])).await?.affected(0) == 1)
    }

    /// The event triggers of a workspace that are switched on.
    pub(super) async fn listeners(&self, workspace: WorkspaceId) -> Result<Vec<Trigger>, Error> {
        let query = format!("SELECT {COLUMNS} FROM triggers WHERE workspace_id = $1 AND kind = 'event' AND enabled");
        Ok(readable(&self.db.query(query, args![workspace]).await?))
    }

    /// The statement that remembers an event for a trigger, once.
    pub(super) fn remember(trigger: TriggerId, event: &DomainEvent) -> Statement {
        let insert = "INSERT INTO trigger_firings (trigger_id, event_id, event, at) VALUES ($1, $2, $3, $4) \
                      ON CONFLICT DO NOTHING";
        // Texts, times and JSON values always serialise.
        let text = serde_json::to_string(event).unwrap_or_default();
        Statement::new(insert, args![trigger, &event.id, text, event.at])
    }

    /// The statement that switches off all triggers of a workspace.
    pub(super) fn silence(workspace: WorkspaceId, at: Timestamp) -> Statement {
        let update = "UPDATE triggers SET enabled = FALSE, next_at = NULL, listening_until = NULL, \
                      version = version + 1, updated_at = $1 \
                      WHERE workspace_id = $2 AND (enabled OR listening_until IS NOT NULL)";
        Statement::new(update, args![at, workspace])
    }

    /// Events that wait to start a workflow, the oldest first.
    pub(super) async fn firings(&self, limit: u32) -> Result<Vec<Firing>, Error> {
        let query = "SELECT trigger_id, event_id, event FROM trigger_firings ORDER BY at, event_id LIMIT $1";
        let rows = self.db.query(query, args![limit]).await?;
        let read = |row: &Row| {
            let event: &str = row.get(2)?;
            Ok(Firing { trigger: row.get(0)?, event_id: row.get(1)?, event: serde_json::from_str(event).ok() })
        };
        rows.iter().map(read).collect()
    }

    pub(super) async fn forget(&self, firing: &Firing) -> Result<(), Error> {
        let delete = "DELETE FROM trigger_firings WHERE trigger_id = $1 AND event_id = $2";
        Ok(self.db.write(Statement::new(delete, args![firing.trigger, &firing.event_id])).await.map(drop)?)
    }
}

/// Triggers of whoever they are: one that cannot be read must not keep the others from firing.
fn readable(rows: &[Row]) -> Vec<Trigger> {
    let read = |row| read(row).inspect_err(|error| tracing::error!(%error, "a trigger is left out")).ok();
    rows.iter().filter_map(read).collect()
}

fn config_text(trigger: &Trigger) -> String {
    // Texts and JSON values always serialise.
    serde_json::to_string(&trigger.config).unwrap_or_default()
}

fn taken(error: weir_db::Error, trigger: &Trigger) -> Error {
    match (error, trigger.config.path()) {
        (weir_db::Error::Unique { .. }, Some(path)) => Error::Taken(path.to_owned()),
        (error, _) => error.into(),
    }
}

fn read(row: &Row) -> Result<Trigger, Error> {
    let id: TriggerId = row.get(0)?;
    let config: &str = row.get(4)?;
    Ok(Trigger {
        id,
        workspace: row.get(1)?,
        workflow: row.get(2)?,
        name: row.get(3)?,
        config: serde_json::from_str(config).map_err(|error| Error::Corrupt { id, message: error.to_string() })?,
        enabled: row.get(5)?,
        next_at: row.get(6)?,
        last_at: row.get(7)?,
        last_error: row.get(8)?,
        listening_until: row.get(9)?,
        version: row.get(10)?,
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
    })
}
