//! The log of documents in the database.

use std::collections::HashSet;

use bytes::Bytes;
use uuid::Uuid;
use weir_base::{Page, PageRequest, Timestamp, WorkflowId};
use weir_db::{Batch, Db, Row, Statement, args};

use crate::limits::{MAX_AUTHORS, MAX_SNAPSHOTS};
use crate::{Author, Error, Snapshot, SnapshotId};

/// The SQL of documents, their updates and their snapshots.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) db: Db,
}

/// A document as it is in the log.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The newest row.
    pub(crate) seq: u64,
    /// The newest snapshot, and what came after it.
    pub(crate) packed: Vec<Vec<u8>>,
}

/// What came to a log.
#[derive(Debug)]
pub(crate) enum Tail {
    /// The document was removed.
    Gone,
    /// These rows, each with its number; none, if there is nothing new.
    Rows(Vec<(u64, Vec<u8>)>),
    /// Some of it is only in a snapshot now: all of it is to be read.
    Compacted,
}

/// What came of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appended {
    Yes,
    /// The log is not where it was thought to be.
    Conflict,
}

impl Log {
    /// Makes a document of a first state, unless there is one.
    pub(crate) async fn found(&self, workflow: WorkflowId, state: Bytes, now: Timestamp) -> Result<(), Error> {
        let document =
            "INSERT INTO collab_documents (workflow_id, seq) VALUES ($1, 0) ON CONFLICT (workflow_id) DO NOTHING";
        // Only together with the document: of an older one, the log does not begin here.
        let snapshot = "INSERT INTO collab_snapshots (id, workflow_id, seq, state, authors, created_at) \
                        SELECT $1, workflow_id, 0, $3, '[]', $4 FROM collab_documents \
                        WHERE workflow_id = $2 AND seq = 0 ON CONFLICT (workflow_id, seq) DO NOTHING";
        let batch = Batch::from(vec![
            Statement::new(document, args![workflow]),
            Statement::new(snapshot, args![Uuid::now_v7(), workflow, state, now]),
        ]);
        self.db.write(batch).await?;
        Ok(())
    }

    /// All of a document; nothing if there is none.
    pub(crate) async fn load(&self, workflow: WorkflowId) -> Result<Option<Loaded>, Error> {
        // One statement, so that no snapshot takes the place of updates in between.
        let query = "SELECT d.seq, s.seq, s.state, s.seq FROM collab_documents d \
                     JOIN collab_snapshots s ON s.workflow_id = d.workflow_id WHERE d.workflow_id = $1 AND s.seq = \
                     (SELECT MAX(seq) FROM collab_snapshots WHERE workflow_id = $1) \
                     UNION ALL SELECT d.seq, u.seq, u.update_data, -1 FROM collab_documents d \
                     JOIN collab_updates u ON u.workflow_id = d.workflow_id WHERE d.workflow_id = $1 AND u.seq > \
                     (SELECT MAX(seq) FROM collab_snapshots WHERE workflow_id = $1) ORDER BY 2";
        let rows = self.db.query(query, args![workflow]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let broken = |reason: &str| Error::Broken { workflow, reason: reason.to_owned() };
        let seq = number(first, 0)?;
        let mut expected = number(first, 1)?;
        let mut packed = Vec::new();
        for row in &rows {
            if number(row, 1)? != expected {
                return Err(broken("rows of its log are missing"));
            }
            packed.push(row.get(2)?);
            expected += 1;
        }
        if expected == seq + 1 { Ok(Some(Loaded { seq, packed })) } else { Err(broken("rows of its log are missing")) }
    }

    /// What came after a row.
    pub(crate) async fn tail(&self, workflow: WorkflowId, after: u64) -> Result<Tail, Error> {
        let query = "SELECT d.seq, u.seq, u.update_data FROM collab_documents d LEFT JOIN collab_updates u \
                     ON u.workflow_id = d.workflow_id AND u.seq > $2 WHERE d.workflow_id = $1 ORDER BY u.seq";
        let rows = self.db.query(query, args![workflow, signed(after)]).await?;
        let Some(first) = rows.first() else { return Ok(Tail::Gone) };
        let newest = number(first, 0)?;
        if newest <= after {
            return Ok(Tail::Rows(Vec::new()));
        }
        let mut found = Vec::new();
        for (row, expected) in rows.iter().zip(after + 1..) {
            match row.get::<Option<i64>>(1)? {
                Some(seq) if unsigned(seq) == expected => found.push((expected, row.get(2)?)),
                _ => return Ok(Tail::Compacted),
            }
        }
        Ok(Tail::Rows(found))
    }

    /// Appends the row after `seq`.
    pub(crate) async fn append(
        &self,
        workflow: WorkflowId,
        seq: u64,
        packed: Bytes,
        authors: &[Author],
        now: Timestamp,
    ) -> Result<Appended, Error> {
        let advance = "UPDATE collab_documents SET seq = seq + 1 WHERE workflow_id = $1 AND seq = $2";
        let insert = "INSERT INTO collab_updates (workflow_id, seq, update_data, authors, created_at) \
                      VALUES ($1, $2, $3, $4, $5)";
        let batch = Batch::from(vec![
            Statement::new(advance, args![workflow, signed(seq)]).exactly(1),
            Statement::new(insert, args![workflow, signed(seq + 1), packed, write_authors(authors), now]),
        ]);
        match self.db.write(batch).await {
            Ok(_) => Ok(Appended::Yes),
            Err(weir_db::Error::Expectation { .. } | weir_db::Error::Unique { .. }) => Ok(Appended::Conflict),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps a state that has all up to a row, and removes the rows that nobody needs then, and snapshots that are too
    /// many. A name is given to the snapshot of that row, whether it is this one or was there.
    pub(crate) async fn snapshot(
        &self,
        workflow: WorkflowId,
        seq: u64,
        state: Bytes,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let authors = self.authors_until(workflow, seq).await?;
        let insert = "INSERT INTO collab_snapshots (id, workflow_id, seq, state, authors, created_at) \
                      SELECT $1, workflow_id, $3, $4, $5, $6 FROM collab_documents WHERE workflow_id = $2 \
                      ON CONFLICT (workflow_id, seq) DO NOTHING";
        let call = "UPDATE collab_snapshots SET name = COALESCE($3, name) WHERE workflow_id = $1 AND seq = $2";
        let compact = "DELETE FROM collab_updates WHERE workflow_id = $1 AND seq <= $2";
        let prune = "DELETE FROM collab_snapshots WHERE workflow_id = $1 AND name IS NULL AND seq < \
                     (SELECT MIN(seq) FROM (SELECT seq FROM collab_snapshots WHERE workflow_id = $1 AND name IS NULL \
                     ORDER BY seq DESC LIMIT $2) AS newest)";
        let batch = Batch::from(vec![
            Statement::new(insert, args![Uuid::now_v7(), workflow, signed(seq), state, write_authors(&authors), now]),
            Statement::new(call, args![workflow, signed(seq), name.map(ToOwned::to_owned)]),
            Statement::new(compact, args![workflow, signed(seq)]),
            Statement::new(prune, args![workflow, MAX_SNAPSHOTS]),
        ]);
        self.db.write(batch).await?;
        Ok(())
    }

    /// The snapshots of a workflow, the newest first.
    pub(crate) async fn snapshots(&self, workflow: WorkflowId, page: &PageRequest) -> Result<Page<Snapshot>, Error> {
        let before = page.cursor.as_ref().map(weir_base::Cursor::decode::<u64>).transpose()?;
        let query = "SELECT id, seq, name, authors, created_at FROM collab_snapshots \
                     WHERE workflow_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
        let before = before.map_or(i64::MAX, signed);
        let rows = self.db.query(query, args![workflow, before, i64::from(page.limit) + 1]).await?;
        let snapshots = rows.iter().map(snapshot).collect::<Result<_, Error>>()?;
        Ok(Page::from_surplus(snapshots, page.limit, |snapshot| snapshot.seq))
    }

    /// The snapshot of a row.
    pub(crate) async fn snapshot_at(&self, workflow: WorkflowId, seq: u64) -> Result<Option<Snapshot>, Error> {
        let query = "SELECT id, seq, name, authors, created_at FROM collab_snapshots \
                     WHERE workflow_id = $1 AND seq = $2";
        self.db.query(query, args![workflow, signed(seq)]).await?.first().map(snapshot).transpose()
    }

    /// What the document was at a snapshot.
    pub(crate) async fn state(&self, workflow: WorkflowId, id: SnapshotId) -> Result<Vec<u8>, Error> {
        let query = "SELECT state FROM collab_snapshots WHERE workflow_id = $1 AND id = $2";
        let rows = self.db.query(query, args![workflow, id.0]).await?;
        Ok(rows.first().ok_or(Error::NoSnapshot(id))?.get(0)?)
    }

    /// Gives a snapshot a name, or takes it away.
    pub(crate) async fn name(&self, workflow: WorkflowId, id: SnapshotId, name: Option<&str>) -> Result<(), Error> {
        let update = "UPDATE collab_snapshots SET name = $3 WHERE workflow_id = $1 AND id = $2";
        let update = Statement::new(update, args![workflow, id.0, name.map(ToOwned::to_owned)]);
        match self.db.write(update.exactly(1)).await {
            Ok(_) => Ok(()),
            Err(weir_db::Error::Expectation { .. }) => Err(Error::NoSnapshot(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes everything of a document.
    pub(crate) async fn remove(&self, workflow: WorkflowId) -> Result<(), Error> {
        self.db.write(Statement::new("DELETE FROM collab_documents WHERE workflow_id = $1", args![workflow])).await?;
        Ok(())
    }

    /// Who wrote the rows that are left, up to this one.
    async fn authors_until(&self, workflow: WorkflowId, seq: u64) -> Result<Vec<Author>, Error> {
        let query = "SELECT DISTINCT authors FROM collab_updates WHERE workflow_id = $1 AND seq <= $2";
        let rows = self.db.query(query, args![workflow, signed(seq)]).await?;
        let mut authors = Vec::new();
        let mut known = HashSet::new();
        for row in rows {
            for author in read_authors(row.get(0)?) {
                if authors.len() < MAX_AUTHORS && known.insert(author.clone()) {
                    authors.push(author);
                }
            }
        }
        authors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(authors)
    }
}

fn snapshot(row: &Row) -> Result<Snapshot, Error> {
    Ok(Snapshot {
        id: SnapshotId(row.get(0)?),
        seq: number(row, 1)?,
        name: row.get(2)?,
        authors: read_authors(row.get(3)?),
        created_at: row.get(4)?,
    })
}

fn write_authors(authors: &[Author]) -> String {
    let authors = &authors[..authors.len().min(MAX_AUTHORS)];
    // PostgreSQL stores no NUL; JSON escapes it, so there is none.
    serde_json::to_string(authors).unwrap_or_else(|_| "[]".to_owned())
}

fn read_authors(authors: &str) -> Vec<Author> {
    serde_json::from_str(authors).unwrap_or_else(|error| {
        tracing::error!(%error, "the authors of a row of a document's log cannot be read and are left out");
        Vec::new()
    })
}

fn number(row: &Row, column: usize) -> Result<u64, Error> {
    Ok(unsigned(row.get(column)?))
}

/// Numbers of rows count up from 0, by one: they never come near the other half.
const fn signed(seq: u64) -> i64 {
    seq.cast_signed()
}

const fn unsigned(seq: i64) -> u64 {
    seq.cast_unsigned()
}
