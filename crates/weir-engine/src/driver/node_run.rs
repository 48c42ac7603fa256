//! One attempt of a node: its params are rendered, its type runs, its result is put where it belongs.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use weir_base::Timestamp;
use weir_core::evaluator::{Local, References, Scope};
use weir_core::event::ExecutionStarted;
use weir_core::execution::{Context, Execution, LocalRef, Run};
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::outcome::Outcome;
use weir_core::params::render_params;
use weir_core::payload::Payload;

use super::Message;
use crate::engine::Inner;
use crate::error::Error;
use crate::mask::Mask;
use crate::node::{NodeCtx, NodeType, Recorder};
use crate::prepared::{Params, Prepared};

/// Everything one attempt needs.
pub(super) struct NodeRun {
    engine: Arc<Inner>,
    prepared: Arc<Prepared>,
    started: Arc<ExecutionStarted>,
    started_at: Timestamp,
    node_type: Option<Arc<dyn NodeType>>,
    params: Result<Params, NodeError>,
    context: Context,
    run: Run,
    token: CancellationToken,
    driver: mpsc::Sender<Message>,
}

impl NodeRun {
    pub(super) fn new(
        engine: &Arc<Inner>,
        execution: &Execution,
        prepared: &Arc<Prepared>,
        run: Run,
        token: CancellationToken,
        driver: mpsc::Sender<Message>,
    ) -> Self {
        let params = prepared.params(run.node, &*engine.evaluator);
        let context = match &params {
            Ok(Params::Rendered(references)) => execution.context(&run, references),
            Ok(Params::Fixed(_)) | Err(_) => execution.context(&run, &References::default()),
        };
        Self {
            node_type: engine.types.get(prepared.plan.nodes[run.node].node_type).cloned(),
            engine: Arc::clone(engine),
            prepared: Arc::clone(prepared),
            started: Arc::clone(execution.started()),
            started_at: execution.started_at(),
            params,
            context,
            run,
            token,
            driver,
        }
    }

    /// Runs it, within its time.
    pub(super) async fn attempt(self) -> Result<Outcome, NodeError> {
        let seconds = self.prepared.plan.nodes[self.run.node].timeout_seconds.filter(|_| !self.run.pure);
        let (token, mask) = (self.token.clone(), Arc::<Mask>::default());
        // A node type that panics must take down neither the driver nor the other executions.
        let work = AssertUnwindSafe(self.work(Arc::clone(&mask))).catch_unwind().map(|ended| {
            ended.unwrap_or_else(|panic| Err(NodeError::invalid(format!("the node type failed: {}", message(&*panic)))))
        });
        let ended = match seconds {
            None => work.await,
            Some(seconds) => {
                let within = Duration::from_secs_f64(seconds.clamp(0.0, 1e9));
                tokio::time::timeout(within, work).await.unwrap_or_else(|_| {
                    token.cancel();
                    Err(NodeError::new(ErrorClass::Timeout, format!("it did not end within {seconds} seconds")))
                })
            }
        };
        ended.map_err(|mut error| {
            mask.error(&mut error);
            error
        })
    }

    async fn work(self, mask: Arc<Mask>) -> Result<Outcome, NodeError> {
        let execution_id = self.started.execution_id;
        let Some(node_type) = self.node_type.clone() else {
            let name = self.prepared.plan.nodes[self.run.node].node_type;
            return Err(NodeError::invalid(format!("this server has no node type {name:?}")));
        };
        let local = match &self.context.local {
            Some(local) => Some(self.load_local(local).await?),
            None => None,
        };
        let params = match self.params.clone()? {
            Params::Fixed(params) => params,
            Params::Rendered(references) => self.render(&references, local.clone()).await?,
        };
        let mut steps = BTreeMap::new();
        for (key, value) in &self.context.recorded {
            steps.insert(key.clone(), Payload::Inline(self.load(value).await?));
        }
        let ctx = NodeCtx {
            execution_id,
            workspace: self.started.workspace_id,
            workflow_id: self.started.workflow_id,
            trigger: self.started.first_trigger().to_owned(),
            path: self.run.path.clone(),
            attempt: self.run.attempt,
            now: self.engine.clock.now(),
            incoming: self.context.incoming,
            local,
            cancelled: self.token,
            undoes: self.run.undoes,
            steps,
            // A pure node runs within the driver: what it sent there would have nobody to read it.
            recorder: if self.run.pure { Recorder::Detached } else { Recorder::Driver(self.driver) },
            credentials: Arc::clone(&self.engine.credentials),
            mask: Arc::clone(&mask),
        };
        let mut outcome = node_type.run(&ctx, params).await?;
        // Before anything of it is stored, journaled or shown.
        mask.outcome(&mut outcome);
        match outcome {
            Outcome::Done { output: Payload::Inline(value), handle } => {
                let workspace = self.started.workspace_id;
                let output = self.engine.keep_value(workspace, execution_id, value).await.map_err(node_error)?;
                Ok(Outcome::Done { output, handle })
            }
            other => Ok(other),
        }
    }

    async fn render(&self, references: &References, local: Option<Local>) -> Result<Value, NodeError> {
        let needs = |name: &str| references.names.contains(name);
        let mut scope = Scope { local, ..Scope::default() };
        if needs("input") {
            scope.input = self.load(&self.started.input).await?;
        }
        if needs("vars") {
            scope.vars = Arc::new(Value::Object(self.started.vars.clone()));
        }
        if needs("execution") {
            scope.execution = Arc::new(serde_json::json!({
                "id": self.started.execution_id,
                "workflow_id": self.started.workflow_id,
                "started_at": self.started_at,
            }));
        }
        for (id, output) in &self.context.steps {
            scope.steps.insert(id.clone(), self.load(output).await?);
        }
        let plan = &self.prepared.plan;
        let params = &plan.node_data(self.run.node).params;
        let literal = plan.nodes[self.run.node].literal_params;
        render_params(params, literal, &*self.engine.evaluator, &scope)
            .map_err(|error| NodeError::invalid(error.to_string()).with_source("params"))
    }

    async fn load_local(&self, local: &LocalRef) -> Result<Local, NodeError> {
        let parent = match local {
            LocalRef::Item { parent: Some(parent), .. } | LocalRef::Iteration { parent: Some(parent), .. } => {
                Some(Box::new(Box::pin(self.load_local(parent)).await?))
            }
            LocalRef::Item { parent: None, .. } | LocalRef::Iteration { parent: None, .. } => None,
        };
        Ok(match local {
            LocalRef::Item { items, index, .. } => {
                let items = self.load(items).await?;
                let item = items.get(*index as usize).cloned().unwrap_or_default();
                Local::Item { item: Arc::new(item), index: *index, parent }
            }
            LocalRef::Iteration { iteration, previous, .. } => {
                Local::Iteration { iteration: *iteration, previous: self.load(previous).await?, parent }
            }
        })
    }

    async fn load(&self, payload: &Payload) -> Result<Arc<Value>, NodeError> {
        match payload {
            Payload::Inline(value) => Ok(Arc::clone(value)),
            stored => self.engine.values.load(stored).await.map_err(node_error),
        }
    }
}

/// A value that could not be fetched or kept: the store being away may pass, anything else will not.
fn node_error(error: Error) -> NodeError {
    let class = match error.kind() {
        weir_base::ErrorKind::Unavailable => ErrorClass::Transient,
        weir_base::ErrorKind::Exhausted => ErrorClass::Refused,
        _ => ErrorClass::Invalid,
    };
    NodeError::new(class, error.to_string())
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it panicked")
}
