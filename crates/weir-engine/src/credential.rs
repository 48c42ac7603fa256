//! The port to secrets: a node names a credential, the engine hands it over outside the journal.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use weir_core::node_error::NodeError;

/// Where credentials come from.
#[async_trait]
pub trait CredentialSource: Send + Sync + 'static {
    /// The credential of this name, or `None` when there is no such thing.
    ///
    /// # Errors
    /// [`NodeError`] of class `transient` when the source is away.
    async fn credential(&self, name: &str) -> Result<Option<Credential>, NodeError>;
}

/// A typed secret. Its `Debug` form shows no secret.
#[derive(Clone)]
pub enum Credential {
    /// `Authorization: Bearer <token>`.
    Bearer {
        /// The token.
        token: String,
    },
    /// HTTP basic authentication.
    Basic {
        /// The user's name.
        username: String,
        /// The password.
        password: String,
    },
    /// A key sent in a header of this name.
    ApiKey {
        /// The header's name.
        header: String,
        /// The key.
        key: String,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Bearer { .. } => "Bearer",
            Self::Basic { .. } => "Basic",
            Self::ApiKey { .. } => "ApiKey",
        };
        write!(f, "Credential::{kind}(***)")
    }
}

/// Credentials held in memory, by name; the empty one when a process has none.
#[derive(Debug, Clone, Default)]
pub struct FixedCredentials(BTreeMap<String, Credential>);

impl FromIterator<(String, Credential)> for FixedCredentials {
    fn from_iter<I: IntoIterator<Item = (String, Credential)>>(credentials: I) -> Self {
        Self(credentials.into_iter().collect())
    }
}

#[async_trait]
impl CredentialSource for FixedCredentials {
    async fn credential(&self, name: &str) -> Result<Option<Credential>, NodeError> {
        Ok(self.0.get(name).cloned())
    }
}
