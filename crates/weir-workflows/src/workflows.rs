//! The rules of changing workflows.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use weir_base::{Clock, Page, PageRequest, Principal, Timestamp, WorkflowId, WorkspaceId};
use weir_core::diff::{Diff, diff};
use weir_core::document::Document;
use weir_core::problem::Problem;
use weir_core::validate::{codes, validate};
use weir_db::Db;
use weir_engine::Engine;

use crate::error::is_error;
use crate::store::WorkflowStore;
use crate::telling::{ARCHIVED, CREATED, DELETED, PAUSED, PUBLISHED, RESTORED, RESUMED, UPDATED, told};
use crate::{Edition, Error, Filter, Status, Summary, Version, VersionSummary, Versions, Workflow};

/// How long a deleted workflow can be restored.
const KEPT_AFTER_DELETION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The most tags of a workflow.
const MAX_TAGS: usize = 32;

/// The longest tag, in characters.
const MAX_TAG: usize = 64;

/// All workflows, and what may be done with them. Cheap to clone.
#[derive(Clone)]
pub struct Workflows(pub(crate) Arc<Parts>);

/// What it is built of.
pub(crate) struct Parts {
    pub(crate) store: WorkflowStore,
    pub(crate) versions: Versions,
    pub(crate) engine: Engine,
    clock: Arc<dyn Clock>,
}

/// What to change of a workflow; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// The new draft.
    pub document: Option<Value>,
    /// The new tags, instead of all the old ones.
    pub tags: Option<Vec<String>>,
}

/// A draft that was kept.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The workflow as it is now.
    pub workflow: Workflow,
    /// What is wrong or doubtful in the draft; errors forbid to publish it.
    pub problems: Vec<Problem>,
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
    /// The workflows of a database that [`MIGRATIONS`](crate::MIGRATIONS) were applied to.
    pub fn new(db: Db, engine: Engine, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Parts { store: WorkflowStore::new(db.clone()), versions: Versions::new(db), engine, clock }))
    }

    /// Published versions, read-only.
    pub fn versions(&self) -> &Versions {
        &self.0.versions
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

    /// The workflow with its draft.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], also if it is deleted.
    pub async fn get(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Workflow, Error> {
        let found = self.0.store.workflow(workspace, id).await?;
        found.filter(|workflow| workflow.summary.deleted_at.is_none()).ok_or(Error::NoWorkflow(id))
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

    /// Changes the draft or the tags, if the workflow still has the `expected` revision (any, without one).
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::Archived`], and as [`create`](Self::create).
    pub async fn update(
        &self,
        principal: &Principal,
        id: WorkflowId,
        expected: Option<u64>,
        update: Update,
    ) -> Result<Saved, Error> {
        let tags = update.tags.map(checked_tags).transpose()?;
        let draft = match update.document {
            Some(document) => {
                let (read, problems) = self.read_draft(&document).await?;
                Some((document, read, problems))
            }
            None => None,
        };
        let change = |workflow: &mut Workflow| {
            refuse_archived(workflow)?;
            if let Some(tags) = &tags {
                workflow.summary.tags.clone_from(tags);
            }
            if let Some((document, read, _)) = &draft {
                put_draft(workflow, document, read);
            }
            Ok(())
        };
        let workflow = self.change(principal, UPDATED, id, expected, change).await?;
        let problems = match draft {
            Some((_, _, problems)) => problems,
            None => self.validate(workflow.draft.clone()).await?,
        };
        Ok(Saved { workflow, problems })
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
            let mut workflow = self.expected(principal.workspace, id, expected).await?;
            refuse_archived(&workflow)?;
            let (document, warnings) = self.runnable_draft(&workflow.draft).await?;
            let hash = self.0.engine.keep_document(&document).await?;
            if let Some(number) = workflow.summary.latest_version {
                let latest = self.0.versions.get(principal.workspace, id, number).await?.summary;
                if latest.hash == hash {
                    return Ok(Published { workflow, version: latest, warnings });
                }
            }
            let now = self.0.clock.now();
            let number = workflow.summary.latest_version.map_or(1, |latest| latest.saturating_add(1));
            let summary = VersionSummary { number, hash, published_at: now };
            let version = Version { summary, document: workflow.draft.clone() };
            if workflow.summary.status == Status::Draft {
                workflow.summary.status = Status::Active;
            }
            workflow.summary.latest_version = Some(number);
            workflow.summary.published_at = Some(now);
            if self.store_next(principal, PUBLISHED, &mut workflow, Some(&version)).await? {
                return Ok(Published { workflow, version: version.summary, warnings });
            }
        }
    }

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
        self.move_to(principal, ARCHIVED, id, expected, Status::Archived, &[Status::Active, Status::Draft]).await
    }

    /// Deletes it; for 30 days [`undelete`](Self::undelete) brings it back. Its executions go on.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::Stale`].
    pub async fn delete(&self, principal: &Principal, id: WorkflowId, expected: Option<u64>) -> Result<(), Error> {
        let now = self.0.clock.now();
        let delete = |workflow: &mut Workflow| {
            workflow.summary.deleted_at = Some(now);
            Ok(())
        };
        self.change(principal, DELETED, id, expected, delete).await.map(drop)
    }

    /// Brings a deleted workflow back as it was; one that is not deleted stays as it is.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`] if it was deleted too long ago, or never there.
    pub async fn undelete(&self, principal: &Principal, id: WorkflowId) -> Result<Workflow, Error> {
        loop {
            let found = self.0.store.workflow(principal.workspace, id).await?;
            let mut workflow = found.ok_or(Error::NoWorkflow(id))?;
            match workflow.summary.deleted_at {
                None => return Ok(workflow),
                Some(deleted) if deleted < purged_before(self.0.clock.now()) => return Err(Error::NoWorkflow(id)),
                Some(_) => workflow.summary.deleted_at = None,
            }
            if self.store_next(principal, RESTORED, &mut workflow, None).await? {
                return Ok(workflow);
            }
        }
    }

    /// Removes the workflows that were deleted more than 30 days before `now`, with their versions. Answers how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn purge_deleted(&self, now: Timestamp) -> Result<u64, Error> {
        self.0.store.purge(purged_before(now)).await
    }

    /// Makes the document of a version the draft.
    ///
    /// # Errors
    /// [`Error::NoVersion`], [`Error::Stale`], [`Error::Archived`].
    pub async fn restore(
        &self,
        principal: &Principal,
        id: WorkflowId,
        number: u32,
        expected: Option<u64>,
    ) -> Result<Saved, Error> {
        let document = self.0.versions.get(principal.workspace, id, number).await?.document;
        self.update(principal, id, expected, Update { document: Some(document), tags: None }).await
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
    async fn read_draft(&self, tree: &Value) -> Result<(Document, Vec<Problem>), Error> {
        let problems = self.validate(tree.clone()).await?;
        let limits = [codes::DOCUMENT_TOO_DEEP.code, codes::DOCUMENT_TOO_LARGE.code, codes::KEY_RESERVED.code];
        if problems.iter().any(|problem| limits.contains(&problem.code)) {
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
        let step = |workflow: &mut Workflow| {
            let current = workflow.summary.status;
            if !from.contains(&current) {
                return Err(Error::Transition { id, from: current, to });
            }
            workflow.summary.status = to;
            Ok(())
        };
        self.change(principal, kind, id, expected, step).await
    }

    /// Changes a workflow: read, decided and written anew whenever somebody else was quicker.
    async fn change(
        &self,
        principal: &Principal,
        kind: &str,
        id: WorkflowId,
        expected: Option<u64>,
        change: impl Fn(&mut Workflow) -> Result<(), Error> + Send,
    ) -> Result<Workflow, Error> {
        loop {
            let mut workflow = self.expected(principal.workspace, id, expected).await?;
            change(&mut workflow)?;
            if self.store_next(principal, kind, &mut workflow, None).await? {
                return Ok(workflow);
            }
        }
    }

    async fn expected(&self, workspace: WorkspaceId, id: WorkflowId, expected: Option<u64>) -> Result<Workflow, Error> {
        let current = self.get(workspace, id).await?;
        match expected {
            Some(expected) if expected != current.summary.revision => Err(Error::Stale { current: Box::new(current) }),
            _ => Ok(current),
        }
    }

    /// Writes the workflow as its next revision and tells of it as `kind`; `false` if somebody else did so first.
    async fn store_next(
        &self,
        principal: &Principal,
        kind: &str,
        workflow: &mut Workflow,
        published: Option<&Version>,
    ) -> Result<bool, Error> {
        let seen = workflow.summary.revision;
        workflow.summary.revision = seen + 1;
        workflow.summary.updated_at = self.0.clock.now();
        self.0.store.replace(workflow, seen, published, told(principal, kind, &workflow.summary)).await
    }
}

fn put_draft(workflow: &mut Workflow, document: &Value, read: &Document) {
    workflow.summary.name.clone_from(&read.name);
    workflow.summary.description.clone_from(&read.description);
    workflow.draft = document.clone();
}

fn refuse_archived(workflow: &Workflow) -> Result<(), Error> {
    match workflow.summary.status {
        Status::Archived => Err(Error::Archived(workflow.summary.id)),
        _ => Ok(()),
    }
}

fn purged_before(now: Timestamp) -> Timestamp {
    now - KEPT_AFTER_DELETION
}

fn checked_tags(given: Vec<String>) -> Result<Vec<String>, Error> {
    let mut tags: Vec<String> = Vec::new();
    for tag in given {
        let length = tag.chars().count();
        if length == 0 || length > MAX_TAG || tag.trim() != tag || tag.chars().any(char::is_control) {
            let shown: String = tag.chars().take(MAX_TAG).collect();
            return Err(Error::Tags(format!(
                "{shown:?} is no tag: it needs 1 to {MAX_TAG} characters on one line, without spaces around"
            )));
        }
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(Error::Tags(format!("there are {} tags; {MAX_TAGS} are allowed", tags.len())));
    }
    Ok(tags)
}
