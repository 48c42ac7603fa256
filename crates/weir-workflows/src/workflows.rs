//! The rules of changing workflows.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use weir_base::{Clock, Page, PageRequest, Principal, WorkflowId, WorkspaceId};
use weir_collab::{Collab, Draft, Fanout};
use weir_core::diff::{Diff, diff};
use weir_core::document::Document;
use weir_core::problem::Problem;
use weir_core::validate::{codes, validate};
use weir_db::Db;
use weir_engine::Engine;

use crate::drafts::{StoredDrafts, describe};
use crate::error::is_error;
use crate::store::{Row, WorkflowStore};
use crate::telling::{CREATED, PUBLISHED, told};
use crate::update::checked_tags;
use crate::{Edition, Error, Filter, Saved, Status, Summary, Version, VersionSummary, Versions, Workflow};

/// What no draft can be: beyond the limits, or with two things of one name, of which a live document has one.
const UNKEEPABLE: [&str; 5] = [
    codes::DOCUMENT_TOO_DEEP.code,
    codes::DOCUMENT_TOO_LARGE.code,
    codes::KEY_RESERVED.code,
    codes::NODE_ID_DUPLICATE.code,
    codes::EDGE_ID_DUPLICATE.code,
];

/// While a draft is edited, lists show it, and events tell of it, so often.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// All workflows, and what may be done with them. Cheap to clone.
#[derive(Clone)]
pub struct Workflows(pub(crate) Arc<Parts>);

/// What it is built of.
pub(crate) struct Parts {
    pub(crate) store: WorkflowStore,
    pub(crate) versions: Versions,
    pub(crate) engine: Engine,
    pub(crate) collab: Collab,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A workflow as it is with its live draft.
pub(crate) struct Seen {
    pub(crate) row: Row,
    /// Where the draft is in its log.
    pub(crate) seq: u64,
    pub(crate) workflow: Workflow,
}

/// A draft that was published.
#[derive(Debug, Clone)]
pub struct Published {
    /// The workflow as it is now.
    pub workflow: Workflow,
    /// Its newest version; the one there was, if the draft had not changed since.
    pub version: VersionSummary,
    /// What is doubtful in it.
    pub warnings: Vec<Problem>,
}

impl Workflows {
    /// The workflows of a database that [`MIGRATIONS`](crate::MIGRATIONS), and those of their live drafts
    /// ([`weir_collab::MIGRATIONS`]), were applied to. `fanout` leads to the other processes that edit the same drafts.
    ///
    /// # Panics
    /// With a fan-out, outside a tokio runtime.
    pub fn new(db: Db, engine: Engine, fanout: Option<Arc<dyn Fanout>>, clock: Arc<dyn Clock>) -> Self {
        let store = WorkflowStore::new(db.clone());
        let drafts = StoredDrafts::new(store.clone(), Arc::clone(&clock));
        let config = weir_collab::Config { materialize: TOLD_EVERY, ..weir_collab::Config::default() };
        // Nobody else writes to a SQLite database.
        let refresh = config.refresh.filter(|_| db.sqlite().is_none());
        let config = weir_collab::Config { refresh, ..config };
        let collab = Collab::new(db.clone(), Arc::clone(&clock), Arc::new(drafts), fanout, config);
        Self(Arc::new(Parts { store, versions: Versions::new(db), engine, collab, clock }))
    }

    /// Published versions, read-only.
    pub fn versions(&self) -> &Versions {
        &self.0.versions
    }

    /// Writes down what live drafts have that is not written, and ends their connections.
    pub async fn close(&self) {
        self.0.collab.close().await;
    }

    /// What runs them.
    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Everything that is wrong or doubtful in a document, errors first.
    ///
    /// # Errors
    /// Only when the process is stopping.
    pub async fn validate(&self, document: Value) -> Result<Vec<Problem>, Error> {
        let engine = self.0.engine.clone();
        // A large document with many expressions takes long enough to hold up everything else on this thread.
        let check = move || validate(&document, engine.catalog(), engine.evaluator().as_ref());
        match tokio::task::spawn_blocking(check).await {
            Ok(problems) => Ok(problems),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(weir_engine::Error::Stopping.into()),
        }
    }

    /// Makes a workflow with this draft.
    ///
    /// # Errors
    /// [`Error::NotValid`] if it has not the shape of a document or is beyond the limits, [`Error::Tags`].
    pub async fn create(&self, principal: &Principal, document: Value, tags: Vec<String>) -> Result<Saved, Error> {
        let saved = self.prepared(principal.workspace, document, tags).await?;
        self.0.store.insert(&saved.workflow, told(principal, CREATED, &saved.workflow.summary)).await?;
        Ok(saved)
    }

    /// The workflow with its draft, as it is at this moment.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], also if it is deleted.
    pub async fn get(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Workflow, Error> {
        Ok(self.seen(workspace, id).await?.workflow)
    }

    /// As [`get`](Self::get), with the row of its log that the draft has, to be held against
    /// [`newest`](Self::newest) by whoever keeps it.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`].
    pub async fn get_at(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<(Workflow, u64), Error> {
        let Seen { workflow, seq, .. } = self.seen(workspace, id).await?;
        Ok((workflow, seq))
    }

    /// The newest row of a draft's log, if the draft is open in this process.
    pub fn newest(&self, id: WorkflowId) -> Option<u64> {
        self.0.collab.newest(id)
    }

    /// The workspace's workflows that pass the filter, in its order.
    ///
    /// # Errors
    /// [`Error::Cursor`].
    pub async fn list(
        &self,
        workspace: WorkspaceId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page<Summary>, Error> {
        self.0.store.list(workspace, filter, page).await
    }

    /// Makes the draft the newest version, which from then on is the one that runs. A draft that has not changed since
    /// it was last published makes no version. A paused workflow stays paused.
    ///
    /// # Errors
    /// [`Error::NotValid`], [`Error::Stale`], [`Error::Archived`].
    pub async fn publish(
        &self,
        principal: &Principal,
        id: WorkflowId,
        expected: Option<u64>,
    ) -> Result<Published, Error> {
        loop {
            let Seen { row, workflow, .. } = self.expected(principal.workspace, id, expected).await?;
            refuse_archived(&workflow.summary)?;
            let (document, warnings) = self.runnable_draft(&workflow.draft).await?;
            let hash = self.0.engine.keep_document(&document).await?;
            if let Some(number) = workflow.summary.latest_version {
                let latest = self.0.versions.get(principal.workspace, id, number).await?.summary;
                if latest.hash == hash {
                    return Ok(Published { workflow, version: latest, warnings });
                }
            }
            let Workflow { mut summary, draft } = workflow;
            let now = self.0.clock.now();
            let number = summary.latest_version.map_or(1, |latest| latest.saturating_add(1));
            let version = Version { summary: VersionSummary { number, hash, published_at: now }, document: draft };
            if summary.status == Status::Draft {
                summary.status = Status::Active;
            }
            summary.latest_version = Some(number);
            summary.published_at = Some(now);
            if self.store_next(principal, PUBLISHED, &row, &mut summary, Some(&version)).await? {
                let workflow = Workflow { summary, draft: version.document };
                return Ok(Published { workflow, version: version.summary, warnings });
            }
        }
    }

    /// What is different from one of the workflow's documents to another.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::NoVersion`].
    pub async fn diff(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        older: Edition,
        newer: Edition,
    ) -> Result<Diff, Error> {
        Ok(diff(&self.document(workspace, id, older).await?, &self.document(workspace, id, newer).await?))
    }

    /// One of the workflow's documents.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::NoVersion`].
    pub async fn document(&self, workspace: WorkspaceId, id: WorkflowId, edition: Edition) -> Result<Document, Error> {
        let tree = match edition {
            Edition::Draft => self.get(workspace, id).await?.draft,
            Edition::Version(number) => self.0.versions.get(workspace, id, number).await?.document,
        };
        Document::from_value(tree).map_err(|problems| Error::NotValid { problems })
    }

    /// A draft's document, and its problems, if none of them forbids to run it.
    pub(crate) async fn runnable_draft(&self, draft: &Value) -> Result<(Document, Vec<Problem>), Error> {
        let (document, problems) = self.read_draft(draft).await?;
        if problems.iter().any(is_error) {
            return Err(Error::NotValid { problems });
        }
        Ok((document, problems))
    }

    /// What can be kept as a draft: it has the shape of a document and is within the limits of size.
    pub(crate) async fn read_draft(&self, tree: &Value) -> Result<(Document, Vec<Problem>), Error> {
        let problems = self.validate(tree.clone()).await?;
        if problems.iter().any(|problem| UNKEEPABLE.contains(&problem.code)) {
            return Err(Error::NotValid { problems });
        }
        match Document::from_value(tree.clone()) {
            Ok(document) => Ok((document, problems)),
            Err(_) => Err(Error::NotValid { problems }),
        }
    }

    /// A new workflow, not stored yet.
    pub(crate) async fn prepared(
        &self,
        workspace: WorkspaceId,
        document: Value,
        tags: Vec<String>,
    ) -> Result<Saved, Error> {
        let tags = checked_tags(tags)?;
        let (read, problems) = self.read_draft(&document).await?;
        let now = self.0.clock.now();
        let summary = Summary {
            id: WorkflowId::new(),
            workspace_id: workspace,
            name: read.name,
            description: read.description,
            tags,
            status: Status::Draft,
            revision: 1,
            latest_version: None,
            created_at: now,
            updated_at: now,
            published_at: None,
            deleted_at: None,
        };
        Ok(Saved { workflow: Workflow { summary, draft: document }, problems })
    }

    /// Changes a workflow but for its draft: read, decided and written anew whenever somebody else was quicker.
    pub(crate) async fn change(
        &self,
        principal: &Principal,
        kind: &str,
        id: WorkflowId,
        expected: Option<u64>,
        change: impl Fn(&mut Summary) -> Result<(), Error> + Send,
    ) -> Result<Workflow, Error> {
        loop {
            let Seen { row, workflow: Workflow { mut summary, draft }, .. } =
                self.expected(principal.workspace, id, expected).await?;
            change(&mut summary)?;
            if self.store_next(principal, kind, &row, &mut summary, None).await? {
                return Ok(Workflow { summary, draft });
            }
        }
    }

    pub(crate) async fn row(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Row, Error> {
        let found = self.0.store.row(id).await?;
        found.filter(|row| row.summary.workspace_id == workspace).ok_or(Error::NoWorkflow(id))
    }

    /// The row of a workflow that is not deleted.
    pub(crate) async fn present(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Row, Error> {
        let row = self.row(workspace, id).await?;
        if row.summary.deleted_at.is_some() { Err(Error::NoWorkflow(id)) } else { Ok(row) }
    }

    async fn seen(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Seen, Error> {
        self.live(self.present(workspace, id).await?).await
    }

    pub(crate) async fn live(&self, row: Row) -> Result<Seen, Error> {
        let Draft { seq, document } = self.0.collab.draft(row.summary.id).await?;
        let mut summary = row.at(seq);
        describe(&mut summary, &document);
        Ok(Seen { row, seq, workflow: Workflow { summary, draft: Arc::unwrap_or_clone(document) } })
    }

    pub(crate) async fn expected(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        expected: Option<u64>,
    ) -> Result<Seen, Error> {
        let seen = self.seen(workspace, id).await?;
        match expected {
            Some(expected) if expected != seen.workflow.summary.revision => {
                Err(Error::Stale { current: Box::new(seen.workflow) })
            }
            _ => Ok(seen),
        }
    }

    /// Writes the workflow as its next revision and tells of it as `kind`; `false` if somebody else did so first.
    pub(crate) async fn store_next(
        &self,
        principal: &Principal,
        kind: &str,
        seen: &Row,
        next: &mut Summary,
        published: Option<&Version>,
    ) -> Result<bool, Error> {
        next.revision += 1;
        next.updated_at = self.0.clock.now();
        self.0.store.replace(seen, next, published, told(principal, kind, next)).await
    }
}

pub(crate) fn refuse_archived(summary: &Summary) -> Result<(), Error> {
    match summary.status {
        Status::Archived => Err(Error::Archived(summary.id)),
        _ => Ok(()),
    }
}
