//! What is asked of an engine, and what it answers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value};
use weir_base::{ExecutionId, Principal, WorkflowId, WorkspaceId};
use weir_core::event::Pin;
use weir_core::path::NodePath;

use crate::executions::{Details, Summary};
use crate::workspaces::Quota;

/// An execution to be started.
#[derive(Debug, Clone)]
pub struct StartExecution {
    /// The id it shall have, when files were put into it beforehand.
    pub id: Option<ExecutionId>,
    /// The workspace it shall belong to.
    pub workspace: WorkspaceId,
    /// Who starts it: a [`weir_base::Actor`] as text.
    pub started_by: Option<String>,
    /// What started the execution that was first, when another one starts this.
    pub origin: Option<String>,
    /// From where they ask for it.
    pub address: Option<IpAddr>,
    /// Of which workflow, unless a bare file is run.
    pub workflow_id: Option<WorkflowId>,
    /// Which version; `None` for the draft.
    pub workflow_version: Option<u32>,
    /// The document, as [`Engine::keep_document`] named it.
    pub document: String,
    /// The input.
    pub input: Value,
    /// Variables besides the workspace's own, which they take precedence over.
    pub vars: Map<String, Value>,
    /// Results given instead of computed, by node id.
    pub pins: BTreeMap<String, Pin>,
    /// What starts it.
    pub trigger: String,
    /// Two requests with one key are one execution of the workflow.
    pub idempotency_key: Option<String>,
}

impl StartExecution {
    /// A start by hand with nothing else said, by who runs the process.
    pub fn new(workspace: WorkspaceId, document: impl Into<String>, input: Value) -> Self {
        Self::by(&Principal::operator(workspace), document, input)
    }

    /// A start by hand with nothing else said.
    pub fn by(principal: &Principal, document: impl Into<String>, input: Value) -> Self {
        Self {
            id: None,
            workspace: principal.workspace,
            started_by: Some(principal.actor.to_string()),
            origin: None,
            address: principal.address,
            workflow_id: None,
            workflow_version: None,
            document: document.into(),
            input,
            vars: Map::new(),
            pins: BTreeMap::new(),
            trigger: "manual".to_owned(),
            idempotency_key: None,
        }
    }
}

/// An accepted execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// Its id.
    pub id: ExecutionId,
    /// It had been started before under the same idempotency key.
    pub existing: bool,
}

/// What a workspace has used of what it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// What it may use.
    pub quota: Quota,
    /// Executions started since midnight (UTC).
    pub executions_today: u64,
    /// Bytes of uploaded files and large values.
    pub stored_bytes: u64,
}

/// From where an execution is to be run again.
#[derive(Debug, Clone)]
pub struct Rerun {
    /// The first node that runs anew.
    pub from: NodePath,
    /// Another input; the old one without it.
    pub input: Option<Value>,
    /// Another document with its version; the old one without it.
    pub document: Option<(String, Option<u32>)>,
}

/// What came of waiting for an execution.
#[derive(Debug, Clone)]
pub enum Waited {
    /// It ended.
    Ended(Box<Details>),
    /// A node answers the caller: `{status, headers, body}`.
    Responded(Value),
    /// It goes on.
    StillRunning(Box<Summary>),
}
