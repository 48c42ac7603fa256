//! Documents coming in from files and going out to them, in Weir's own format.

use weir_base::{Principal, WorkflowId, WorkspaceId};
use weir_core::document::{Format, parse};
use weir_core::problem::Problem;

use crate::{DraftChange, Edition, Error, Saved, Update, Workflow, Workflows};

/// What an import does when workflows of the document's name are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Make another workflow.
    #[default]
    New,
    /// Make the document the draft of the workflow of that name.
    Replace,
    /// Leave everything as it is.
    Skip,
}

/// What an import came to.
#[derive(Debug, Clone)]
pub enum Imported {
    /// A new workflow.
    Created(Saved),
    /// The workflow of that name has a new draft.
    Replaced(Saved),
    /// A workflow of that name was there, and was left alone.
    Skipped(Workflow),
}

impl Imported {
    /// The workflow as it is now.
    pub const fn workflow(&self) -> &Workflow {
        match self {
            Self::Created(saved) | Self::Replaced(saved) => &saved.workflow,
            Self::Skipped(workflow) => workflow,
        }
    }

    /// What is wrong or doubtful in the document; empty when it was skipped.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Created(saved) | Self::Replaced(saved) => &saved.problems,
            Self::Skipped(_) => &[],
        }
    }
}

impl Workflows {
    /// Takes a document as a draft; the notation is guessed when it is not given.
    ///
    /// # Errors
    /// [`Error::NotValid`] if the text cannot be read, has not the shape of a document, or is beyond the limits;
    /// with [`OnConflict::Replace`] also [`Error::Ambiguous`] and [`Error::Archived`].
    pub async fn import(
        &self,
        principal: &Principal,
        bytes: &[u8],
        format: Option<Format>,
        on_conflict: OnConflict,
    ) -> Result<Imported, Error> {
        let format = format.unwrap_or_else(|| Format::guess(bytes));
        let tree = parse(bytes, format).map_err(|problems| Error::NotValid { problems })?;
        let name = tree.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
        let there = match on_conflict {
            OnConflict::New => Vec::new(),
            OnConflict::Replace | OnConflict::Skip => self.0.store.named(principal.workspace, name).await?,
        };
        match (there.as_slice(), on_conflict) {
            ([], _) | (_, OnConflict::New) => Ok(Imported::Created(self.create(principal, tree, Vec::new()).await?)),
            ([first, ..], OnConflict::Skip) => Ok(Imported::Skipped(self.get(principal.workspace, *first).await?)),
            ([only], OnConflict::Replace) => {
                let update = Update { draft: Some(DraftChange::Replace(tree)), tags: None };
                Ok(Imported::Replaced(self.update(principal, *only, None, update).await?))
            }
            (several, OnConflict::Replace) => Err(Error::Ambiguous { name: name.to_owned(), ids: several.to_vec() }),
        }
    }

    /// The text of one of the workflow's documents; importing it gives the same document.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`], [`Error::NoVersion`].
    pub async fn export(
        &self,
        workspace: WorkspaceId,
        id: WorkflowId,
        edition: Edition,
        format: Format,
    ) -> Result<String, Error> {
        let document = self.document(workspace, id, edition).await?;
        Ok(match format {
            Format::Json => document.to_json(),
            Format::Yaml => document.to_yaml(),
        })
    }
}
