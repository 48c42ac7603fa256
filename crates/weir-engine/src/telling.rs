//! What is told of executions outside the journal: domain events, written together with what they tell of.
//!
//! They name things and say how these stand. Inputs, outputs and the words of errors stay in the journal, which only
//! whoever may read the execution sees.

use std::net::IpAddr;

use serde_json::{Value, json};
use weir_base::{Actor, Principal, Timestamp};
use weir_core::event::{AfterFailure, Event, ExecutionStarted, JournalEvent};
use weir_core::execution::Status;
use weir_core::node_error::NodeError;
use weir_core::node_type::Catalog;
use weir_core::outcome::Wait;
use weir_core::path::NodePath;
use weir_core::plan::Plan;
use weir_events::DomainEvent;

/// Who asked for what an event tells of, and from where.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asker<'a> {
    /// An [`Actor`] as text; Weir itself without it.
    pub(crate) actor: Option<&'a str>,
    pub(crate) address: Option<IpAddr>,
}

/// What is told of one execution.
pub(crate) struct Telling<'a> {
    pub(crate) started: &'a ExecutionStarted,
    pub(crate) started_at: Timestamp,
    pub(crate) plan: &'a Plan,
    pub(crate) catalog: &'a Catalog,
}

impl Telling<'_> {
    /// What the outside is told of this event, if anything.
    pub(crate) fn of(&self, recorded: &JournalEvent, by: Asker<'_>) -> Option<DomainEvent> {
        let (kind, data) = self.kind_and_data(recorded)?;
        let id = self.started.execution_id;
        Some(DomainEvent {
            id: format!("{id}/{}", recorded.seq),
            kind: kind.to_owned(),
            workspace: Some(self.started.workspace_id),
            subject: format!("execution/{id}"),
            actor: by.actor.map_or_else(|| Actor::Operator.to_string(), str::to_owned),
            address: by.address.map(|address| address.to_string()),
            at: recorded.at,
            trigger: Some(self.started.first_trigger().to_owned()),
            data,
        })
    }

    fn kind_and_data(&self, recorded: &JournalEvent) -> Option<(&'static str, Value)> {
        Some(match &recorded.event {
            Event::ExecutionStarted(_) => ("ExecutionStarted", self.execution()),
            Event::ExecutionCompleted { .. } => ("ExecutionCompleted", self.ended(Status::Completed, recorded.at)),
            Event::ExecutionFailed { error, path, timeout } => {
                let status = if *timeout { Status::Timeout } else { Status::Failed };
                let mut data = self.ended(status, recorded.at);
                data["error"] = json!({ "class": error.class, "node": path });
                ("ExecutionFailed", data)
            }
            Event::ExecutionCancelled => ("ExecutionCancelled", self.ended(Status::Cancelled, recorded.at)),
            Event::NodeCompleted { path, attempt, pinned: false, .. } if self.is_effect(path) => {
                ("NodeExecuted", self.node(path, Some(*attempt)))
            }
            Event::NodeFailed { path, attempt, error, then } if !matches!(then, AfterFailure::Retry { .. }) => {
                ("NodeFailed", self.failed(path, Some(*attempt), error))
            }
            Event::CompensationCompleted { path, error: Some(error), .. } => {
                let mut data = self.failed(path, None, error);
                data["compensation"] = Value::Bool(true);
                ("NodeFailed", data)
            }
            Event::NodeWaiting { path, wait: Wait::Approval(request) } => {
                let mut data = self.node(path, None);
                data["title"] = json!(request.title);
                data["assignee"] = json!(request.assignee);
                data["deadline"] = json!(request.deadline);
                ("ApprovalRequested", data)
            }
            Event::ApprovalDecided { path, decision } => {
                let mut data = self.node(path, None);
                data["approved"] = Value::Bool(decision.approved);
                data["decided_by"] = json!(decision.by);
                ("ApprovalDecided", data)
            }
            _ => return None,
        })
    }

    fn execution(&self) -> Value {
        json!({
            "workflow_id": self.started.workflow_id,
            "version": self.started.workflow_version,
            "trigger": self.started.trigger,
            "parent_id": self.started.parent.as_ref().map(|parent| parent.execution_id),
        })
    }

    fn ended(&self, status: Status, at: Timestamp) -> Value {
        let mut data = self.execution();
        data["status"] = json!(status.as_str());
        data["duration_ms"] = json!((at - self.started_at).num_milliseconds());
        data
    }

    fn node(&self, path: &NodePath, attempt: Option<u32>) -> Value {
        let node_type = self.plan.node_ix(path.node_id()).map(|node| self.plan.nodes[node].node_type);
        let mut data = json!({ "workflow_id": self.started.workflow_id, "node": path, "type": node_type });
        if let Some(attempt) = attempt {
            data["attempt"] = json!(attempt);
        }
        data
    }

    fn failed(&self, path: &NodePath, attempt: Option<u32>, error: &NodeError) -> Value {
        let mut data = self.node(path, attempt);
        data["error"] = json!({ "class": error.class });
        data
    }

    /// Whether the node does something outside, so that its run is worth telling of.
    fn is_effect(&self, path: &NodePath) -> bool {
        let node = self.plan.node_ix(path.node_id());
        let info = node.and_then(|node| self.catalog.get(self.plan.nodes[node].node_type));
        info.is_some_and(|info| !info.pure)
    }
}

/// Who asked for which events of an execution, until they are told of.
#[derive(Debug, Default)]
pub(crate) struct Askers {
    /// First and last number of events that follow from what somebody asked for.
    asked: Vec<(u64, u64, Asked)>,
    /// Its end is told of as theirs, however much later it comes.
    cancelled_by: Option<Asked>,
}

#[derive(Debug, Clone)]
struct Asked {
    actor: String,
    address: Option<IpAddr>,
}

impl Askers {
    /// What this principal asked for came to the events after `before`, up to `last`.
    pub(crate) fn add(&mut self, principal: &Principal, before: u64, last: u64, cancels: bool) {
        let asked = Asked { actor: principal.actor.to_string(), address: principal.address };
        if cancels {
            self.cancelled_by = Some(asked.clone());
        }
        self.asked.push((before + 1, last, asked));
    }

    /// Who asked for this event.
    pub(crate) fn of(&self, recorded: &JournalEvent) -> Asker<'_> {
        let found = self.asked.iter().find(|(first, last, _)| (*first..=*last).contains(&recorded.seq));
        let cancelled = self.cancelled_by.as_ref().filter(|_| matches!(recorded.event, Event::ExecutionCancelled));
        let asked = found.map(|(.., asked)| asked).or(cancelled);
        asked.map_or_else(Asker::default, |asked| Asker { actor: Some(&asked.actor), address: asked.address })
    }

    /// All that was asked for so far has been told of.
    pub(crate) fn forget(&mut self) {
        self.asked.clear();
    }
}
