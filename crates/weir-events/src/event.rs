//! What a domain event says.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use weir_base::{Actor, Principal, Timestamp, WorkspaceId};

/// Something that happened to a thing of the domain, told to whoever wants to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DomainEvent {
    /// Stays the same however often it is delivered.
    pub id: String,
    /// What happened, such as `WorkflowPublished`.
    pub kind: String,
    /// In which workspace; `None` for what concerns the installation.
    pub workspace: Option<WorkspaceId>,
    /// To which thing: its sort and id, such as `workflow/0190...`. Events of one thing are delivered in their order.
    pub subject: String,
    /// By whom: an [`Actor`] as text.
    pub actor: String,
    /// From which address it was asked for.
    pub address: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What started the execution that tells of it, if one does: a chain of events that start executions that tell
    /// events is known by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// What else there is to say; never a secret.
    pub data: Value,
}

impl DomainEvent {
    /// Something a principal did in their workspace.
    pub fn by(principal: &Principal, kind: &str, subject: String, at: Timestamp, data: Value) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            kind: kind.to_owned(),
            workspace: Some(principal.workspace),
            subject,
            actor: principal.actor.to_string(),
            address: principal.address.map(|address| address.to_string()),
            at,
            trigger: None,
            data,
        }
    }

    /// Something that happened by itself, or in the course of what was asked for long before. `id` is derived from
    /// what happened, so that telling it twice is telling it once.
    pub fn of_itself(
        id: String,
        workspace: WorkspaceId,
        kind: &str,
        subject: String,
        at: Timestamp,
        data: Value,
    ) -> Self {
        Self {
            id,
            kind: kind.to_owned(),
            workspace: Some(workspace),
            subject,
            actor: Actor::Operator.to_string(),
            address: None,
            at,
            trigger: None,
            data,
        }
    }

    /// The event as CloudEvents 1.0 has it in JSON.
    pub fn cloud_event(&self) -> Value {
        let source = self.workspace.map_or_else(|| "/".to_owned(), |workspace| format!("/workspaces/{workspace}"));
        let mut event = json!({
            "specversion": "1.0",
            "id": self.id,
            "source": source,
            "type": self.kind,
            "subject": self.subject,
            "time": self.at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            "datacontenttype": "application/json",
            "actor": self.actor,
            "data": self.data,
        });
        if let Some(workspace) = self.workspace {
            event["workspaceid"] = json!(workspace);
        }
        event
    }
}
