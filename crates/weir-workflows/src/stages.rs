//! Where a workflow stands: paused, archived, deleted, and back.

use std::time::Duration;

use weir_base::{Principal, Timestamp, WorkflowId};
use weir_collab::Close;

use crate::telling::{ARCHIVED, DELETED, PAUSED, RESTORED, RESUMED};
use crate::workflows::Seen;
use crate::{Error, Status, Summary, Workflow, Workflows};

/// The connection ends because what it is about is over (RFC 6455).
const POLICY: u16 = 1008;

/// How long a deleted workflow can be restored.
const KEPT_AFTER_DELETION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Workflows {
    /// Forbids to run it for now.
    ///
    /// # Errors
    /// [`Error::Transition`] unless it is active, [`Error::Stale`].
    pub async fn pause(&self, principal: &Principal, id: WorkflowId, expected: Option<u64>) -> Result<Workflow, Error> {
        self.move_to(principal, PAUSED, id, expected, Status::Paused, &[Status::Active]).await
    }

    /// Allows to run it again.
    ///
    /// # Errors
    /// [`Error::Transition`] unless it is paused, [`Error::Stale`].
    pub async fn resume(
        &self,
        principal: &Principal,
        id: WorkflowId,
        expected: Option<u64>,
    ) -> Result<Workflow, Error> {
        self.move_to(principal, RESUMED, id, expected, Status::Active, &[Status::Paused]).await
    }

    /// Puts it away for good.
    ///
    /// # Errors
    /// [`Error::Transition`] unless it is active or a draft, [`Error::Stale`].
    pub async fn archive(
        &self,
        principal: &Principal,
        id: WorkflowId,
        expected: Option<u64>,
    ) -> Result<Workflow, Error> {
        let from = [Status::Active, Status::Draft];
        let workflow = self.move_to(principal, ARCHIVED, id, expected, Status::Archived, &from).await?;
        // Whoever comes back sees it, and no more.
        self.0.collab.disconnect(id, |_| true, &Close { code: POLICY, reason: "the workflow was archived".into() });
        Ok(workflow)
    }

    /// Deletes it; for 30 days [`undelete`](Self::undelete) brings it back. Its executions go on.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::Stale`].
    pub async fn delete(&self, principal: &Principal, id: WorkflowId, expected: Option<u64>) -> Result<(), Error> {
        let now = self.0.clock.now();
        let delete = |summary: &mut Summary| {
            summary.deleted_at = Some(now);
            Ok(())
        };
        self.change(principal, DELETED, id, expected, delete).await?;
        self.0.collab.disconnect(id, |_| true, &Close { code: POLICY, reason: "the workflow was deleted".into() });
        Ok(())
    }

    /// Brings a deleted workflow back as it was; one that is not deleted stays as it is.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`] if it was deleted too long ago, or never there.
    pub async fn undelete(&self, principal: &Principal, id: WorkflowId) -> Result<Workflow, Error> {
        loop {
            let row = self.row(principal.workspace, id).await?;
            match row.summary.deleted_at {
                None => return Ok(self.live(row).await?.workflow),
                Some(deleted) if deleted < purged_before(self.0.clock.now()) => return Err(Error::NoWorkflow(id)),
                Some(_) => {}
            }
            let Seen { row, workflow: Workflow { mut summary, draft }, .. } = self.live(row).await?;
            summary.deleted_at = None;
            if self.store_next(principal, RESTORED, &row, &mut summary, None).await? {
                return Ok(Workflow { summary, draft });
            }
        }
    }

    /// Removes the workflows that were deleted more than 30 days before `now`, with their versions. Answers how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn purge_deleted(&self, now: Timestamp) -> Result<u64, Error> {
        let purged = self.0.store.purge(purged_before(now)).await?;
        for id in &purged {
            self.0.collab.forget(*id).await?;
        }
        Ok(purged.len() as u64)
    }

    async fn move_to(
        &self,
        principal: &Principal,
        kind: &str,
        id: WorkflowId,
        expected: Option<u64>,
        to: Status,
        from: &[Status],
    ) -> Result<Workflow, Error> {
        debug_assert!(from.iter().all(|status| status.next().contains(&to)), "{from:?} to {to} is no transition");
        let step = |summary: &mut Summary| {
            let current = summary.status;
            if !from.contains(&current) {
                return Err(Error::Transition { id, from: current, to });
            }
            summary.status = to;
            Ok(())
        };
        self.change(principal, kind, id, expected, step).await
    }
}

fn purged_before(now: Timestamp) -> Timestamp {
    now - KEPT_AFTER_DELETION
}
