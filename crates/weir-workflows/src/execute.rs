//! Running a workflow.

use std::collections::BTreeMap;

use serde_json::Value;
use weir_base::{ExecutionId, Principal, WorkflowId};
use weir_core::event::Pin;
use weir_engine::{StartExecution, Started};

use crate::{Error, Status, Workflows};

/// How a workflow is to be run.
#[derive(Debug, Clone)]
pub struct Execute {
    /// What it is started with.
    pub input: Value,
    /// Which version; the newest without it.
    pub version: Option<u32>,
    /// Run the draft instead of a version.
    pub draft: bool,
    /// The same key on the same workflow answers the same execution.
    pub idempotency_key: Option<String>,
    /// Results that are given instead of computed, by node id.
    pub pins: BTreeMap<String, Pin>,
    /// The execution's id, when its files were stored before it.
    pub execution_id: Option<ExecutionId>,
    /// What starts it, such as `manual` or `cli`.
    pub trigger: String,
}

impl Execute {
    /// The newest version, started by hand with this input.
    pub fn new(input: Value) -> Self {
        Self {
            input,
            version: None,
            draft: false,
            idempotency_key: None,
            pins: BTreeMap::new(),
            execution_id: None,
            trigger: "manual".to_owned(),
        }
    }
}

impl Workflows {
    /// Starts an execution; when this answers, it is durable.
    ///
    /// A draft can be run while the workflow is paused, which stops its versions only.
    ///
    /// # Errors
    /// [`Error::Archived`], [`Error::Paused`], [`Error::Unpublished`], [`Error::NoVersion`]; [`Error::NotValid`] for a
    /// draft with errors; [`Error::Engine`] if the input does not fit the workflow's `inputs`.
    pub async fn execute(&self, principal: &Principal, id: WorkflowId, execute: Execute) -> Result<Started, Error> {
        let workspace = principal.workspace;
        let (document, workflow_version) = if execute.draft {
            let workflow = self.get(workspace, id).await?;
            if workflow.summary.status == Status::Archived {
                return Err(Error::Archived(id));
            }
            let (document, _) = self.runnable_draft(&workflow.draft).await?;
            (self.0.engine.keep_document(&document).await?, None)
        } else {
            let resolved = self.0.versions.runnable(workspace, id, execute.version).await?;
            (resolved.document, Some(resolved.version))
        };
        let start = StartExecution {
            id: execute.execution_id,
            workflow_id: Some(id),
            workflow_version,
            pins: execute.pins,
            trigger: execute.trigger,
            idempotency_key: execute.idempotency_key,
            ..StartExecution::by(principal, document, execute.input)
        };
        Ok(self.0.engine.start(start).await?)
    }
}
