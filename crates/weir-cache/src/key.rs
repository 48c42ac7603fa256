//! The names under which things are kept.

use std::borrow::Borrow;
use std::fmt::{self, Display, Write as _};

use crate::resources::Resource;

/// Room for two ids and what stands between them, in bytes.
const ID: usize = 80;

/// `{service}:{resource}:{id}[:{attribute}]`; an attribute is part of what the caller gives as the id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key(String);

impl Key {
    pub(crate) fn new(resource: &Resource, id: impl Display) -> Self {
        let mut key = String::with_capacity(resource.service.len() + resource.name.len() + ID);
        // Writing to a string cannot fail.
        let _ = write!(key, "{}:{}:{id}", resource.service, resource.name);
        Self(key)
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
