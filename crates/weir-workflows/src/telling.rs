//! What is told of changes of workflows, in the batch that makes them.

use serde_json::json;
use weir_base::Principal;
use weir_events::DomainEvent;

use crate::Summary;

pub(crate) const CREATED: &str = "WorkflowCreated";
pub(crate) const UPDATED: &str = "WorkflowUpdated";
pub(crate) const PUBLISHED: &str = "WorkflowPublished";
pub(crate) const PAUSED: &str = "WorkflowPaused";
pub(crate) const RESUMED: &str = "WorkflowResumed";
pub(crate) const ARCHIVED: &str = "WorkflowArchived";
pub(crate) const DELETED: &str = "WorkflowDeleted";
pub(crate) const RESTORED: &str = "WorkflowRestored";

/// That a principal made of a workflow what it is now.
pub(crate) fn told(principal: &Principal, kind: &str, workflow: &Summary) -> DomainEvent {
    let data = json!({
        "name": workflow.name,
        "status": workflow.status.as_str(),
        "revision": workflow.revision,
        "latest_version": workflow.latest_version,
    });
    DomainEvent::by(principal, kind, format!("workflow/{}", workflow.id), workflow.updated_at, data)
}
