//! Executions that run on behalf of a `sub_workflow` node.
//!
//! A child's id follows from its parent's, the node's path and the attempt, so starting it twice starts it once. Its
//! end is recorded together with news for the parent, and that it is needed no more together with news for the child, so
//! no crash in between loses either.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use weir_base::{ErrorKind, ExecutionId};
use weir_core::event::{Event, ExecutionStarted, Parent, Relation};
use weir_core::execution::{Execution, Input};
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::outcome::ChildRequest;
use weir_core::path::NodePath;
use weir_core::payload::Payload;

use crate::driver::Message;
use crate::engine::{Inner, StartExecution};
use crate::error::Error;

/// How deep executions may start one another: deeper is taken for a workflow that calls itself without end.
const MAX_DEPTH: usize = 16;

/// More attempts than any retry policy allows.
const MOST_ATTEMPTS: u32 = 1_000;

impl Inner {
    /// Starts a child beside the driver.
    pub(crate) fn begin_child(
        self: &Arc<Self>,
        parent: Arc<ExecutionStarted>,
        path: NodePath,
        attempt: u32,
        request: ChildRequest,
    ) {
        let (engine, child) = (Arc::clone(self), child_id(parent.execution_id, &path, attempt));
        let begun = CancellationToken::new();
        self.children_starting.lock().insert(child, begun.clone());
        self.spawn(async move {
            let _begun = begun.drop_guard();
            engine.start_child(&parent, path, attempt, request).await;
            engine.children_starting.lock().remove(&child);
        });
    }

    async fn start_child(
        self: &Arc<Self>,
        for_parent: &ExecutionStarted,
        path: NodePath,
        attempt: u32,
        request: ChildRequest,
    ) {
        let parent = for_parent.execution_id;
        match self.try_start_child(for_parent, &path, attempt, request).await {
            Ok(None) => {}
            Ok(Some(ended)) => self.deliver(parent, Message::News { from: ended }).await,
            // Left to recovery: the wait is recorded, and taking it up again starts the child.
            Err(Error::Stopping) => {}
            Err(error) => {
                let class = match error.kind() {
                    ErrorKind::Unavailable => ErrorClass::Transient,
                    ErrorKind::Exhausted => ErrorClass::Refused,
                    _ => ErrorClass::Invalid,
                };
                let message = match &error {
                    Error::Input(problems) => {
                        let all: Vec<_> =
                            problems.iter().map(|each| format!("{} {}", each.pointer, each.message)).collect();
                        format!("the sub-workflow was not started: {error}: {}", all.join("; "))
                    }
                    _ => format!("the sub-workflow was not started: {error}"),
                };
                let result = Err(NodeError::new(class, message));
                if let Err(error) = self.ask(parent, Input::ChildDone { path, attempt, result }).await {
                    tracing::warn!(execution = %parent, %error, "could not tell of a child that did not start");
                }
            }
        }
    }

    /// Starts a child unless it was; names it when it has ended already.
    async fn try_start_child(
        self: &Arc<Self>,
        for_parent: &ExecutionStarted,
        path: &NodePath,
        attempt: u32,
        request: ChildRequest,
    ) -> Result<Option<ExecutionId>, Error> {
        let parent = for_parent.execution_id;
        self.check_depth(parent).await?;
        let id = child_id(parent, path, attempt);
        let input = self.values.load(&request.input).await?;
        let start = StartExecution {
            id: Some(id),
            workflow_id: Some(request.workflow_id),
            workflow_version: Some(request.version),
            trigger: "sub_workflow".to_owned(),
            started_by: for_parent.started_by.clone(),
            origin: Some(for_parent.first_trigger().to_owned()),
            ..StartExecution::new(for_parent.workspace_id, request.document, Arc::unwrap_or_clone(input))
        };
        let from = Parent { execution_id: parent, path: path.clone(), relation: Relation::SubWorkflow };
        self.start(start, Some(from)).await?;
        let status = self.executions.summary_of_any(id).await?.status;
        Ok(status.is_terminal().then_some(id))
    }

    async fn check_depth(&self, parent: ExecutionId) -> Result<(), Error> {
        let mut above = Some(parent);
        for _ in 0..MAX_DEPTH {
            let Some(id) = above else { return Ok(()) };
            let parent = self.executions.summary_of_any(id).await?.parent;
            above = parent.filter(|from| from.relation == Relation::SubWorkflow).map(|from| from.execution_id);
        }
        match above {
            None => Ok(()),
            Some(_) => Err(Error::TooDeep { limit: MAX_DEPTH }),
        }
    }

    /// Brings the news that is recorded for `other` there at once.
    pub(crate) fn tell_news(self: &Arc<Self>, other: ExecutionId, from: ExecutionId) {
        let engine = Arc::clone(self);
        self.spawn(async move {
            let starting = engine.children_starting.lock().get(&other).cloned();
            if let Some(begun) = starting {
                // A child that is just being started hears nothing before it is there.
                begun.cancelled().await;
            }
            engine.deliver(other, Message::News { from }).await;
        });
    }

    /// What the news from another execution means for this one: its child has ended, or its parent needs it no more.
    pub(crate) async fn news(&self, to: &Execution, from: ExecutionId) -> Result<Option<Input>, Error> {
        let parent = to.started().parent.as_ref();
        if parent.is_some_and(|parent| parent.execution_id == from && parent.relation == Relation::SubWorkflow) {
            let reason = Some(format!("the execution {from} it ran for was stopped"));
            return Ok((!to.status().is_terminal()).then_some(Input::Cancel { reason }));
        }
        self.child_result(to.id(), from).await
    }

    /// How a child ended, as its parent takes it in; `None` while it goes on, or when it is another's child.
    async fn child_result(&self, parent: ExecutionId, child: ExecutionId) -> Result<Option<Input>, Error> {
        let summary = self.executions.summary_of_any(child).await?;
        let Some(from) = summary.parent.filter(|from| from.execution_id == parent && summary.status.is_terminal())
        else {
            return Ok(None);
        };
        let attempt = (1..MOST_ATTEMPTS).find(|&attempt| child_id(parent, &from.path, attempt) == child);
        let Some(attempt) = attempt else { return Ok(None) };
        let last = self.journal.read(child, summary.seq.saturating_sub(1), 1).await?;
        let result: Result<Payload, NodeError> = match last.into_iter().next().map(|last| last.event) {
            Some(Event::ExecutionCompleted { output }) => Ok(output),
            Some(Event::ExecutionFailed { error, path, .. }) => {
                let at = path.map_or_else(String::new, |path| format!(" at {path}"));
                let message = format!("the sub-workflow {child} failed{at}: {}", error.message);
                Err(NodeError { message, ..error })
            }
            _ => Err(NodeError::new(ErrorClass::Cancelled, format!("the sub-workflow {child} was cancelled"))),
        };
        Ok(Some(Input::ChildDone { path: from.path, attempt, result }))
    }
}

/// The id of a node's child: the time of its parent's id, so that it sorts beside it, then a hash.
pub(crate) fn child_id(parent: ExecutionId, path: &NodePath, attempt: u32) -> ExecutionId {
    let hash = Sha256::digest(format!("{parent}/{path}/{attempt}"));
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&parent.as_uuid().as_bytes()[..6]);
    bytes[6..].copy_from_slice(&hash[..10]);
    ExecutionId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
