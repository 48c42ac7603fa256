//! The port to secrets: a node names a credential, the engine hands it over outside the journal.

use std::collections::BTreeMap;

use async_trait::async_trait;
use weir_base::{Credential, WorkspaceId};
use weir_core::node_error::NodeError;

/// Where credentials come from.
#[async_trait]
pub trait CredentialSource: Send + Sync + 'static {
    /// The credential of this name in a workspace, or `None` when there is no such thing.
    ///
    /// # Errors
    /// [`NodeError`] of class `transient` when the source is away.
    async fn credential(&self, workspace: WorkspaceId, name: &str) -> Result<Option<Credential>, NodeError>;
}

/// Credentials held in memory, by name, the same for every workspace; the empty one when a process has none.
#[derive(Debug, Clone, Default)]
pub struct FixedCredentials(BTreeMap<String, Credential>);

impl FromIterator<(String, Credential)> for FixedCredentials {
    fn from_iter<I: IntoIterator<Item = (String, Credential)>>(credentials: I) -> Self {
        Self(credentials.into_iter().collect())
    }
}

#[async_trait]
impl CredentialSource for FixedCredentials {
    async fn credential(&self, _: WorkspaceId, name: &str) -> Result<Option<Credential>, NodeError> {
        Ok(self.0.get(name).cloned())
    }
}
