//! Beginning effects, now that what led to them is durable.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use weir_core::execution::{Effect, Run};

use super::node_run::NodeRun;
use super::{Driver, Message};

impl Driver {
    pub(super) fn begin_effects(&mut self) {
        let stopping = self.engine.stopping.is_cancelled();
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                // The beginning is recorded: whoever takes the execution over runs it.
                Effect::Run(_) if stopping => {}
                // Recorded like an effect, computed like a pure node: there is nothing outside to wait for.
                Effect::Run(run) if self.is_computed(&run) => self.pure.push_back(run),
                Effect::Run(run) => self.launch(run),
                Effect::Stop { path } => {
                    self.running.remove(&path);
                }
                Effect::StartChild { path, attempt, request } => {
                    self.engine.begin_child(Arc::clone(self.execution.started()), path, attempt, request);
                }
                // The child has been told: that it is needed no more was recorded as news for it.
                Effect::CancelChild { .. } => {}
                Effect::ClearTimer { timer } => self.cleared_timers.push(timer),
            }
        }
    }

    fn is_computed(&self, run: &Run) -> bool {
        let node_type = self.prepared.plan.nodes[run.node].node_type;
        self.engine.catalog.get(node_type).is_some_and(|info| info.pure)
    }

    fn launch(&mut self, run: Run) {
        let token = CancellationToken::new();
        self.running.insert(run.path.clone(), (run.attempt, token.clone().drop_guard()));
        let (path, attempt) = (run.path.clone(), run.attempt);
        let node_run = self.node_run(run, token.clone());
        let (engine, inbox) = (Arc::clone(&self.engine), self.to_self.clone());
        self.engine.spawn(async move {
            let result = tokio::select! {
                biased;
                () = token.cancelled() => return,
                result = async {
                    let _place = engine.node_places.acquire().await;
                    node_run.attempt().await
                } => result,
            };
            // The driver is gone only when the execution ended or goes on elsewhere.
            let _ = inbox.send(Message::NodeDone { path, attempt, result }).await;
        });
    }

    /// Gathers what a node needs to run; nothing is fetched or computed yet.
    pub(super) fn node_run(&self, run: Run, token: CancellationToken) -> NodeRun {
        NodeRun::new(&self.engine, &self.execution, &self.prepared, run, token, self.to_self.clone())
    }
}
