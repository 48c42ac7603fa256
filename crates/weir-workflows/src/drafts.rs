//! Drafts as the rows of workflows have them: live documents begin with them, and lists and searches show what they say.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;
use weir_base::{Actor, Clock, Permissions, Principal, SessionId, WorkflowId};
use weir_collab::{Author, Drafts};

use crate::store::WorkflowStore;
use crate::telling::{UPDATED, told};
use crate::{Error, Summary};

/// What a workflow is called whose document has no name.
const UNNAMED: &str = "Untitled";

/// The drafts of the workflows in a database.
pub(crate) struct StoredDrafts {
    store: WorkflowStore,
    clock: Arc<dyn Clock>,
}

impl StoredDrafts {
    pub(crate) const fn new(store: WorkflowStore, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Writes the draft down, and tells of it; whoever was quicker with a later one has done so already.
    async fn keep(&self, id: WorkflowId, seq: u64, view: &Value, by: &[Author]) -> Result<(), Error> {
        while let Some(row) = self.store.row(id).await? {
            if row.draft_seq >= seq {
                return Ok(());
            }
            let mut next = row.at(seq);
            describe(&mut next, view);
            next.updated_at = self.clock.now();
            // One tells of what several did: it is told as the last one's.
            let actor = by.last().map_or(Actor::Operator, actor);
            let principal =
                Principal { actor, workspace: next.workspace_id, permissions: Permissions::NONE, address: None };
            if self.store.keep_draft(&row, seq, &next, view, told(&principal, UPDATED, &next)).await? {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Drafts for StoredDrafts {
    fn draft(&self, workflow: WorkflowId) -> BoxFuture<'_, Result<Option<Value>, weir_collab::Error>> {
        async move { self.store.draft(workflow).await.map_err(failure) }.boxed()
    }

    fn changed<'a>(
        &'a self,
        workflow: WorkflowId,
        seq: u64,
        view: &'a Value,
        by: &'a [Author],
    ) -> BoxFuture<'a, Result<(), weir_collab::Error>> {
        async move { self.keep(workflow, seq, view, by).await.map_err(failure) }.boxed()
    }
}

/// Whoever changes drafts by a request.
pub(crate) fn author(principal: &Principal) -> Author {
    let key = match principal.actor {
        Actor::ApiKey { key, .. } => Some(key),
        _ => None,
    };
    Author { user: principal.actor.user(), key, name: principal.actor.to_string() }
}

fn actor(author: &Author) -> Actor {
    match (author.user, author.key) {
        (Some(user), Some(key)) => Actor::ApiKey { key, user },
        // By which session does not matter for what is told.
        (Some(user), None) => Actor::User { user, session: SessionId::from_uuid(uuid::Uuid::nil()) },
        (None, _) => Actor::Operator,
    }
}

/// Lets the summary say what the draft says of itself.
pub(crate) fn describe(summary: &mut Summary, draft: &Value) {
    let text = |field: &str| draft.get(field).and_then(Value::as_str).map(str::to_owned);
    summary.name = text("name").filter(|name| !name.is_empty()).unwrap_or_else(|| UNNAMED.to_owned());
    summary.description = text("description");
}

fn failure(error: Error) -> weir_collab::Error {
    match error {
        Error::Db(error) => weir_collab::Error::Db(error),
        error => weir_collab::Error::Drafts { kind: error.kind(), message: error.to_string() },
    }
}
