//! All documents that are open in this process.

use std::sync::Arc;

use serde_json::Value;
use weir_base::{Clock, WorkflowId};
use weir_db::Db;

use crate::{Author, Close, Config, ConnectionIn, ConnectionOut, Drafts, Error, Fanout, Member};

/// The live documents of this process. Cheap to clone; ends with [`Self::close`] or its last clone.
#[derive(Clone)]
pub struct Collab(Arc<Parts>);

struct Parts {}

/// The workflow document as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The newest row of the log; the document has that, and may have more.
    pub seq: u64,
    /// The document.
    pub document: Arc<Value>,
}

impl Collab {
    /// Documents with their log in `db`, which has this crate's tables.
    ///
    /// # Panics
    /// With a fan-out, outside a tokio runtime.
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        drafts: Arc<dyn Drafts>,
        fanout: Option<Arc<dyn Fanout>>,
        config: Config,
    ) -> Self {
        let _ = (db, clock, drafts, fanout, config);
        Self(Arc::new(Parts {}))
    }

    /// The document as it is now; opens it if it is not open.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Broken`], [`Error::Drafts`], [`Error::Db`], [`Error::Closed`].
    pub async fn draft(&self, workflow: WorkflowId) -> Result<Draft, Error> {
        Err(Error::NotFound(workflow))
    }

    /// Changes the document in one edit that leaves alone what `change` does not change; answers when it is durable.
    /// With `expected` only if nothing changed since a draft of that `seq`.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::TooLarge`], [`Error::Busy`], and what [`Self::draft`] fails with. After a failure of
    /// the database the edit may have been kept. What `change` fails with is the inner result.
    pub async fn edit<E>(
        &self,
        workflow: WorkflowId,
        by: Author,
        expected: Option<u64>,
        change: impl FnOnce(&Value) -> Result<Value, E> + Send,
    ) -> Result<Result<Draft, E>, Error> {
        let _ = (by, expected, change);
        Err(Error::NotFound(workflow))
    }

    /// Lets a member in; opens the document if it is not open.
    ///
    /// # Errors
    /// What [`Self::draft`] fails with.
    pub async fn join(&self, workflow: WorkflowId, member: Member) -> Result<(ConnectionIn, ConnectionOut), Error> {
        let _ = member;
        Err(Error::NotFound(workflow))
    }

    /// Disconnects the members of a workflow for which `which` holds, when it is open in this process.
    pub fn disconnect(&self, workflow: WorkflowId, which: impl Fn(&Member) -> bool, close: &Close) {
        let _ = (workflow, which, close);
    }

    /// Removes the document of a workflow that is deleted for good, with its history, and disconnects its members.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn forget(&self, workflow: WorkflowId) -> Result<(), Error> {
        Err(Error::NotFound(workflow))
    }

    /// Disconnects everybody and writes down what is not; everything then answers [`Error::Closed`].
    pub async fn close(&self) {}
}
