//! The table of credentials.

use weir_base::{CredentialId, Cursor, Page, PageRequest, Timestamp, WorkspaceId};
use weir_db::{Batch, Db, Row, Statement, args};
use weir_events::{DomainEvent, tell};

use super::{CredentialSummary, name_key};
use crate::Error;

const COLUMNS: &str = "id, name, kind, hints, version, created_by, created_at, updated_at, last_used_at";

/// Where credentials are kept.
#[derive(Debug, Clone)]
pub(super) struct Store {
    db: Db,
}

/// A credential as it is kept, for who may open it.
pub(super) struct Kept {
    pub(super) id: CredentialId,
    pub(super) sealed: String,
    pub(super) version: u64,
    pub(super) last_used_at: Option<Timestamp>,
}

impl Store {
    pub(super) const fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) const fn db(&self) -> &Db {
        &self.db
    }

    pub(super) async fn insert(
        &self,
        workspace: WorkspaceId,
        summary: &CredentialSummary,
        sealed: String,
        told: DomainEvent,
    ) -> Result<(), Error> {
        let insert = "INSERT INTO credentials (id, workspace_id, name, name_key, kind, hints, sealed, version, \
                      created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let args = args![
            summary.id,
            workspace,
            &summary.name,
            name_key(&summary.name),
            &summary.kind,
            hints_text(summary),
            sealed,
            stored_version(summary.version),
            &summary.created_by,
            summary.created_at,
            summary.updated_at,
        ];
        let batch = Batch::from(vec![Statement::new(insert, args), tell(&[told])]);
        self.db.write(batch).await.map_err(|error| name_taken(error, summary))?;
        Ok(())
    }

    /// Puts `next` in the place of what is there, if that still has version `seen`; the secret stays without another.
    pub(super) async fn replace(
        &self,
        workspace: WorkspaceId,
        next: &CredentialSummary,
        seen: u64,
        sealed: Option<String>,
        told: DomainEvent,
    ) -> Result<bool, Error> {
        let update = "UPDATE credentials SET name = $1, name_key = $2, kind = $3, hints = $4, \
                      sealed = COALESCE($5, sealed), version = $6, updated_at = $7 \
                      WHERE workspace_id = $8 AND id = $9 AND version = $10";
        let args = args![
            &next.name,
            name_key(&next.name),
            &next.kind,
            hints_text(next),
            sealed,
            stored_version(next.version),
            next.updated_at,
            workspace,
            next.id,
            stored_version(seen),
        ];
        self.write_if_seen(Statement::new(update, args), told).await.map_err(|error| name_taken(error, next))
    }

    /// Removes the credential, if it still has version `seen`.
    pub(super) async fn delete(
        &self,
        workspace: WorkspaceId,
        id: CredentialId,
        seen: u64,
        told: DomainEvent,
    ) -> Result<bool, Error> {
        let delete = "DELETE FROM credentials WHERE workspace_id = $1 AND id = $2 AND version = $3";
        let statement = Statement::new(delete, args![workspace, id, stored_version(seen)]);
        Ok(self.write_if_seen(statement, told).await?)
    }

    pub(super) async fn tell(&self, told: DomainEvent) -> Result<(), Error> {
        self.db.write(tell(&[told])).await?;
        Ok(())
    }

    pub(super) async fn summary(
        &self,
        workspace: WorkspaceId,
        id: CredentialId,
    ) -> Result<Option<CredentialSummary>, Error> {
        let query = format!("SELECT {COLUMNS} FROM credentials WHERE workspace_id = $1 AND id = $2");
        self.db.query(query, args![workspace, id]).await?.first().map(read_summary).transpose()
    }

    pub(super) async fn list(
        &self,
        workspace: WorkspaceId,
        kind: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<CredentialSummary>, Error> {
        let mut query = format!("SELECT {COLUMNS} FROM credentials WHERE workspace_id = $1 AND name_key > $2");
        let after: String = page.cursor.as_ref().map_or_else(|| Ok(String::new()), Cursor::decode)?;
        let mut args = args![workspace, after, page.limit + 1];
        if let Some(kind) = kind {
            query.push_str(" AND kind = $4");
            args.push(kind.into());
        }
        query.push_str(" ORDER BY name_key LIMIT $3");
        let rows = self.db.query(query, args).await?;
        let items = rows.iter().map(read_summary).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |item| name_key(&item.name)))
    }

    pub(super) async fn kept(&self, workspace: WorkspaceId, name_key: &str) -> Result<Option<Kept>, Error> {
        let query = "SELECT id, sealed, version, last_used_at FROM credentials \
                     WHERE workspace_id = $1 AND name_key = $2";
        let rows = self.db.query(query, args![workspace, name_key]).await?;
        let read = |row: &Row| {
            let version: i64 = row.get(2)?;
            Ok(Kept {
                id: row.get(0)?,
                sealed: row.get(1)?,
                version: version.unsigned_abs(),
                last_used_at: row.get(3)?,
            })
        };
        rows.first().map(read).transpose()
    }

    /// Notes a use, unless another process did since `noted_before`.
    pub(super) async fn note_use(
        &self,
        workspace: WorkspaceId,
        id: CredentialId,
        now: Timestamp,
        noted_before: Timestamp,
    ) -> Result<(), Error> {
        let update = "UPDATE credentials SET last_used_at = $1 WHERE workspace_id = $2 AND id = $3 \
                      AND (last_used_at IS NULL OR last_used_at <= $4)";
        self.db.write(Statement::new(update, args![now, workspace, id, noted_before])).await?;
        Ok(())
    }

    async fn write_if_seen(&self, statement: Statement, told: DomainEvent) -> Result<bool, weir_db::Error> {
        match self.db.write(Batch::from(vec![statement.exactly(1), tell(&[told])])).await {
            Ok(_) => Ok(true),
            Err(weir_db::Error::Expectation { statement: 0, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The only key of the table that is not random is the name.
fn name_taken(error: weir_db::Error, summary: &CredentialSummary) -> Error {
    match error {
        weir_db::Error::Unique { .. } => Error::CredentialNameTaken(summary.name.clone()),
        error => error.into(),
    }
}

fn hints_text(summary: &CredentialSummary) -> String {
    serde_json::Value::Object(summary.hints.clone()).to_string()
}

/// Versions count single changes: they never come near the end of the database's integers.
fn stored_version(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn read_summary(row: &Row) -> Result<CredentialSummary, Error> {
    let id: CredentialId = row.get(0)?;
    let hints: &str = row.get(3)?;
    let version: i64 = row.get(4)?;
    Ok(CredentialSummary {
        id,
        name: row.get(1)?,
        kind: row.get(2)?,
        hints: serde_json::from_str(hints).map_err(|error| Error::Corrupt {
            what: format!("the hints of credential {id}"),
            message: error.to_string(),
        })?,
        version: version.unsigned_abs(),
        created_by: row.get(5)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
        last_used_at: row.get(8)?,
    })
}
