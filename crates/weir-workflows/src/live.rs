//! Drafts as live documents: taking part in one, what it was, and what is said about it.

use weir_base::{Page, PageRequest, Permission, Principal, WorkflowId, WorkspaceId};
use weir_collab::{Author, Comment, ConnectionIn, ConnectionOut, Kind, Member, Snapshot, SnapshotId};

use crate::drafts::author;
use crate::{Error, Saved, Status, Workflow, Workflows};

impl Workflows {
    /// Lets somebody take part in a draft, who is called `name` to the others. They may edit if they may change
    /// workflows and this one is not archived.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::Live`].
    pub async fn join(
        &self,
        principal: &Principal,
        id: WorkflowId,
        name: String,
        kind: Kind,
    ) -> Result<(ConnectionIn, ConnectionOut), Error> {
        let status = self.present(principal.workspace, id).await?.summary.status;
        let can_write = principal.may(Permission::WorkflowWrite) && status != Status::Archived;
        let author = Author { name, ..author(principal) };
        Ok(self.0.collab.join(id, Member { author, can_write, kind }).await?)
    }

    /// What the draft was, the newest first.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::Live`].
    pub async fn history(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        page: PageRequest,
    ) -> Result<Page<Snapshot>, Error> {
        self.present(workspace, id).await?;
        Ok(self.0.collab.history(id, page).await?)
    }

    /// The draft as it was at a snapshot.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::Live`].
    pub async fn snapshot(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        snapshot: SnapshotId,
    ) -> Result<serde_json::Value, Error> {
        self.present(workspace, id).await?;
        Ok(self.0.collab.snapshot(id, snapshot).await?)
    }

    /// Keeps the draft as it is now under a name.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::Live`].
    pub async fn keep_snapshot(&self, workspace: WorkspaceId, id: WorkflowId, name: &str) -> Result<Snapshot, Error> {
        self.present(workspace, id).await?;
        Ok(self.0.collab.keep(id, name).await?)
    }

    /// Gives a snapshot a name, by which it is kept for ever, or takes it away.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::Live`].
    pub async fn name_snapshot(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        snapshot: SnapshotId,
        name: Option<&str>,
    ) -> Result<(), Error> {
        self.present(workspace, id).await?;
        Ok(self.0.collab.name(id, snapshot, name).await?)
    }

    /// Makes the draft what it was at a snapshot.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::Archived`], [`Error::Live`].
    pub async fn restore_snapshot(
        &self,
        principal: &Principal,
        id: WorkflowId,
        snapshot: SnapshotId,
    ) -> Result<Saved, Error> {
        let row = self.present(principal.workspace, id).await?;
        if row.summary.status == Status::Archived {
            return Err(Error::Archived(id));
        }
        self.0.collab.restore(id, snapshot, author(principal)).await?;
        let workflow: Workflow = self.get(principal.workspace, id).await?;
        let problems = self.validate(workflow.draft.clone()).await?;
        Ok(Saved { workflow, problems })
    }

    /// What people say about the draft and its nodes, the oldest first.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::Live`].
    pub async fn comments(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Vec<Comment>, Error> {
        self.present(workspace, id).await?;
        Ok(self.0.collab.comments(id).await?)
    }
}
