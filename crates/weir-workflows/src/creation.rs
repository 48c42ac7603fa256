//! Making a workflow once, however often the request for it arrives.

use std::time::Duration;

use serde_json::Value;
use weir_base::Principal;

use crate::telling::{CREATED, told};
use crate::{Error, Saved, Workflows};

/// How long a key stands for the workflow that was made under it.
const KEYS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a request for a new workflow came to.
#[derive(Debug, Clone)]
pub struct Created {
    /// The workflow as it is now.
    pub saved: Saved,
    /// It had been made before under the same key.
    pub existing: bool,
}

impl Workflows {
    /// As [`create`](Self::create), but a key that was used in the workspace within a day answers the workflow made then.
    ///
    /// # Errors
    /// As [`create`](Self::create), and [`Error::NoWorkflow`] if the workflow made then was deleted.
    pub async fn create_once(
        &self,
        principal: &Principal,
        document: Value,
        tags: Vec<String>,
        key: &str,
    ) -> Result<Created, Error> {
        let workspace = principal.workspace;
        let saved = self.prepared(workspace, document, tags).await?;
        let forgotten_before = saved.workflow.summary.created_at - KEYS_KEPT;
        loop {
            let told = told(principal, CREATED, &saved.workflow.summary);
            if self.0.store.insert_once(&saved.workflow, key, forgotten_before, told).await? {
                return Ok(Created { saved, existing: false });
            }
            // The key may be forgotten between the two steps; then it is free again.
            if let Some(id) = self.0.store.created_under(workspace, key).await? {
                let workflow = self.get(workspace, id).await?;
                let problems = self.validate(workflow.draft.clone()).await?;
                return Ok(Created { saved: Saved { workflow, problems }, existing: true });
            }
        }
    }
}
