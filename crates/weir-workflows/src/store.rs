//! The tables of workflows and their versions.

use serde_json::Value;
use uuid::Uuid;
use weir_base::{InvalidCursor, Page, PageRequest, Timestamp, WorkflowId, WorkspaceId};
use weir_db::{Batch, Db, Statement, args};
use weir_events::{DomainEvent, tell};

use crate::{Error, Filter, SortKey, Summary, Version, VersionSummary, Workflow};

/// So many characters of a name are sorted by, which keeps it short enough for PostgreSQL's index.
const SORTED_CHARS: usize = 200;

/// So many ids are told when a name is ambiguous.
const TOLD_IDS: u32 = 10;

const COLUMNS: &str = "id, name, description, tags, status, revision, latest_version, created_at, updated_at, \
                       published_at, deleted_at, workspace_id";

/// Where workflows are kept; deleted ones are here until they are purged.
#[derive(Debug, Clone)]
pub(crate) struct WorkflowStore {
    db: Db,
}

/// A workflow as its row has it.
pub(crate) struct Row {
    /// With the revision that the row has: a live draft may be further.
    pub(crate) summary: Summary,
    /// The row of the live document's log that the draft has.
    pub(crate) draft_seq: u64,
}

impl Row {
    /// The workflow when its document is at this row of its log.
    pub(crate) fn at(&self, seq: u64) -> Summary {
        let revision = self.summary.revision + seq.saturating_sub(self.draft_seq);
        Summary { revision, ..self.summary.clone() }
    }
}

impl WorkflowStore {
    pub(crate) const fn new(db: Db) -> Self {
        Self { db }
    }

    pub(crate) async fn insert(&self, workflow: &Workflow, told: DomainEvent) -> Result<(), Error> {
        self.db.write(vec![insertion(workflow), tell(&[told])]).await?;
        Ok(())
    }

    /// Stores the workflow under the key, unless the key was used after `forgotten_before`. Answers whether it did.
    pub(crate) async fn insert_once(
        &self,
        workflow: &Workflow,
        key: &str,
        forgotten_before: Timestamp,
        told: DomainEvent,
    ) -> Result<bool, Error> {
        let summary = &workflow.summary;
        let forget = "DELETE FROM workflow_creations WHERE created_at < $1";
        let remember = "INSERT INTO workflow_creations (workspace_id, idempotency_key, workflow_id, created_at) \
                        VALUES ($1, $2, $3, $4)";
        let mut batch = Batch::from(Statement::new(forget, args![forgotten_before]));
        batch.push(Statement::new(remember, args![summary.workspace_id, key, summary.id, summary.created_at]));
        batch.push(insertion(workflow));
        batch.push(tell(&[told]));
        match self.db.write(batch).await {
            Ok(_) => Ok(true),
            Err(weir_db::Error::Unique { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The workflow that was made under this key of the workspace.
    pub(crate) async fn created_under(&self, workspace: WorkspaceId, key: &str) -> Result<Option<WorkflowId>, Error> {
        let query = "SELECT workflow_id FROM workflow_creations WHERE workspace_id = $1 AND idempotency_key = $2";
        let rows = self.db.query(query, args![workspace, key]).await?;
        Ok(rows.first().map(|row| row.get(0)).transpose()?)
    }

    /// Puts `next` in the place of what is there but for the draft, with the version it came with, if what is there
    /// is still `seen`. Answers whether it was.
    pub(crate) async fn replace(
        &self,
        seen: &Row,
        next: &Summary,
        published: Option<&Version>,
        told: DomainEvent,
    ) -> Result<bool, Error> {
        let update = "UPDATE workflows SET tags = $1, status = $2, revision = revision + 1, latest_version = $3, \
                      updated_at = $4, published_at = $5, deleted_at = $6 \
                      WHERE id = $7 AND revision = $8 AND workspace_id = $9";
        let args = args![
            tag_lines(&next.tags),
            next.status.as_str(),
            next.latest_version,
            next.updated_at,
            next.published_at,
            next.deleted_at,
            next.id,
            count(seen.summary.revision),
            next.workspace_id,
        ];
        let mut batch = Batch::from(Statement::new(update, args).exactly(1));
        if let Some(Version { summary: version, document }) = published {
            let insert = "INSERT INTO workflow_versions (workflow_id, number, hash, document, published_at) \
                          VALUES ($1, $2, $3, $4, $5)";
            let args = args![next.id, version.number, &version.hash, document.to_string(), version.published_at];
            batch.push(Statement::new(insert, args));
        }
        batch.push(tell(&[told]));
        match self.db.write(batch).await {
            Ok(_) => Ok(true),
            Err(weir_db::Error::Expectation { statement: 0, .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes down the draft as it is at this row of its log, and `next`, which tells of it, if what is there is still
    /// `seen`. Answers whether it was.
    pub(crate) async fn keep_draft(
        &self,
        seen: &Row,
        seq: u64,
        next: &Summary,
        draft: &Value,
        told: DomainEvent,
    ) -> Result<bool, Error> {
        let update = "UPDATE workflows SET name = $1, sort_name = $2, description = $3, search = $4, draft = $5, \
                      draft_seq = $6, revision = $7, updated_at = $8 WHERE id = $9 AND revision = $10";
        let args = args![
            &next.name,
            sort_name(&next.name),
            next.description.clone(),
            search_text(next),
            draft.to_string(),
            count(seq),
            count(next.revision),
            next.updated_at,
            next.id,
            count(seen.summary.revision),
        ];
        let batch = vec![Statement::new(update, args).exactly(1), tell(&[told])];
        match self.db.write(batch).await {
            Ok(_) => Ok(true),
            Err(weir_db::Error::Expectation { statement: 0, .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The row of a workflow, deleted or not.
    pub(crate) async fn row(&self, id: WorkflowId) -> Result<Option<Row>, Error> {
        let query = format!("SELECT {COLUMNS}, draft_seq FROM workflows WHERE id = $1");
        let rows = self.db.query(query, args![id]).await?;
        let read = |row: &weir_db::Row| {
            let seq: i64 = row.get(12)?;
            let draft_seq = u64::try_from(seq).map_err(|error| Error::Corrupt {
                id,
                what: "the draft's place in its log",
                message: error.to_string(),
            })?;
            Ok(Row { summary: read_summary(row)?, draft_seq })
        };
        rows.first().map(read).transpose()
    }

    /// The draft that was last written down.
    pub(crate) async fn draft(&self, id: WorkflowId) -> Result<Option<Value>, Error> {
        let rows = self.db.query("SELECT draft FROM workflows WHERE id = $1", args![id]).await?;
        rows.first().map(|row| read_json(row.get(0)?, id, "the draft")).transpose()
    }

    /// The workflow without its draft, deleted or not.
    pub(crate) async fn summary(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Option<Summary>, Error> {
        let query = format!("SELECT {COLUMNS} FROM workflows WHERE id = $1 AND workspace_id = $2");
        let rows = self.db.query(query, args![id, workspace]).await?;
        rows.first().map(read_summary).transpose()
    }

    /// Some of the workflows of exactly this name that are not deleted.
    pub(crate) async fn named(&self, workspace: WorkspaceId, name: &str) -> Result<Vec<WorkflowId>, Error> {
        let query = "SELECT id FROM workflows WHERE workspace_id = $1 AND sort_name = $2 AND name = $3 \
                     AND deleted_at IS NULL ORDER BY id LIMIT $4";
        let rows = self.db.query(query, args![workspace, sort_name(name), name, TOLD_IDS]).await?;
        rows.iter().map(|row| Ok(row.get(0)?)).collect()
    }

    pub(crate) async fn list(
        &self,
        workspace: WorkspaceId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page<Summary>, Error> {
        let sort = filter.sort;
        let mut args = args![workspace];
        let mut place = |value: weir_db::Value| {
            args.push(value);
            format!("${}", args.len())
        };
        let mut query = format!("SELECT {COLUMNS} FROM workflows WHERE workspace_id = $1 AND deleted_at IS ");
        query.push_str(if filter.deleted { "NOT NULL" } else { "NULL" });
        if !filter.statuses.is_empty() {
            let words: Vec<String> = filter.statuses.iter().map(|status| place(status.as_str().into())).collect();
            query.push_str(&format!(" AND status IN ({})", words.join(", ")));
        }
        if let Some(tag) = &filter.tag {
            query.push_str(&format!(" AND tags LIKE {} ESCAPE '!'", place(containing(&format!("\n{tag}\n")).into())));
        }
        if let Some(q) = &filter.q {
            query.push_str(&format!(" AND search LIKE {} ESCAPE '!'", place(containing(&q.to_lowercase()).into())));
        }
        let column = match sort.by {
            SortKey::Name => "sort_name",
            SortKey::CreatedAt => "created_at",
            SortKey::UpdatedAt => "updated_at",
        };
        if let Some(cursor) = &page.cursor {
            let (by, key, id): (String, SortValue, Uuid) = cursor.decode()?;
            if by != column {
                return Err(InvalidCursor.into());
            }
            let key = match key {
                SortValue::Text(text) => text.into(),
                SortValue::Micros(micros) => Timestamp::from_timestamp_micros(micros).ok_or(InvalidCursor)?.into(),
            };
            let after = if sort.descending { "<" } else { ">" };
            query.push_str(&format!(" AND ({column}, id) {after} ({}, {})", place(key), place(id.into())));
        }
        let direction = if sort.descending { "DESC" } else { "ASC" };
        let limit = place((page.limit + 1).into());
        query.push_str(&format!(" ORDER BY {column} {direction}, id {direction} LIMIT {limit}"));
        let rows = self.db.query(query, args).await?;
        let items = rows.iter().map(read_summary).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |item| (column, sort_value(item, sort.by), item.id.as_uuid())))
    }

    /// Newest first.
    pub(crate) async fn versions(&self, id: WorkflowId, page: &PageRequest) -> Result<Page<VersionSummary>, Error> {
        let before = page.cursor.as_ref().map_or(Ok(u32::MAX), weir_base::Cursor::decode)?;
        let query = "SELECT number, hash, published_at FROM workflow_versions \
                     WHERE workflow_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3";
        let rows = self.db.query(query, args![id, before, page.limit + 1]).await?;
        let items = rows.iter().map(|row| read_version(row, id)).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |version| version.number))
    }

    pub(crate) async fn version(&self, id: WorkflowId, number: u32) -> Result<Option<Version>, Error> {
        let query = "SELECT number, hash, published_at, document FROM workflow_versions \
                     WHERE workflow_id = $1 AND number = $2";
        let rows = self.db.query(query, args![id, number]).await?;
        rows.first()
            .map(|row| {
                Ok(Version { summary: read_version(row, id)?, document: read_json(row.get(3)?, id, "a version")? })
            })
            .transpose()
    }

    /// The hash of a version's document.
    pub(crate) async fn version_hash(&self, id: WorkflowId, number: u32) -> Result<Option<String>, Error> {
        let query = "SELECT hash FROM workflow_versions WHERE workflow_id = $1 AND number = $2";
        let rows = self.db.query(query, args![id, number]).await?;
        Ok(rows.first().map(|row| row.get(0)).transpose()?)
    }

    /// Removes what was deleted before `instant`, with its versions. Answers which workflows that were.
    pub(crate) async fn purge(&self, instant: Timestamp) -> Result<Vec<WorkflowId>, Error> {
        let delete = "DELETE FROM workflows WHERE deleted_at < $1 RETURNING id";
        let written = self.db.write(Statement::new(delete, args![instant])).await?;
        written.rows(0).iter().map(|row| Ok(row.get(0)?)).collect()
    }
}

fn insertion(workflow: &Workflow) -> Statement {
    let Workflow { summary, draft } = workflow;
    let insert = "INSERT INTO workflows (id, name, sort_name, description, search, tags, status, draft, revision, \
                  latest_version, created_at, updated_at, published_at, deleted_at, workspace_id) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    let args = args![
        summary.id,
        &summary.name,
        sort_name(&summary.name),
        summary.description.clone(),
        search_text(summary),
        tag_lines(&summary.tags),
        summary.status.as_str(),
        draft.to_string(),
        count(summary.revision),
        summary.latest_version,
        summary.created_at,
        summary.updated_at,
        summary.published_at,
        summary.deleted_at,
        summary.workspace_id,
    ];
    Statement::new(insert, args)
}

/// The part of a workflow that a list is sorted by, as a cursor carries it.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum SortValue {
    Micros(i64),
    Text(String),
}

fn sort_value(summary: &Summary, by: SortKey) -> SortValue {
    match by {
        SortKey::Name => SortValue::Text(sort_name(&summary.name)),
        SortKey::CreatedAt => SortValue::Micros(summary.created_at.timestamp_micros()),
        SortKey::UpdatedAt => SortValue::Micros(summary.updated_at.timestamp_micros()),
    }
}

fn sort_name(name: &str) -> String {
    name.chars().take(SORTED_CHARS).collect::<String>().to_lowercase()
}

/// Lower case is made here because SQLite knows that of ASCII only.
fn search_text(summary: &Summary) -> String {
    format!("{}\n{}", summary.name, summary.description.as_deref().unwrap_or_default()).to_lowercase()
}

fn tag_lines(tags: &[String]) -> String {
    tags.iter().map(|tag| format!("\n{tag}\n")).collect()
}

/// A `LIKE` pattern for texts with `text` somewhere.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for char in text.chars() {
        if matches!(char, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}

/// Revisions count single changes: they never come near the end of the database's integers.
fn count(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

fn read_summary(row: &weir_db::Row) -> Result<Summary, Error> {
    let id: WorkflowId = row.get(0)?;
    let corrupt = |what, message: &dyn std::fmt::Display| Error::Corrupt { id, what, message: message.to_string() };
    let tags: &str = row.get(3)?;
    let status: &str = row.get(4)?;
    let revision: i64 = row.get(5)?;
    let latest_version: Option<i64> = row.get(6)?;
    Ok(Summary {
        id,
        name: row.get(1)?,
        description: row.get(2)?,
        tags: tags.split('\n').filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        status: status.parse().map_err(|error| corrupt("the status", &error))?,
        revision: u64::try_from(revision).map_err(|error| corrupt("the revision", &error))?,
        latest_version: latest_version
            .map(u32::try_from)
            .transpose()
            .map_err(|error| corrupt("the newest version's number", &error))?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
        published_at: row.get(9)?,
        deleted_at: row.get(10)?,
        workspace_id: row.get(11)?,
    })
}

fn read_version(row: &weir_db::Row, id: WorkflowId) -> Result<VersionSummary, Error> {
    let number: i64 = row.get(0)?;
    let number = u32::try_from(number).map_err(|error| Error::Corrupt {
        id,
        what: "a version's number",
        message: error.to_string(),
    })?;
    Ok(VersionSummary { number, hash: row.get(1)?, published_at: row.get(2)? })
}

fn read_json(text: &str, id: WorkflowId, what: &'static str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|error| Error::Corrupt { id, what, message: error.to_string() })
}
