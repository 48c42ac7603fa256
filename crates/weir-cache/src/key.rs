//! The names under which things are kept.

use std::borrow::Borrow;
use std::fmt::{self, Display};

use crate::resources::Resource;

/// `{service}:{resource}:{id}[:{attribute}]`; an attribute is part of what the caller gives as the id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key(String);

impl Key {
    pub(crate) fn new(resource: &Resource, id: impl Display) -> Self {
        Self(format!("{}:{}:{id}", resource.service, resource.name))
    }

    /// A key as another process wrote it.
    pub(crate) fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
