//! What engine and events ask of people and their secrets, answered by the crate that has them.

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use weir_base::{Credential, ErrorKind, WorkspaceId};
use weir_core::node_error::{ErrorClass, NodeError};
use weir_engine::credential::CredentialSource;
use weir_engine::{Quota, WorkspaceSettings};
use weir_events::SecretSource;
use weir_identity::{Credentials, Identity, Variables};

/// The credentials of all workspaces, for nodes and notifications.
pub(super) struct Vault(pub(super) Credentials);

#[async_trait]
impl CredentialSource for Vault {
    async fn credential(&self, workspace: WorkspaceId, name: &str) -> Result<Option<Credential>, NodeError> {
        self.0.secret(workspace, name).await.map_err(|error| {
            let class = match error.kind() {
                ErrorKind::Unavailable | ErrorKind::Exhausted => ErrorClass::Transient,
                _ => ErrorClass::Refused,
            };
            NodeError::new(class, format!("the credential {name:?} cannot be used: {error}"))
        })
    }
}

impl SecretSource for Vault {
    fn secret<'a>(&'a self, workspace: WorkspaceId, name: &'a str) -> BoxFuture<'a, Result<Credential, String>> {
        async move {
            match self.0.secret(workspace, name).await {
                Ok(Some(credential)) => Ok(credential),
                Ok(None) => Err(format!("there is no credential {name:?}")),
                Err(error) => Err(error.to_string()),
            }
        }
        .boxed()
    }
}

/// What executions of a workspace start with, and how much they may use.
pub(super) struct Settings {
    pub(super) identity: Identity,
    pub(super) variables: Variables,
}

#[async_trait]
impl WorkspaceSettings for Settings {
    async fn variables(&self, workspace: WorkspaceId) -> Result<Map<String, Value>, weir_engine::Error> {
        self.variables.all(workspace).await.map_err(failed)
    }

    async fn quota(&self, workspace: WorkspaceId) -> Result<Quota, weir_engine::Error> {
        let quotas = self.identity.workspaces().quotas(workspace).await.map_err(failed)?;
        Ok(Quota { executions_per_day: quotas.executions_per_day, stored_bytes: quotas.stored_bytes })
    }
}

fn failed(error: weir_identity::Error) -> weir_engine::Error {
    match error {
        weir_identity::Error::Db(error) => error.into(),
        error => weir_engine::Error::Settings { kind: error.kind(), message: error.to_string() },
    }
}
