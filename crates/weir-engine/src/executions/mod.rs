//! Reading executions: what lists, pages and people see. Nothing here changes anything but dead letters.
//!
//! Whoever asks says for which workspace: an execution of another is not there, exactly as one that never was.

mod approvals;
mod fold;
mod logs;
mod model;
mod nodes;
mod summaries;

use std::sync::Arc;

use weir_base::{ExecutionId, Page, PageRequest, WorkspaceId};
use weir_core::event::{Event, JournalEvent, Relation};
use weir_core::execution::Status;
use weir_db::{Db, args};

pub use model::{
    Approval, ApprovalStatus, Attempt, Compensation, Details, Filter, Items, Log, NodeExecution, NodeStatus, Summary,
    UnknownApprovalStatus,
};

use crate::documents::Documents;
use crate::error::Error;
use crate::journal::{Journal, rows};
use crate::values::Values;

/// The read side of the engine. Cheap to clone.
#[derive(Clone)]
pub struct Executions {
    db: Db,
    journal: Arc<dyn Journal>,
    documents: Documents,
    values: Values,
}

impl Executions {
    /// Reads what this journal records in this database.
    pub fn new(db: Db, journal: Arc<dyn Journal>, documents: Documents, values: Values) -> Self {
        Self { db, journal, documents, values }
    }

    /// An execution by itself, with its input and its result.
    ///
    /// # Errors
    /// [`Error::NoExecution`]; [`Error::TooLarge`] when input or result are over [`crate::LARGEST_VALUE`].
    pub async fn details(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<Details, Error> {
        let summary = self.summary(workspace, id).await?;
        let first = self.journal.read(id, 0, 1).await?.pop();
        let Some(Event::ExecutionStarted(started)) = first.map(|first| first.event) else {
            return Err(Error::NoExecution(id));
        };
        let input = Arc::unwrap_or_clone(self.values.load(&started.input).await?);
        let mut output = None;
        if summary.status == Status::Completed {
            let last = self.journal.read(id, summary.seq.saturating_sub(1), 1).await?.pop();
            if let Some(Event::ExecutionCompleted { output: result }) = last.map(|last| last.event) {
                output = Some(Arc::unwrap_or_clone(self.values.load(&result).await?));
            }
        }
        Ok(Details { summary, started_by: started.started_by, input, output, pins: started.pins })
    }

    /// Events with a number above `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`Error::NoExecution`]; [`Error::Corrupt`] for events of a newer Weir.
    pub async fn journal(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<JournalEvent>, Error> {
        let columns = rows::EVENT_COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM execution_events WHERE execution_id = $1 AND seq > $3 \
             AND EXISTS (SELECT 1 FROM executions AS e WHERE e.id = $1 AND e.workspace_id = $2) ORDER BY seq LIMIT $4"
        );
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let found = self.db.query(sql, args![id, workspace, after, limit]).await?;
        if found.is_empty() {
            self.summary(workspace, id).await?;
        }
        found.iter().map(|row| rows::event(id, row)).collect()
    }

    /// Failed executions that nobody has dealt with, the newest first.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn dead_letters(&self, workspace: WorkspaceId, page: &PageRequest) -> Result<Page<Summary>, Error> {
        self.list(workspace, &Filter { dead_letters: true, ..Filter::default() }, page).await
    }
}

/// The word a store keeps for a relation.
pub(crate) const fn relation_word(relation: Relation) -> &'static str {
    match relation {
        Relation::SubWorkflow => "sub_workflow",
        Relation::Rerun => "rerun",
    }
}
