//! Starting executions: recorded first, driven then.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use weir_base::{ErrorKind, ExecutionId};
use weir_core::event::{EVENT_VERSION, ExecutionStarted, JournalEvent, Parent, Relation};
use weir_core::execution::{Effect, Execution, Moment, Status};

use super::{Inner, StartExecution, Started};
use crate::driver::{Driver, INBOX};
use crate::error::Error;
use crate::journal::{Append, Created, Lease, NewExecution, Row};
use crate::prepared::Prepared;

impl Inner {
    pub(crate) async fn start(
        self: &Arc<Self>,
        request: StartExecution,
        parent: Option<Parent>,
    ) -> Result<Started, Error> {
        if self.stopping.is_cancelled() {
            return Err(Error::Stopping);
        }
        let prepared = self.prepared(&request.document).await?;
        prepared.check_input(&request.input)?;
        let execution_id = request.id.unwrap_or_else(ExecutionId::new);
        let input = self.values.keep(execution_id, Arc::new(request.input)).await?;
        let started = ExecutionStarted {
            version: EVENT_VERSION,
            execution_id,
            workspace_id: request.workspace,
            workflow_id: request.workflow_id,
            workflow_version: request.workflow_version,
            document: request.document,
            input,
            vars: request.vars,
            pins: request.pins,
            parent,
            trigger: request.trigger,
            started_by: request.started_by,
        };
        let moment = Moment { now: self.clock.now(), random: rand::random() };
        let (execution, output) = Execution::start(Arc::clone(&prepared.plan), started, moment);
        let (engine, key) = (Arc::clone(self), request.idempotency_key);
        self.see_through(async move {
            engine.record_new(execution, output.events, output.effects, prepared, moment, key).await
        })
        .await
    }

    /// Records a new execution and drives it, now or when there is a place.
    pub(super) async fn record_new(
        self: &Arc<Self>,
        execution: Execution,
        mut events: Vec<JournalEvent>,
        effects: Vec<Effect>,
        prepared: Arc<Prepared>,
        moment: Moment,
        idempotency_key: Option<String>,
    ) -> Result<Started, Error> {
        let id = execution.id();
        for event in &mut events {
            self.store_large_values(id, event).await?;
        }
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let (nodes_done, nodes_known) = execution.node_counts();
        let ended = execution.status().is_terminal();
        let waiting_parent = execution.started().parent.clone();
        let waiting_parent = waiting_parent.filter(|parent| ended && parent.relation == Relation::SubWorkflow);
        let pending = Status::Pending;
        let new = NewExecution {
            started: Arc::clone(execution.started()),
            owner: place.as_ref().filter(|_| !ended).map(|_| self.worker),
            idempotency_key,
            created_at: moment.now,
            append: Append {
                workspace: execution.started().workspace_id,
                row: Row {
                    status: if place.is_some() || ended { execution.status() } else { pending },
                    seq: execution.seq(),
                    progress: execution.progress(),
                    nodes_done,
                    nodes_known,
                    at: moment.now,
                    error: None,
                    released: place.is_none() || ended,
                },
                events,
                cleared_timers: Vec::new(),
                logs: Vec::new(),
                wakes: waiting_parent.iter().map(|parent| parent.execution_id).collect(),
                heard_of: Vec::new(),
            },
        };
        let created = self.journal.create(new).await.inspect_err(|error| {
            // Whether it was recorded nobody knows; if it was, then as driven by this process.
            if error.kind() == ErrorKind::Unavailable {
                self.stranded.add(id);
            }
        });
        match created? {
            Created::Existing(id) => Ok(Started { id, existing: true }),
            Created::New(lease) => {
                if ended {
                    return Ok(Started { id, existing: false });
                }
                match place {
                    Some(place) => self.drive_new(execution, effects, prepared, lease, place),
                    None => {
                        self.backlog.store(true, Ordering::SeqCst);
                        if self.places.available_permits() > 0 {
                            // A place became free before the backlog was known of.
                            self.look_for_orphans.notify_one();
                        }
                    }
                }
                Ok(Started { id, existing: false })
            }
        }
    }

    fn drive_new(
        self: &Arc<Self>,
        execution: Execution,
        effects: Vec<Effect>,
        prepared: Arc<Prepared>,
        lease: Lease,
        place: OwnedSemaphorePermit,
    ) {
        let inbox = mpsc::channel(INBOX);
        self.active.lock().insert(execution.id(), inbox.0.clone());
        let driver = Driver::new(Arc::clone(self), execution, prepared, lease, inbox, Some(place));
        self.spawn(driver.begin(effects));
    }
}
