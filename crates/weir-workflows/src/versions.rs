//! Published versions, and finding the one that is meant.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use weir_base::{Page, PageRequest, Timestamp, WorkflowId, WorkspaceId};
use weir_db::Db;

use crate::store::WorkflowStore;
use crate::{Error, Status, Summary};

/// A published version in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionSummary {
    /// Counts from 1.
    pub number: u32,
    /// The name under which the engine keeps the document.
    pub hash: String,
    /// When it was published.
    pub published_at: Timestamp,
}

/// A published version with its document.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// What a list shows.
    pub summary: VersionSummary,
    /// The document, as it was in the draft.
    pub document: Value,
}

/// One of a workflow's documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// The document being worked on.
    Draft,
    /// A published version.
    Version(u32),
}

/// A text that names none of a workflow's documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither the number of a version nor `draft`")]
pub struct UnknownEdition(String);

impl FromStr for Edition {
    type Err = UnknownEdition;

    fn from_str(text: &str) -> Result<Self, UnknownEdition> {
        match text {
            "draft" => Ok(Self::Draft),
            number => number.parse().map(Self::Version).map_err(|_| UnknownEdition(number.chars().take(64).collect())),
        }
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draft => f.write_str("draft"),
            Self::Version(number) => number.fmt(f),
        }
    }
}

/// A version that may be run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Of which workflow.
    pub workflow_id: WorkflowId,
    /// Its number.
    pub version: u32,
    /// The name under which the engine keeps the document.
    pub document: String,
}

/// The published versions of all workflows. Only reads, and needs no engine.
#[derive(Debug, Clone)]
pub struct Versions {
    store: WorkflowStore,
}

impl Versions {
    /// The versions kept in a database that [`MIGRATIONS`](crate::MIGRATIONS) were applied to.
    pub const fn new(db: Db) -> Self {
        Self { store: WorkflowStore::new(db) }
    }

    /// The workflow of the workspace with this id, or else the one with exactly this name. Deleted ones are not found.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`] or [`Error::NoName`] if there is none, [`Error::Ambiguous`] if several have the name.
    pub async fn find(&self, workspace: WorkspaceId, name_or_id: &str) -> Result<WorkflowId, Error> {
        let id = name_or_id.parse().ok();
        if let Some(id) = id
            && self.store.summary(workspace, id).await?.is_some_and(|summary| summary.deleted_at.is_none())
        {
            return Ok(id);
        }
        match (self.store.named(workspace, name_or_id).await?.as_slice(), id) {
            ([only], _) => Ok(*only),
            ([], Some(id)) => Err(Error::NoWorkflow(id)),
            ([], None) => Err(Error::NoName(name_or_id.to_owned())),
            (several, _) => Err(Error::Ambiguous { name: name_or_id.to_owned(), ids: several.to_vec() }),
        }
    }

    /// The version to run of the workflow with this id or name: the newest unless a number is given.
    ///
    /// # Errors
    /// As [`find`](Self::find), [`Error::NoVersion`], and [`Error::Archived`], [`Error::Paused`] or
    /// [`Error::Unpublished`] if the workflow may not be run.
    pub async fn resolve(
        &self,
        workspace: WorkspaceId,
        name_or_id: &str,
        version: Option<u32>,
    ) -> Result<Resolved, Error> {
        self.runnable(workspace, self.find(workspace, name_or_id).await?, version).await
    }

    /// Newest first.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::Cursor`].
    pub async fn list(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        page: &PageRequest,
    ) -> Result<Page<VersionSummary>, Error> {
        self.present(workspace, id).await?;
        self.store.versions(id, page).await
    }

    /// A version with its document.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::NoVersion`].
    pub async fn get(&self, workspace: WorkspaceId, id: WorkflowId, number: u32) -> Result<Version, Error> {
        self.present(workspace, id).await?;
        self.store.version(id, number).await?.ok_or(Error::NoVersion { workflow: id, number })
    }

    /// The version of this workflow that may be run now. The draft, which may be large, is not looked at.
    pub(crate) async fn runnable(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        version: Option<u32>,
    ) -> Result<Resolved, Error> {
        let workflow = self.present(workspace, id).await?;
        match workflow.status {
            Status::Archived => return Err(Error::Archived(id)),
            Status::Paused => return Err(Error::Paused(id)),
            Status::Draft | Status::Active => {}
        }
        let latest = workflow.latest_version.ok_or(Error::Unpublished(id))?;
        let number = version.unwrap_or(latest);
        let document = self.store.version_hash(id, number).await?.ok_or(Error::NoVersion { workflow: id, number })?;
        Ok(Resolved { workflow_id: id, version: number, document })
    }

    async fn present(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Summary, Error> {
        let found = self.store.summary(workspace, id).await?;
        found.filter(|summary| summary.deleted_at.is_none()).ok_or(Error::NoWorkflow(id))
    }
}
