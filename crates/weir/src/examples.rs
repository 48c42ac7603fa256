//! Puts the example workflows into a server: `DIR/*/workflow.yaml`, imported and published once.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use weir_base::{Principal, WorkspaceId};
use weir_core::document::MAX_BYTES;
use weir_workflows::{Imported, OnConflict, Workflows};

/// Imports and publishes each example whose name is not there yet; one that is broken is told and left out.
pub(crate) async fn load(workflows: &Workflows, folder: &Path) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let file: PathBuf =
            entry.with_context(|| format!("cannot list {}", folder.display()))?.path().join("workflow.yaml");
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    for file in &files {
        if let Err(error) = load_one(workflows, file).await {
            tracing::warn!(file = %file.display(), "cannot load the example: {error:#}");
        }
    }
    Ok(())
}

async fn load_one(workflows: &Workflows, file: &Path) -> anyhow::Result<()> {
    let bytes = crate::commands::read(file, MAX_BYTES as u64)?;
    let operator = Principal::operator(WorkspaceId::FIRST);
    if let Imported::Created(saved) = workflows.import(&operator, &bytes, None, OnConflict::Skip).await? {
        let summary = &saved.workflow.summary;
        workflows.publish(&operator, summary.id, None).await.map_err(|error| match error {
            weir_workflows::Error::NotValid { problems } => {
                let told: Vec<String> =
                    problems.iter().map(|problem| format!("{} at {}", problem.message, problem.pointer)).collect();
                anyhow::anyhow!("not valid: {}", told.join("; "))
            }
            other => other.into(),
        })?;
        tracing::info!(name = summary.name, id = %summary.id, "loaded an example");
    }
    Ok(())
}
