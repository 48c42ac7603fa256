//! Which workflows a list holds, and in which order.

use std::str::FromStr;

use crate::Status;

/// Which workflows a list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only these statuses; any when empty.
    pub statuses: Vec<Status>,
    /// Only those with this tag.
    pub tag: Option<String>,
    /// Only those with this text in their name or description; upper and lower case are the same.
    pub q: Option<String>,
    /// Those that were deleted and not purged yet, instead of those that are there.
    pub deleted: bool,
    /// In which order.
    pub sort: Sort,
}

/// An order of workflows, made total by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// What counts.
    pub by: SortKey,
    /// The last of it first.
    pub descending: bool,
}

/// What workflows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// The name, in lower case.
    Name,
    /// When it was made.
    CreatedAt,
    /// When it last changed.
    UpdatedAt,
}

impl Default for Sort {
    fn default() -> Self {
        Self { by: SortKey::UpdatedAt, descending: true }
    }
}

impl SortKey {
    /// The word used in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
        }
    }
}

/// A word that is no order of workflows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no order of workflows; there are name, created_at, updated_at, each with a leading - for descending")]
pub struct UnknownSort(String);

impl FromStr for Sort {
    type Err = UnknownSort;

    /// Reads `name`, or `-name` for descending.
    fn from_str(text: &str) -> Result<Self, UnknownSort> {
        let (word, descending) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
        [SortKey::Name, SortKey::CreatedAt, SortKey::UpdatedAt]
            .into_iter()
            .find(|key| key.as_str() == word)
            .map(|by| Self { by, descending })
            .ok_or_else(|| UnknownSort(text.chars().take(64).collect()))
    }
}
