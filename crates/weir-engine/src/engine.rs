//! The engine's public face: start executions, talk to them, wait for them, watch them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weir_base::{Clock, ExecutionId, WorkerId, WorkflowId};
use weir_core::document::Document;
use weir_core::evaluator::Evaluator;
use weir_core::event::{Decision, EVENT_VERSION, Event, ExecutionStarted, JournalEvent, Parent, Pin, Relation};
use weir_core::execution::{Execution, Input, Moment};
use weir_core::node_type::{Catalog, Role};
use weir_core::path::NodePath;
use weir_core::plan::Plan;
use weir_db::Db;
use weir_objects::Objects;

use crate::config::Config;
use crate::credential::CredentialSource;
use crate::documents::Documents;
use crate::driver::{Driver, INBOX, Message};
use crate::error::Error;
use crate::executions::{Details, Executions, Summary};
use crate::files::ExecutionFiles;
use crate::hub::{Hub, Watch, Watched};
use crate::journal::{self, Append, Created, Journal, Lease, NewExecution, Row};
use crate::node::NodeType;
use crate::prepared::Prepared;
use crate::values::Values;

/// Events read at a time when an execution is replayed.
const REPLAY_CHUNK: u32 = 2_000;

/// Documents whose analysis is kept in memory.
const PREPARED_DOCUMENTS: u64 = 256;

/// Executions that can be woken at a time.
const WAKING: usize = 64;

/// How long somebody who asks something of an execution waits while the store is away.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What an engine is made of.
pub struct Parts {
    /// Where executions are recorded.
    pub db: Db,
    /// Where large values and files lie.
    pub objects: Objects,
    /// The node types there are.
    pub node_types: Vec<Arc<dyn NodeType>>,
    /// The expression language.
    pub evaluator: Arc<dyn Evaluator>,
    /// Where credentials come from.
    pub credentials: Arc<dyn CredentialSource>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// An execution to be started.
#[derive(Debug, Clone)]
pub struct StartExecution {
    /// The id it shall have, when files were put into it beforehand.
    pub id: Option<ExecutionId>,
    /// Of which workflow, unless a bare file is run.
    pub workflow_id: Option<WorkflowId>,
    /// Which version; `None` for the draft.
    pub workflow_version: Option<u32>,
    /// The document, as [`Engine::keep_document`] named it.
    pub document: String,
    /// The input.
    pub input: Value,
    /// The workspace's variables.
    pub vars: Map<String, Value>,
    /// Results given instead of computed, by node id.
    pub pins: BTreeMap<String, Pin>,
    /// What starts it.
    pub trigger: String,
    /// Two requests with one key are one execution of the workflow.
    pub idempotency_key: Option<String>,
}

impl StartExecution {
    /// A start by hand with nothing else said.
    pub fn new(document: impl Into<String>, input: Value) -> Self {
        Self {
            id: None,
            workflow_id: None,
            workflow_version: None,
            document: document.into(),
            input,
            vars: Map::new(),
            pins: BTreeMap::new(),
            trigger: "manual".to_owned(),
            idempotency_key: None,
        }
    }
}

/// An accepted execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// Its id.
    pub id: ExecutionId,
    /// It had been started before under the same idempotency key.
    pub existing: bool,
}

/// From where an execution is to be run again.
#[derive(Debug, Clone)]
pub struct Rerun {
    /// The first node that runs anew.
    pub from: NodePath,
    /// Another input; the old one without it.
    pub input: Option<Value>,
    /// Another document with its version; the old one without it.
    pub document: Option<(String, Option<u32>)>,
}

/// What came of waiting for an execution.
#[derive(Debug, Clone)]
pub enum Waited {
    /// It ended.
    Ended(Box<Details>),
    /// A node answers the caller: `{status, headers, body}`.
    Responded(Value),
    /// It goes on.
    StillRunning(Box<Summary>),
}

/// Drives executions. Cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) worker: WorkerId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) documents: Documents,
    pub(crate) values: Values,
    pub(crate) files: ExecutionFiles,
    pub(crate) executions: Executions,
    pub(crate) types: HashMap<&'static str, Arc<dyn NodeType>>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) evaluator: Arc<dyn Evaluator>,
    pub(crate) credentials: Arc<dyn CredentialSource>,
    pub(crate) active: Mutex<HashMap<ExecutionId, mpsc::Sender<Message>>>,
    pub(crate) hub: Hub,
    prepared: moka::sync::Cache<String, Arc<Prepared>>,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) node_places: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
    pub(crate) timers_changed: Notify,
    pub(crate) look_for_orphans: Notify,
    /// Executions may wait for a place.
    pub(crate) backlog: AtomicBool,
    /// One turn per group of executions: two messages must not wake one execution twice.
    waking: [tokio::sync::Mutex<()>; WAKING],
}

impl Engine {
    /// Puts an engine together, takes up what an earlier process left unfinished, and begins to drive.
    ///
    /// # Errors
    /// [`Error::Db`] when the store cannot be reached.
    pub async fn open(config: Config, parts: Parts) -> Result<Self, Error> {
        let types: HashMap<_, _> =
            parts.node_types.into_iter().map(|node_type| (node_type.info().name, node_type)).collect();
        let catalog: Arc<Catalog> = Arc::new(types.values().map(|node_type| node_type.info()).collect());
        let journal = journal::open(&parts.db);
        let documents = Documents::new(parts.db.clone(), Arc::clone(&catalog));
        let values = Values::new(parts.objects.clone());
        let executions =
            Executions::new(parts.db.clone(), Arc::clone(&journal), documents.clone(), values.clone());
        let inner = Arc::new(Inner {
            worker: config.worker.unwrap_or_else(WorkerId::new),
            clock: parts.clock,
            journal,
            documents,
            values,
            files: ExecutionFiles::new(parts.objects),
            executions,
            types,
            catalog,
            evaluator: parts.evaluator,
            credentials: parts.credentials,
            active: Mutex::new(HashMap::new()),
            hub: Hub::default(),
            prepared: moka::sync::Cache::new(PREPARED_DOCUMENTS),
            places: Arc::new(Semaphore::new(config.max_running_executions)),
            node_places: Arc::new(Semaphore::new(config.max_running_nodes)),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            timers_changed: Notify::new(),
            look_for_orphans: Notify::new(),
            backlog: AtomicBool::new(false),
            waking: std::array::from_fn(|_| tokio::sync::Mutex::new(())),
            config,
        });
        inner.begin_background().await?;
        Ok(Self(inner))
    }

    /// Stops gracefully: nothing new begins, running nodes may finish within the grace, the rest is handed over.
    pub async fn stop(&self) {
        self.0.stopping.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(self.0.config.stop_grace, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("nodes still run after the grace; the next start takes them up again");
        }
        if let Err(error) = self.0.journal.sign_off(self.0.worker).await {
            tracing::warn!(%error, "could not sign off; others take over when the lease ends");
        }
    }

    /// Whether it takes nothing new any more.
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.is_cancelled()
    }

    /// The node types there are.
    pub fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// The expression language.
    pub fn evaluator(&self) -> &Arc<dyn Evaluator> {
        &self.0.evaluator
    }

    /// The files of executions.
    pub fn files(&self) -> &ExecutionFiles {
        &self.0.files
    }

    /// Reading executions.
    pub fn executions(&self) -> &Executions {
        &self.0.executions
    }

    /// Keeps a valid document under its hash, so that executions can run it for as long as they live.
    ///
    /// # Errors
    /// [`Error::Plan`] for a document that cannot be run.
    pub async fn keep_document(&self, document: &Document) -> Result<String, Error> {
        self.0.documents.keep(document).await
    }

    /// The plan of a kept document.
    ///
    /// # Errors
    /// [`Error::NoDocument`].
    pub async fn document(&self, hash: &str) -> Result<Arc<Plan>, Error> {
        self.0.documents.plan(hash).await
    }

    /// Starts an execution; it is durable on return.
    ///
    /// # Errors
    /// [`Error::Input`] when the input does not fit; [`Error::NoDocument`]; [`Error::Stopping`].
    pub async fn start(&self, request: StartExecution) -> Result<Started, Error> {
        self.0.start(request, None).await
    }

    /// Asks for an execution to end as cancelled.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is over.
    pub async fn cancel(&self, id: ExecutionId, reason: Option<String>) -> Result<(), Error> {
        self.0.ask(id, Input::Cancel { reason }).await
    }

    /// Lets an execution begin nothing new until it is resumed.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is paused or over.
    pub async fn pause(&self, id: ExecutionId) -> Result<(), Error> {
        self.0.ask(id, Input::Pause).await
    }

    /// Lets a paused execution go on.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not paused.
    pub async fn resume(&self, id: ExecutionId) -> Result<(), Error> {
        self.0.ask(id, Input::Resume).await
    }

    /// Lets a failed execution go on from its failed nodes.
    ///
    /// # Errors
    /// [`Error::Refused`] when it did not fail, or its finished nodes were compensated.
    pub async fn retry(&self, id: ExecutionId) -> Result<(), Error> {
        self.0.ask(id, Input::Retry).await
    }

    /// Tells an execution something its `wait_for_event` nodes may wait for.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is over, or too much lies unread.
    pub async fn signal(&self, id: ExecutionId, name: String, data: Value) -> Result<(), Error> {
        let data = self.0.values.keep(id, Arc::new(data)).await?;
        self.0.ask(id, Input::Signal { name, data }).await
    }

    /// Decides an open approval.
    ///
    /// # Errors
    /// [`Error::Refused`] when none is open there.
    pub async fn decide(&self, id: ExecutionId, path: NodePath, decision: Decision) -> Result<(), Error> {
        self.0.ask(id, Input::Decide { path, decision }).await
    }

    /// Begins a new execution that keeps what an old one recorded before the node `rerun.from`.
    ///
    /// # Errors
    /// [`Error::NotEnded`]; [`Error::Rerun`] when there is no such node.
    pub async fn rerun(&self, id: ExecutionId, rerun: Rerun) -> Result<ExecutionId, Error> {
        self.0.rerun(id, rerun).await
    }

    /// Waits until an execution ends or a node answers the caller, but not longer than that.
    ///
    /// # Errors
    /// [`Error::NoExecution`].
    pub async fn wait(&self, id: ExecutionId, at_most: Duration) -> Result<Waited, Error> {
        let mut watch = self.watch(id, 0).await?;
        let plan = self.document(&self.0.executions.summary(id).await?.document).await?;
        let answers = |path: &NodePath| {
            plan.node_ix(path.node_id()).is_some_and(|node| plan.nodes[node].role == Role::Respond)
        };
        let ended = tokio::time::timeout(at_most, async {
            while let Some(watched) = futures::StreamExt::next(&mut watch).await {
                if let Watched::Event(event) = watched?
                    && let Event::NodeCompleted { path, output, .. } = &event.event
                    && answers(path)
                {
                    let answer = self.0.values.load(output).await?;
                    return Ok(Some(Waited::Responded(Arc::unwrap_or_clone(answer))));
                }
            }
            Ok::<_, Error>(None)
        })
        .await;
        match ended {
            Ok(Ok(Some(answered))) => Ok(answered),
            Ok(Err(error)) => Err(error),
            Ok(Ok(None)) | Err(_) => {
                let details = self.0.executions.details(id).await?;
                Ok(if details.summary.status.is_terminal() {
                    Waited::Ended(Box::new(details))
                } else {
                    Waited::StillRunning(Box::new(details.summary))
                })
            }
        }
    }

    /// An execution's events after `after`, those recorded and those to come.
    ///
    /// # Errors
    /// [`Error::NoExecution`].
    pub async fn watch(&self, id: ExecutionId, after: u64) -> Result<Watch, Error> {
        // Listening begins before the look into the store, so that nothing falls in between.
        let live = self.0.hub.subscribe(id);
        self.0.executions.summary(id).await?;
        let journal = Arc::clone(&self.0.journal);
        Ok(Watch::new(id, after, live, journal, self.0.stopping.clone()))
    }
}

impl Inner {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    pub(crate) async fn prepared(&self, hash: &str) -> Result<Arc<Prepared>, Error> {
        if let Some(prepared) = self.prepared.get(hash) {
            return Ok(prepared);
        }
        let prepared = Arc::new(Prepared::new(self.documents.plan(hash).await?));
        self.prepared.insert(hash.to_owned(), Arc::clone(&prepared));
        Ok(prepared)
    }

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
            workflow_id: request.workflow_id,
            workflow_version: request.workflow_version,
            document: request.document,
            input,
            vars: request.vars,
            pins: request.pins,
            parent,
            trigger: request.trigger,
        };
        let moment = Moment { now: self.clock.now(), random: rand::random() };
        let (execution, output) = Execution::start(Arc::clone(&prepared.plan), started, moment);
        self.record_new(execution, output.events, output.effects, prepared, moment, request.idempotency_key).await
    }

    /// Records a new execution and drives it, now or when there is a place.
    async fn record_new(
        self: &Arc<Self>,
        execution: Execution,
        mut events: Vec<JournalEvent>,
        effects: Vec<weir_core::execution::Effect>,
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
        let pending = weir_core::execution::Status::Pending;
        let new = NewExecution {
            started: Arc::clone(execution.started()),
            owner: place.as_ref().filter(|_| !ended).map(|_| self.worker),
            idempotency_key,
            created_at: moment.now,
            append: Append {
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
        match self.journal.create(new).await? {
            Created::Existing(id) => Ok(Started { id, existing: true }),
            Created::New(lease) => {
                if ended {
                    return Ok(Started { id, existing: false });
                }
                match place {
                    Some(place) => self.drive_new(execution, effects, prepared, lease, place),
                    None => self.backlog.store(true, Ordering::SeqCst),
                }
                Ok(Started { id, existing: false })
            }
        }
    }

    fn drive_new(
        self: &Arc<Self>,
        execution: Execution,
        effects: Vec<weir_core::execution::Effect>,
        prepared: Arc<Prepared>,
        lease: Lease,
        place: OwnedSemaphorePermit,
    ) {
        let inbox = mpsc::channel(INBOX);
        self.active.lock().insert(execution.id(), inbox.0.clone());
        let driver = Driver::new(Arc::clone(self), execution, prepared, lease, inbox, Some(place));
        self.spawn(driver.begin(effects));
    }

    /// Hands an input to whoever drives the execution, and answers when it is durable.
    pub(crate) async fn ask(self: &Arc<Self>, id: ExecutionId, input: Input) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.deliver(id, Message::Input { input, reply }).await;
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Error::Stopping),
            Err(_) => Err(Error::DrivenElsewhere(id)),
        }
    }

    /// Brings a message to the execution's driver; wakes the execution when nobody drives it.
    ///
    /// Boxed, because a driver may in turn deliver messages to others.
    pub(crate) fn deliver(self: &Arc<Self>, id: ExecutionId, message: Message) -> BoxFuture<'static, ()> {
        let engine = Arc::clone(self);
        async move { engine.deliver_now(id, message).await }.boxed()
    }

    async fn deliver_now(self: &Arc<Self>, id: ExecutionId, mut message: Message) {
        loop {
            let sender = self.active.lock().get(&id).cloned();
            if let Some(sender) = sender {
                match sender.send(message).await {
                    Ok(()) => return,
                    // It was just let go of: nobody has taken the message.
                    Err(back) => message = back.0,
                }
            }
            if self.stopping.is_cancelled() {
                return refuse(message, Error::Stopping);
            }
            let place = Arc::clone(&self.places).try_acquire_owned().ok();
            match self.wake(id, place).await {
                Ok(true) => {}
                Ok(false) => {
                    let missing = self.executions.summary(id).await.err();
                    return refuse(message, missing.unwrap_or(Error::DrivenElsewhere(id)));
                }
                Err(error) => return refuse(message, error),
            }
        }
    }

    /// Takes over an execution and drives it; whether that went well.
    pub(crate) async fn wake(
        self: &Arc<Self>,
        id: ExecutionId,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<bool, Error> {
        // Held until the driver is registered.
        let group = id.as_uuid().as_bytes()[15] as usize % WAKING;
        let _turn = self.waking[group].lock().await;
        if self.active.lock().contains_key(&id) {
            return Ok(true);
        }
        let Some(lease) = self.journal.claim(id, self.worker, self.clock.now()).await? else { return Ok(false) };
        self.drive_claimed(lease, place).await?;
        Ok(true)
    }

    /// Replays an execution this worker holds the lease of, and drives it.
    pub(crate) async fn drive_claimed(
        self: &Arc<Self>,
        lease: Lease,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<(), Error> {
        let (execution, prepared) = self.load(lease.execution_id).await?;
        let inbox = mpsc::channel(INBOX);
        self.active.lock().insert(lease.execution_id, inbox.0.clone());
        let driver = Driver::new(Arc::clone(self), execution, prepared, lease, inbox, place);
        self.spawn(driver.resume());
        Ok(())
    }

    /// Reads and replays an execution.
    async fn load(&self, id: ExecutionId) -> Result<(Execution, Arc<Prepared>), Error> {
        let events = self.read_journal(id).await?;
        let Some(Event::ExecutionStarted(started)) = events.first().map(|first| &first.event) else {
            return Err(Error::NoExecution(id));
        };
        let prepared = self.prepared(&started.document).await?;
        let execution = Execution::replay(Arc::clone(&prepared.plan), events)
            .map_err(|source| Error::Replay { id, source })?;
        Ok((execution, prepared))
    }

    async fn read_journal(&self, id: ExecutionId) -> Result<Vec<JournalEvent>, Error> {
        let mut events: Vec<JournalEvent> = Vec::new();
        loop {
            let after = events.last().map_or(0, |last| last.seq);
            let chunk = self.journal.read(id, after, REPLAY_CHUNK).await?;
            let complete = chunk.len() < REPLAY_CHUNK as usize;
            events.extend(chunk);
            if complete {
                return Ok(events);
            }
        }
    }

    async fn rerun(self: &Arc<Self>, id: ExecutionId, rerun: Rerun) -> Result<ExecutionId, Error> {
        let summary = self.executions.summary(id).await?;
        if !summary.status.is_terminal() {
            return Err(Error::NotEnded { id, status: summary.status });
        }
        let journal = self.read_journal(id).await?;
        let Some(Event::ExecutionStarted(old)) = journal.first().map(|first| first.event.clone()) else {
            return Err(Error::NoExecution(id));
        };
        let before = self.prepared(&old.document).await?;
        let (hash, version) = rerun.document.unwrap_or_else(|| (old.document.clone(), old.workflow_version));
        let prepared = self.prepared(&hash).await?;
        let execution_id = ExecutionId::new();
        let input = match rerun.input {
            Some(input) => {
                prepared.check_input(&input)?;
                self.values.keep(execution_id, Arc::new(input)).await?
            }
            None => old.input.clone(),
        };
        let started = ExecutionStarted {
            execution_id,
            workflow_version: version,
            document: hash,
            input,
            parent: Some(Parent { execution_id: id, path: rerun.from.clone(), relation: Relation::Rerun }),
            trigger: "rerun".to_owned(),
            ..*old
        };
        let moment = Moment { now: self.clock.now(), random: rand::random() };
        let plan = Arc::clone(&prepared.plan);
        let (execution, output) =
            weir_core::execution::rerun(&before.plan, &journal[1..], plan, started, &rerun.from, moment)?;
        self.files.copy(id, execution_id).await?;
        self.record_new(execution, output.events, output.effects, prepared, moment, None).await?;
        Ok(execution_id)
    }

    /// Moves what is too large for the journal to object storage.
    pub(crate) async fn store_large_values(&self, id: ExecutionId, event: &mut JournalEvent) -> Result<(), Error> {
        match &mut event.event {
            Event::NodeCompleted { output: value, .. }
            | Event::ExecutionCompleted { output: value }
            | Event::CompensationCompleted { output: value, .. }
            | Event::StepRecorded { value, .. }
            | Event::ItemsExpanded { items: value, .. } => self.values.settle(id, value).await,
            _ => Ok(()),
        }
    }
}

fn refuse(message: Message, error: Error) {
    if let Message::Input { reply, .. } = message {
        // Whoever asked may have gone away.
        let _ = reply.send(Err(error));
    }
}
