//! The port to workspaces: what an execution starts with, and how much of everything there may be.

use async_trait::async_trait;
use serde_json::{Map, Value};
use weir_base::WorkspaceId;

use crate::error::Error;

/// What the engine asks about workspaces, at each start: it should be quick to answer.
#[async_trait]
pub trait WorkspaceSettings: Send + Sync + 'static {
    /// The variables that executions of the workspace start with, by name.
    ///
    /// # Errors
    /// [`Error::Settings`], [`Error::Db`].
    async fn variables(&self, workspace: WorkspaceId) -> Result<Map<String, Value>, Error>;

    /// How much the workspace may use.
    ///
    /// # Errors
    /// As [`variables`](Self::variables).
    async fn quota(&self, workspace: WorkspaceId) -> Result<Quota, Error>;
}

/// How much a workspace may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Executions started from one midnight (UTC) to the next, sub-workflows and re-runs included; no limit without it.
    pub executions_per_day: Option<u64>,
    /// Bytes of uploaded files and large values of all its executions; no limit without it.
    pub stored_bytes: Option<u64>,
}

/// Workspaces without variables and limits: for a process that has nobody to ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSettings;

#[async_trait]
impl WorkspaceSettings for NoSettings {
    async fn variables(&self, _: WorkspaceId) -> Result<Map<String, Value>, Error> {
        Ok(Map::new())
    }

    async fn quota(&self, _: WorkspaceId) -> Result<Quota, Error> {
        Ok(Quota::default())
    }
}
