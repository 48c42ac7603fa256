//! The port to where drafts are kept for everybody else.

use futures::future::BoxFuture;
use serde_json::Value;
use weir_base::WorkflowId;

use crate::{Author, Error};

/// Where the drafts of workflows are, for the live documents.
///
/// A failure is an [`Error::Drafts`].
pub trait Drafts: Send + Sync + 'static {
    /// What is stored of a draft: it becomes the document when that is opened for the first time, and gives the order
    /// of what has no order in it. `None` if there is no such workflow.
    fn draft(&self, workflow: WorkflowId) -> BoxFuture<'_, Result<Option<Value>, Error>>;

    /// Takes note that a draft has changed and is durable. `seq` is the row of the log up to which `view` has all; a
    /// call with a lower one than another had is out of date. Calls may be left out, never the last.
    fn changed<'a>(
        &'a self,
        workflow: WorkflowId,
        seq: u64,
        view: &'a Value,
        by: &'a [Author],
    ) -> BoxFuture<'a, Result<(), Error>>;
}
