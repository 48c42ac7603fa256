//! The node contract: what a node type is to the engine, and what the engine gives a running node.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use weir_base::{Credential, ExecutionId, Timestamp, WorkflowId, WorkspaceId};
use weir_core::evaluator::Local;
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::node_type::NodeTypeInfo;
use weir_core::outcome::Outcome;
use weir_core::path::NodePath;
use weir_core::payload::Payload;

use crate::credential::CredentialSource;
use crate::driver::Message;
use crate::mask::Mask;

/// A kind of node: its declaration and its work.
#[async_trait]
pub trait NodeType: Send + Sync + 'static {
    /// What is known about it without running it.
    fn info(&self) -> NodeTypeInfo;

    /// Runs one attempt. `params` is an object with every expression already replaced by its value.
    ///
    /// A pure type must not await anything outside and must give the same for the same `ctx` and `params`.
    ///
    /// # Errors
    /// [`NodeError`]; its class decides on retries.
    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError>;
}

/// Reads params into the node type's own struct.
///
/// # Errors
/// Class `invalid`, naming the field that does not fit.
pub fn typed_params<P: DeserializeOwned>(params: Value) -> Result<P, NodeError> {
    serde_json::from_value(params).map_err(|error| NodeError::invalid(format!("the params do not fit: {error}")))
}

/// What a running node is told and may ask for. Carries durability only; services come by the type's constructor.
pub struct NodeCtx {
    /// The execution it runs in.
    pub execution_id: ExecutionId,
    /// The workspace it runs in: all it may see is of this one.
    pub workspace: WorkspaceId,
    /// The workflow it belongs to, unless a bare file is run.
    pub workflow_id: Option<WorkflowId>,
    /// What started the execution, or the first of those that led to it, such as `manual` or `cron`.
    pub trigger: String,
    /// Its address.
    pub path: NodePath,
    /// Counts from 1.
    pub attempt: u32,
    /// When this attempt was decided on. The only time a node may build into its result.
    pub now: Timestamp,
    /// The nodes whose taken edges led here, with their outputs, in the document's edge order.
    pub incoming: Vec<(String, Payload)>,
    /// What the container around it gives; for a `loop` node being asked, its own next iteration.
    pub local: Option<Local>,
    /// Fires when the node is to stop: cancelled, timed out, or no longer needed.
    pub cancelled: CancellationToken,
    /// The node execution it undoes, when it runs as a compensation.
    pub undoes: Option<NodePath>,
    /// Steps recorded by earlier attempts.
    pub(crate) steps: BTreeMap<String, Payload>,
    pub(crate) recorder: Recorder,
    pub(crate) credentials: Arc<dyn CredentialSource>,
    /// The secrets it was given.
    pub(crate) mask: Arc<Mask>,
}

/// Where a node's steps and live events go.
pub(crate) enum Recorder {
    /// To the execution that drives it.
    Driver(mpsc::Sender<Message>),
    /// Nowhere: the node is tried on its own.
    Detached,
}

/// What a running node tells its driver.
pub(crate) enum FromNode {
    /// Record this step, then say so.
    Step { path: NodePath, key: String, value: Payload, recorded: oneshot::Sender<()> },
    /// Show this.
    Live(LiveEvent),
}

/// What is shown while a node runs, and not journaled.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LiveEvent {
    /// A piece of text as it is generated.
    Token {
        /// The node execution.
        path: NodePath,
        /// The piece.
        text: String,
    },
    /// A line for people; kept with the execution's logs.
    Log {
        /// The node execution.
        path: NodePath,
        /// How serious it is.
        level: LogLevel,
        /// The line.
        message: String,
        /// When.
        at: Timestamp,
    },
    /// How far the node is.
    Progress {
        /// The node execution.
        path: NodePath,
        /// From 0 to 1.
        fraction: f64,
        /// What it is doing.
        message: String,
    },
}

/// How serious a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For whoever builds the workflow.
    Debug,
    /// Worth knowing.
    Info,
    /// Doubtful.
    Warning,
    /// Wrong.
    Error,
}

impl NodeCtx {
    /// A context for trying a node on its own, in the first workspace: steps are not recorded, live events are dropped.
    pub fn detached(path: NodePath, now: Timestamp, credentials: Arc<dyn CredentialSource>) -> Self {
        Self {
            execution_id: ExecutionId::new(),
            workspace: WorkspaceId::FIRST,
            workflow_id: None,
            trigger: "manual".to_owned(),
            path,
            attempt: 1,
            now,
            incoming: Vec::new(),
            local: None,
            cancelled: CancellationToken::new(),
            undoes: None,
            steps: BTreeMap::new(),
            recorder: Recorder::Detached,
            credentials,
            mask: Arc::default(),
        }
    }

    /// The idempotency key of a step: the same in every attempt and after every crash.
    pub fn idempotency_key(&self, step: &str) -> String {
        match &self.undoes {
            // One node may undo several, one after the other: each undoing is an effect of its own.
            Some(undone) => format!("{}/{}~{undone}/{step}", self.execution_id, self.path),
            None => format!("{}/{}/{step}", self.execution_id, self.path),
        }
    }

    /// Runs `work` unless an earlier attempt recorded its value under this key; the value is durable on return.
    /// Secrets the node was given stand in it as `***`, the first time as later.
    ///
    /// # Errors
    /// What `work` failed with, or class `cancelled` when the execution ended meanwhile.
    pub async fn step<F>(&self, key: &str, work: F) -> Result<Value, NodeError>
    where
        F: Future<Output = Result<Value, NodeError>> + Send,
    {
        if let Some(value) = self.steps.get(key).and_then(Payload::as_inline) {
            return Ok((**value).clone());
        }
        let mut value = work.await?;
        self.mask.value(&mut value);
        if let Recorder::Driver(driver) = &self.recorder {
            let (recorded, durable) = oneshot::channel();
            let step =
                FromNode::Step { path: self.path.clone(), key: key.to_owned(), value: value.clone().into(), recorded };
            let gone = || NodeError::new(ErrorClass::Cancelled, "the execution ended");
            driver.send(Message::FromNode(step)).await.map_err(|_| gone())?;
            durable.await.map_err(|_| gone())?;
        }
        Ok(value)
    }

    /// Writes a line into the execution's logs.
    pub async fn log(&self, level: LogLevel, message: impl Into<String>) {
        let at = chrono::Utc::now();
        self.emit(LiveEvent::Log { path: self.path.clone(), level, message: message.into(), at }).await;
    }

    /// Shows a live event to whoever watches.
    pub async fn emit(&self, mut event: LiveEvent) {
        self.mask.live(&mut event);
        if let Recorder::Driver(driver) = &self.recorder {
            // The driver is gone only when the execution ended: nobody is left to show it to.
            let _ = driver.send(Message::FromNode(FromNode::Live(event))).await;
        }
    }

    /// The credential of this name in the node's workspace. Its secrets are hidden from then on in all the node puts
    /// out, logs and records.
    ///
    /// # Errors
    /// Class `invalid` when there is no such credential.
    pub async fn credential(&self, name: &str) -> Result<Credential, NodeError> {
        let found = self.credentials.credential(self.workspace, name).await?;
        let credential = found.ok_or_else(|| {
            NodeError::invalid(format!("there is no credential named {name:?}")).with_source("credentials")
        })?;
        self.mask.learn(&credential)?;
        Ok(credential)
    }

    /// Hides a secret that the node came by in another way, such as a token it was given for a credential.
    ///
    /// # Errors
    /// Class `invalid` when it is too large to be hidden.
    pub fn hide(&self, secret: &str) -> Result<(), NodeError> {
        self.mask.learn_text(secret)
    }
}
