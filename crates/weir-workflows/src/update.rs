//! Changing a workflow's draft and its tags.

use serde_json::Value;
use weir_base::{Principal, WorkflowId};
use weir_core::document::Document;
use weir_core::merge::merged;
use weir_core::problem::Problem;

use crate::drafts::author;
use crate::telling::UPDATED;
use crate::workflows::{Seen, refuse_archived};
use crate::{Error, Summary, Workflow, Workflows};

/// The most tags of a workflow.
const MAX_TAGS: usize = 32;

/// The longest tag, in characters.
const MAX_TAG: usize = 64;

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

impl Workflows {
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
}

impl DraftChange {
    fn applied(&self, current: &Value) -> Value {
        match self {
            Self::Replace(document) => document.clone(),
            Self::Merge(patch) => merged(current.clone(), patch),
        }
    }
}

pub(crate) fn checked_tags(given: Vec<String>) -> Result<Vec<String>, Error> {
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
