//! Starting executions: recorded first, driven then.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use weir_base::{ErrorKind, ExecutionId};
use weir_core::event::{EVENT_VERSION, ExecutionStarted, JournalEvent, Parent, Relation};
use weir_core::execution::{Effect, Execution, Moment, Output, Status};

use super::{Inner, StartExecution, Started};
use crate::driver::{Driver, INBOX};
use crate::error::Error;
use crate::journal::{Append, Created, Lease, NewExecution, Row, reading};
use crate::prepared::Prepared;
use crate::telling::{Asker, Telling};

/// A new execution that is not recorded yet.
pub(super) struct Beginning {
    pub(super) execution: Execution,
    /// What it decided on so far.
    pub(super) output: Output,
    pub(super) prepared: Arc<Prepared>,
    pub(super) moment: Moment,
    /// From where it was asked for.
    pub(super) address: Option<IpAddr>,
}

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
        let workspace = request.workspace;
        let execution_id = request.id.unwrap_or_else(ExecutionId::new);
        let mut vars = self.workspaces.variables(workspace).await?;
        vars.extend(request.vars);
        let input = self.keep_value(workspace, execution_id, Arc::new(request.input)).await?;
        let started = ExecutionStarted {
            version: EVENT_VERSION,
            execution_id,
            workspace_id: workspace,
            workflow_id: request.workflow_id,
            workflow_version: request.workflow_version,
            document: request.document,
            input,
            vars,
            pins: request.pins,
            parent,
            trigger: request.trigger,
            started_by: request.started_by,
            origin: request.origin,
        };
        let moment = Moment { now: self.clock.now(), random: rand::random() };
        let (execution, output) = Execution::start(Arc::clone(&prepared.plan), started, moment);
        let (engine, key, address) = (Arc::clone(self), request.idempotency_key, request.address);
        let beginning = Beginning { execution, output, prepared, moment, address };
        self.see_through(async move { engine.record_new(beginning, key).await }).await
    }

    /// Records a new execution and drives it, now or when there is a place.
    pub(super) async fn record_new(
        self: &Arc<Self>,
        beginning: Beginning,
        idempotency_key: Option<String>,
    ) -> Result<Started, Error> {
        let new = beginning.execution.started();
        let admitted = match self.usage.admit(new.workspace_id, beginning.moment.now).await {
            Ok(admitted) => admitted,
            Err(refused @ Error::ExecutionQuota { .. }) => {
                // What was started before is answered however much was started since.
                let existing = reading::existing(self.journal.db(), new, idempotency_key).await;
                return existing.map(|id| Started { id, existing: true }).map_err(|error| match error {
                    Error::NoExecution(_) => refused,
                    error => error,
                });
            }
            Err(error) => return Err(error),
        };
        let recorded = self.record_admitted(beginning, idempotency_key).await;
        if !matches!(recorded, Ok(Started { existing: false, .. })) {
            admitted.give_back();
        }
        recorded
    }

    async fn record_admitted(
        self: &Arc<Self>,
        beginning: Beginning,
        idempotency_key: Option<String>,
    ) -> Result<Started, Error> {
        let Beginning { execution, output, prepared, moment, address } = beginning;
        let Output { mut events, effects } = output;
        let id = execution.id();
        for event in &mut events {
            self.store_large_values(execution.started().workspace_id, id, event).await?;
        }
        let telling = Telling {
            started: execution.started(),
            started_at: moment.now,
            plan: &prepared.plan,
            catalog: &self.catalog,
        };
        let starter = Asker { actor: execution.started().started_by.as_deref(), address };
        let by = |event: &JournalEvent| if event.seq == 1 { starter } else { Asker::default() };
        let told = events.iter().filter_map(|event| telling.of(event, by(event))).collect();
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
                told,
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
