//! Reading executions: what lists, pages and people see. Nothing here changes anything but dead letters.

mod approvals;
mod fold;
mod logs;
mod model;
mod nodes;
mod summaries;

use std::sync::Arc;

use weir_base::{ExecutionId, Page, PageRequest};
use weir_core::event::{Event, JournalEvent, Relation};
use weir_core::execution::Status;
use weir_db::Db;

pub use model::{
    Approval, ApprovalStatus, Attempt, Compensation, Details, Filter, Items, Log, NodeExecution, NodeStatus, Summary,
    UnknownApprovalStatus,
};

use crate::documents::Documents;
use crate::error::Error;
use crate::journal::Journal;
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
    pub async fn details(&self, id: ExecutionId) -> Result<Details, Error> {
        let summary = self.summary(id).await?;
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
        Ok(Details { summary, input, output, pins: started.pins })
    }

    /// Events with a number above `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`Error::NoExecution`]; [`Error::Corrupt`] for events of a newer Weir.
    pub async fn journal(&self, id: ExecutionId, after: u64, limit: u32) -> Result<Vec<JournalEvent>, Error> {
        let events = self.journal.read(id, after, limit).await?;
        if events.is_empty() {
            self.summary(id).await?;
        }
        Ok(events)
    }

    /// Failed executions that nobody has dealt with, the newest first.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn dead_letters(&self, page: &PageRequest) -> Result<Page<Summary>, Error> {
        self.list(&Filter { dead_letters: true, ..Filter::default() }, page).await
    }
}

/// The word a store keeps for a relation.
pub(crate) const fn relation_word(relation: Relation) -> &'static str {
    match relation {
        Relation::SubWorkflow => "sub_workflow",
        Relation::Rerun => "rerun",
    }
}
