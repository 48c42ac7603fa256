//! What executions keep outside the journal: files and large values, counted against what their workspace may store.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use serde_json::Value;
use weir_base::{ExecutionId, Principal, WorkspaceId};
use weir_core::event::{Event, JournalEvent};
use weir_core::payload::Payload;

use super::{Engine, Inner, Used};
use crate::error::Error;
use crate::files::{ExecutionFiles, FileError, FileInfo, OpenFile, WrittenFile};
use crate::values::Values;

/// So many files of an execution are looked at when their bytes are given back.
const MOST_FILES: usize = 10_000;

impl Engine {
    /// The files of all executions, whosever they are: for what has made sure whose.
    pub fn files(&self) -> &ExecutionFiles {
        &self.0.files
    }

    /// Up to `limit` of an execution's files, sorted by path.
    ///
    /// # Errors
    /// [`Error::NoExecution`], [`Error::Files`].
    pub async fn list_files(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        limit: usize,
    ) -> Result<Vec<FileInfo>, Error> {
        self.0.check_owner(workspace, id).await?;
        Ok(self.0.files.list(id, limit).await?)
    }

    /// Reads one of an execution's files in pieces.
    ///
    /// # Errors
    /// [`Error::NoExecution`], [`Error::Files`].
    pub async fn open_file(&self, workspace: WorkspaceId, id: ExecutionId, path: &str) -> Result<OpenFile, Error> {
        self.0.check_owner(workspace, id).await?;
        Ok(self.0.files.open(id, path).await?)
    }

    /// Stores a file of at most `limit` bytes for an execution that is to be started under this id, and counts it.
    ///
    /// # Errors
    /// [`Error::StorageQuota`] when the workspace has no room for it; [`Error::NoExecution`] when another workspace has
    /// used the id; [`Error::Files`] as [`ExecutionFiles::put_stream`].
    pub async fn put_file(
        &self,
        principal: &Principal,
        id: ExecutionId,
        path: &str,
        content: impl Stream<Item = io::Result<Bytes>> + Send,
        limit: u64,
    ) -> Result<WrittenFile, Error> {
        let workspace = principal.workspace;
        self.0.check_not_anothers(workspace, id).await?;
        let room = self.0.usage.room(workspace).await?;
        let bound = room.map_or(limit, |room| room.min(limit));
        let written = match self.0.files.put_stream(id, path, content, bound).await {
            Err(FileError::TooLarge { .. }) if bound < limit => {
                let used = self.0.usage.stored(workspace).await?;
                return Err(Error::StorageQuota { limit: used.saturating_add(bound), used });
            }
            written => written?,
        };
        self.0.usage.add_stored(workspace, written.size).await?;
        Ok(written)
    }

    /// Removes the files that were stored for an execution which was not started after all.
    ///
    /// # Errors
    /// [`Error::NoExecution`] when another workspace has used the id; [`Error::Files`].
    pub async fn remove_files(&self, principal: &Principal, id: ExecutionId) -> Result<(), Error> {
        let workspace = principal.workspace;
        self.0.check_not_anothers(workspace, id).await?;
        let files = self.0.files.list(id, MOST_FILES).await?;
        self.0.files.remove_all(id).await?;
        self.0.usage.take_stored(workspace, files.iter().map(|file| file.size).sum()).await
    }

    /// What a workspace has used of what it may use.
    ///
    /// # Errors
    /// [`Error::Settings`], [`Error::Db`].
    pub async fn used(&self, workspace: WorkspaceId) -> Result<Used, Error> {
        Ok(Used {
            quota: self.0.workspaces.quota(workspace).await?,
            executions_today: self.0.usage.started_today(workspace, self.0.clock.now()).await?,
            stored_bytes: self.0.usage.stored(workspace).await?,
        })
    }
}

impl Inner {
    /// Makes sure that no other workspace has an execution of this id; there may be none yet.
    async fn check_not_anothers(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<(), Error> {
        match self.executions.workspace_of(id).await {
            Ok(owner) if owner != workspace => Err(Error::NoExecution(id)),
            Ok(_) | Err(Error::NoExecution(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A payload for this value, counted when it had to be stored.
    pub(crate) async fn keep_value(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        value: Arc<Value>,
    ) -> Result<Payload, Error> {
        if Values::is_large(&value) {
            self.usage.room(workspace).await?;
        }
        let payload = self.values.keep(id, value).await?;
        self.count_stored(workspace, &payload).await?;
        Ok(payload)
    }

    async fn count_stored(&self, workspace: WorkspaceId, payload: &Payload) -> Result<(), Error> {
        match payload {
            Payload::Stored(stored) => self.usage.add_stored(workspace, stored.size).await,
            Payload::Inline(_) | Payload::Items(_) | Payload::Fields(_) => Ok(()),
        }
    }

    /// Moves what is too large for the journal to object storage, and counts it. It is decided already, so it is not
    /// held against what the workspace may store.
    pub(crate) async fn store_large_values(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        event: &mut JournalEvent,
    ) -> Result<(), Error> {
        let (Event::NodeCompleted { output: value, .. }
        | Event::ExecutionCompleted { output: value }
        | Event::CompensationCompleted { output: value, .. }
        | Event::StepRecorded { value, .. }
        | Event::ItemsExpanded { items: value, .. }) = &mut event.event
        else {
            return Ok(());
        };
        if matches!(value, Payload::Stored(_)) {
            return Ok(());
        }
        self.values.settle(id, value).await?;
        self.count_stored(workspace, value).await
    }
}
