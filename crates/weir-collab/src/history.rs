//! What a document was: its snapshots, their names, and going back to one.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use weir_base::{InvalidId, Page, PageRequest, Timestamp, WorkflowId};

use crate::limits::MAX_NAME;
use crate::room::replica::Replica;
use crate::{Author, Collab, Draft, Error};

/// Names a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotId(pub(crate) Uuid);

impl fmt::Display for SnapshotId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for SnapshotId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        WorkflowId::from_str(text).map(|id| Self(id.as_uuid()))
    }
}

/// A moment of a document that can be gone back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Names it.
    pub id: SnapshotId,
    /// The row of the log it was made after.
    pub seq: u64,
    /// What somebody called it; then it is kept for ever.
    pub name: Option<String>,
    /// Who edited since the one before it.
    pub authors: Vec<Author>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Collab {
    /// The snapshots of a workflow, the newest first.
    ///
    /// # Errors
    /// [`Error::Cursor`], [`Error::Db`].
    pub async fn history(&self, workflow: WorkflowId, page: PageRequest) -> Result<Page<Snapshot>, Error> {
        self.shared().log.snapshots(workflow, &page).await
    }

    /// The workflow document as it was at a snapshot.
    ///
    /// # Errors
    /// [`Error::NoSnapshot`], and what [`Collab::draft`] fails with.
    pub async fn snapshot(&self, workflow: WorkflowId, id: SnapshotId) -> Result<Value, Error> {
        let state = self.shared().log.state(workflow, id).await?;
        let like = self.draft(workflow).await?.document;
        let mut replica =
            Replica::open([state.as_slice()], like).map_err(|reason| Error::Broken { workflow, reason })?;
        Ok(Arc::unwrap_or_clone(replica.view()))
    }

    /// Gives a snapshot a name, or takes it away; then it may be removed when there are many newer ones.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::NoSnapshot`], [`Error::Db`].
    pub async fn name(&self, workflow: WorkflowId, id: SnapshotId, name: Option<&str>) -> Result<(), Error> {
        name.map_or(Ok(()), check)?;
        self.shared().log.name(workflow, id, name).await
    }

    /// Makes a snapshot of the document as it is now, with a name.
    ///
    /// # Errors
    /// [`Error::Name`], and what [`Collab::draft`] fails with.
    pub async fn keep(&self, workflow: WorkflowId, name: &str) -> Result<Snapshot, Error> {
        check(name)?;
        let room = self.open(workflow).await?;
        room.draft().await?;
        let seq = room.keep(Some(name)).await?;
        self.shared().log.snapshot_at(workflow, seq).await?.ok_or(Error::NotFound(workflow))
    }

    /// Makes the document what it was at a snapshot, as one edit; what others do at the same time stays.
    ///
    /// # Errors
    /// What [`Self::snapshot`] and [`Collab::edit`] fail with.
    pub async fn restore(&self, workflow: WorkflowId, id: SnapshotId, by: Author) -> Result<Draft, Error> {
        let then = self.snapshot(workflow, id).await?;
        match self.edit(workflow, by, None, |_| Ok::<_, Infallible>(then)).await? {
            Ok(draft) => Ok(draft),
            Err(never) => match never {},
        }
    }
}

fn check(name: &str) -> Result<(), Error> {
    let fits = (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits && !name.trim().is_empty() { Ok(()) } else { Err(Error::Name) }
}
