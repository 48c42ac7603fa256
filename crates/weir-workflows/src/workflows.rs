//! The rules of changing workflows.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use weir_base::{Clock, Page, PageRequest, Principal, Timestamp, WorkflowId, WorkspaceId};
use weir_collab::{Close, Collab, Draft, Fanout};
use weir_core::diff::{Diff, diff};
use weir_core::document::Document;
use weir_core::merge::merged;
use weir_core::problem::Problem;
use weir_core::validate::{codes, validate};
use weir_db::Db;
use weir_engine::Engine;

use crate::drafts::{StoredDrafts, author, describe};
use crate::error::is_error;
use crate::store::{Row, WorkflowStore};
use crate::telling::{ARCHIVED, CREATED, DELETED, PAUSED, PUBLISHED, RESTORED, RESUMED, UPDATED, told};
use crate::{Edition, Error, Filter, Status, Summary, Version, VersionSummary, Versions, Workflow};

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

/// The connection ends because what it is about is over (RFC 6455).
const POLICY: u16 = 1008;

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
    pub(crate) collab: Collab,
    clock: Arc<dyn Clock>,
}

/// A workflow as it is with its live draft.
struct Seen {
    row: Row,
    /// Where the draft is in its log.
    seq: u64,
    workflow: Workflow,
}

/// What to change of a workflow; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// What becomes of the draft.
    pub draft: Option<DraftChange>,
    /// The new tags, instead of all the old ones.
    pub tags: Option<Vec<String>>,
}

/// What becomes of a draft.
#[derive(Debug, Clone)]
pub enum DraftChange {
    /// This document.
    Replace(Value),
    /// What it is, with this JSON Merge Patch (RFC 7396) applied.
    Merge(Value),
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

    /// Changes the draft or the tags, if the workflow still has the `expected` revision (any, without one). Of the draft
    /// only what is different is written: what others edit at the same time stays.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::Archived`], [`Error::Live`], and as [`create`](Self::create).
    pub async fn update(
        &self,
        principal: &Principal,
        id: WorkflowId,
        expected: Option<u64>,
        update: Update,
    ) -> Result<Saved, Error> {
        let tags = update.tags.map(checked_tags).transpose()?;
        let seen = self.expected(principal.workspace, id, expected).await?;
        refuse_archived(&seen.workflow.summary)?;
        let edited = match update.draft {
            Some(change) => Some(self.edit(principal, &seen, expected.is_some(), change).await?),
            None => None,
        };
        // Whoever expected a revision has changed it by their edit.
        let expected = if edited.is_some() { None } else { expected };
        let workflow = match tags {
            Some(tags) => {
                let change = |summary: &mut Summary| {
                    refuse_archived(summary)?;
                    summary.tags.clone_from(&tags);
                    Ok(())
                };
                self.change(principal, UPDATED, id, expected, change).await?
            }
            None => self.get(principal.workspace, id).await?,
        };
        let problems = match edited {
            Some((draft, problems)) if draft == workflow.draft => problems,
            _ => self.validate(workflow.draft.clone()).await?,
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
        self.update(principal, id, expected, Update { draft: Some(DraftChange::Replace(document)), tags: None }).await
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

    /// Changes a workflow but for its draft: read, decided and written anew whenever somebody else was quicker.
    async fn change(
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

    /// Changes the draft. Answers it as it is then, and its problems.
    async fn edit(
        &self,
        principal: &Principal,
        seen: &Seen,
        is_expected: bool,
        change: DraftChange,
    ) -> Result<(Value, Vec<Problem>), Error> {
        let id = seen.workflow.summary.id;
        let next = change.applied(&seen.workflow.draft);
        let (_, problems) = self.read_draft(&next).await?;
        let as_seen = is_expected.then_some(seen.seq);
        let apply = |current: &Value| {
            let draft = change.applied(current);
            // What was merged with what others did meanwhile was not read yet.
            let unread = matches!(change, DraftChange::Merge(_)) && draft != next;
            match if unread { Document::from_value(draft.clone()).err() } else { None } {
                Some(problems) => Err(Error::NotValid { problems }),
                None => Ok(draft),
            }
        };
        match self.0.collab.edit(id, author(principal), as_seen, apply).await {
            Ok(Ok(_)) => Ok((next, problems)),
            Ok(Err(error)) => Err(error),
            Err(weir_collab::Error::Stale { .. }) => {
                let current = self.get(principal.workspace, id).await?;
                Err(Error::Stale { current: Box::new(current) })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn row(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Row, Error> {
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

    async fn live(&self, row: Row) -> Result<Seen, Error> {
        let Draft { seq, document } = self.0.collab.draft(row.summary.id).await?;
        let mut summary = row.at(seq);
        describe(&mut summary, &document);
        Ok(Seen { row, seq, workflow: Workflow { summary, draft: Arc::unwrap_or_clone(document) } })
    }

    async fn expected(&self, workspace: WorkspaceId, id: WorkflowId, expected: Option<u64>) -> Result<Seen, Error> {
        let seen = self.seen(workspace, id).await?;
        match expected {
            Some(expected) if expected != seen.workflow.summary.revision => {
                Err(Error::Stale { current: Box::new(seen.workflow) })
            }
            _ => Ok(seen),
        }
    }

    /// Writes the workflow as its next revision and tells of it as `kind`; `false` if somebody else did so first.
    async fn store_next(
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

impl DraftChange {
    fn applied(&self, current: &Value) -> Value {
        match self {
            Self::Replace(document) => document.clone(),
            Self::Merge(patch) => merged(current.clone(), patch),
        }
    }
}

fn refuse_archived(summary: &Summary) -> Result<(), Error> {
    match summary.status {
        Status::Archived => Err(Error::Archived(summary.id)),
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
