//! What a workflow is besides its documents, and which status may follow which.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use weir_base::{Timestamp, WorkflowId, WorkspaceId};

/// A workflow in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Which.
    pub id: WorkflowId,
    /// The workspace it belongs to.
    pub workspace_id: WorkspaceId,
    /// The draft's name; several workflows may share one.
    pub name: String,
    /// The draft's description.
    pub description: Option<String>,
    /// Words to find it by, without repetition.
    pub tags: Vec<String>,
    /// Where it stands.
    pub status: Status,
    /// Counts every change from 1; who changes something says which one they have seen.
    pub revision: u64,
    /// The newest published version, which is the one that runs; `None` before the first.
    pub latest_version: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When its newest version was published.
    pub published_at: Option<Timestamp>,
    /// When it was deleted; it can be restored for 30 days.
    pub deleted_at: Option<Timestamp>,
}

/// A workflow with its draft.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// What a list shows.
    pub summary: Summary,
    /// The document being worked on, as it was given.
    pub draft: Value,
}

/// Where a workflow stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Never published.
    Draft,
    /// Its newest version runs when asked to.
    Active,
    /// Published, and not to be run for now.
    Paused,
    /// Put away: it can be read, and neither changed nor run.
    Archived,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Draft, Self::Active, Self::Paused, Self::Archived];

    /// The word used in the API and in the stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Archived => "archived",
        }
    }

    /// The statuses that may follow this one.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Draft => &[Self::Active, Self::Archived],
            Self::Active => &[Self::Paused, Self::Archived],
            Self::Paused => &[Self::Active],
            Self::Archived => &[],
        }
    }

    /// What a person does to bring a workflow of status `self` to `next`.
    pub(crate) const fn action(self, next: Self) -> &'static str {
        match (self, next) {
            (Self::Paused, Self::Active) => "resume",
            (_, Self::Active) => "publish",
            (_, Self::Paused) => "pause",
            (_, Self::Archived) => "archive",
            (_, Self::Draft) => "draft",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no status of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no status of a workflow; there are draft, active, paused, archived")]
pub struct UnknownStatus(String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| UnknownStatus(word.chars().take(64).collect()))
    }
}
