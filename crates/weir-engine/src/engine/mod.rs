//! The engine's public face: start executions, talk to them, wait for them, watch them.

mod requests;
mod rerun;
mod start;
mod storage;
mod wake;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weir_base::{Clock, ExecutionId, Principal, WorkerId, WorkspaceId};
use weir_core::document::Document;
use weir_core::evaluator::Evaluator;
use weir_core::event::{Decision, Event};
use weir_core::execution::Input;
use weir_core::node_type::{Catalog, Role};
use weir_core::path::NodePath;
use weir_core::plan::Plan;
use weir_db::Db;
use weir_objects::Objects;

pub use self::requests::{Rerun, StartExecution, Started, Used, Waited};
use crate::config::Config;
use crate::credential::CredentialSource;
use crate::documents::Documents;
use crate::driver::Message;
use crate::error::Error;
use crate::executions::Executions;
use crate::files::ExecutionFiles;
use crate::hub::{Hub, Watch, Watched};
use crate::journal::{self, Journal};
use crate::node::NodeType;
use crate::prepared::Prepared;
use crate::stranded::Stranded;
use crate::usage::Usage;
use crate::values::Values;
use crate::workspaces::WorkspaceSettings;

/// Documents whose analysis is kept in memory.
const PREPARED_DOCUMENTS: u64 = 256;

/// Executions whose workspace is kept in memory.
const KNOWN_OWNERS: u64 = 10_000;

/// How much of the grace is kept for handing over what still runs.
const HAND_OVER: Duration = Duration::from_secs(2);

/// Executions that can be woken at a time.
const WAKING: usize = 64;

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
    /// What there is to know of workspaces.
    pub workspaces: Arc<dyn WorkspaceSettings>,
    /// The time.
    pub clock: Arc<dyn Clock>,
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
    pub(crate) workspaces: Arc<dyn WorkspaceSettings>,
    pub(crate) usage: Usage,
    pub(crate) active: Mutex<HashMap<ExecutionId, mpsc::Sender<Message>>>,
    pub(crate) hub: Hub,
    prepared: moka::sync::Cache<String, Arc<Prepared>>,
    /// The workspaces that executions belong to, which never changes.
    owners: moka::sync::Cache<ExecutionId, WorkspaceId>,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) node_places: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
    /// What still runs is to be handed over now.
    pub(crate) grace_over: CancellationToken,
    pub(crate) stranded: Stranded,
    /// Children on the way into the store, each with what fires when it is there.
    pub(crate) children_starting: Mutex<HashMap<ExecutionId, CancellationToken>>,
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
        let executions = Executions::new(parts.db.clone(), Arc::clone(&journal), documents.clone(), values.clone());
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
            usage: Usage::new(parts.db, Arc::clone(&parts.workspaces)),
            workspaces: parts.workspaces,
            active: Mutex::new(HashMap::new()),
            hub: Hub::default(),
            prepared: moka::sync::Cache::new(PREPARED_DOCUMENTS),
            owners: moka::sync::Cache::new(KNOWN_OWNERS),
            places: Arc::new(Semaphore::new(config.max_running_executions)),
            node_places: Arc::new(Semaphore::new(config.max_running_nodes)),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            grace_over: CancellationToken::new(),
            stranded: Stranded::default(),
            children_starting: Mutex::new(HashMap::new()),
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
        let grace = self.0.config.stop_grace;
        let hand_over = HAND_OVER.min(grace / 4);
        if tokio::time::timeout(grace - hand_over, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("nodes still run after the grace; the next start takes them up again");
        }
        self.0.grace_over.cancel();
        if tokio::time::timeout(hand_over, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("not everything could be handed over; others take over when the lease ends");
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
    pub async fn cancel(&self, principal: &Principal, id: ExecutionId, reason: Option<String>) -> Result<(), Error> {
        self.0.ask_by(principal, id, Input::Cancel { reason }).await
    }

    /// Lets an execution begin nothing new until it is resumed.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is paused or over.
    pub async fn pause(&self, principal: &Principal, id: ExecutionId) -> Result<(), Error> {
        self.0.ask_by(principal, id, Input::Pause).await
    }

    /// Lets a paused execution go on.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not paused.
    pub async fn resume(&self, principal: &Principal, id: ExecutionId) -> Result<(), Error> {
        self.0.ask_by(principal, id, Input::Resume).await
    }

    /// Lets a failed execution go on from its failed nodes.
    ///
    /// # Errors
    /// [`Error::Refused`] when it did not fail, or its finished nodes were compensated.
    pub async fn retry(&self, principal: &Principal, id: ExecutionId) -> Result<(), Error> {
        self.0.ask_by(principal, id, Input::Retry).await
    }

    /// Tells an execution something its `wait_for_event` nodes may wait for.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is over, or too much lies unread.
    pub async fn signal(&self, principal: &Principal, id: ExecutionId, name: String, data: Value) -> Result<(), Error> {
        // Looked at first: what is said may be large, and is kept among the values of the execution.
        self.0.check_owner(principal.workspace, id).await?;
        let data = self.0.keep_value(principal.workspace, id, Arc::new(data)).await?;
        self.0.ask_by(principal, id, Input::Signal { name, data }).await
    }

    /// Decides an open approval, as the principal unless the decision names somebody.
    ///
    /// # Errors
    /// [`Error::Refused`] when none is open there.
    pub async fn decide(
        &self,
        principal: &Principal,
        id: ExecutionId,
        path: NodePath,
        mut decision: Decision,
    ) -> Result<(), Error> {
        decision.by.get_or_insert_with(|| principal.actor.to_string());
        self.0.ask_by(principal, id, Input::Decide { path, decision }).await
    }

    /// Begins a new execution that keeps what an old one recorded before the node `rerun.from`.
    ///
    /// # Errors
    /// [`Error::NotEnded`]; [`Error::Rerun`] when there is no such node.
    pub async fn rerun(&self, principal: &Principal, id: ExecutionId, rerun: Rerun) -> Result<ExecutionId, Error> {
        let (engine, principal) = (Arc::clone(&self.0), principal.clone());
        self.0.see_through(async move { engine.rerun(&principal, id, rerun).await }).await
    }

    /// Waits until an execution ends or a node answers the caller, but not longer than that.
    ///
    /// # Errors
    /// [`Error::NoExecution`].
    pub async fn wait(&self, workspace: WorkspaceId, id: ExecutionId, at_most: Duration) -> Result<Waited, Error> {
        let mut watch = self.watch(workspace, id, 0).await?;
        let plan = self.document(&self.0.executions.summary(workspace, id).await?.document).await?;
        let answers =
            |path: &NodePath| plan.node_ix(path.node_id()).is_some_and(|node| plan.nodes[node].role == Role::Respond);
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
                let details = self.0.executions.details(workspace, id).await?;
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
    pub async fn watch(&self, workspace: WorkspaceId, id: ExecutionId, after: u64) -> Result<Watch, Error> {
        // Listening begins before the look into the store, so that nothing falls in between.
        let live = self.0.hub.subscribe(id);
        let summary = self.0.executions.summary(workspace, id).await?;
        let over = summary.status.is_terminal() && after >= summary.seq;
        let journal = Arc::clone(&self.0.journal);
        Ok(Watch::new(id, after, over, live, journal, self.0.stopping.clone()))
    }
}

impl Inner {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Does this although the caller may go away meanwhile: what is half done in the store would be left by everybody.
    pub(crate) async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        match self.tasks.spawn(work).await {
            Ok(done) => done,
            Err(broken) => match broken.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::Stopping),
            },
        }
    }

    /// Makes sure that an execution belongs to a workspace: one of another is not there for whoever asks.
    pub(crate) async fn check_owner(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<(), Error> {
        let owner = match self.owners.get(&id) {
            Some(owner) => owner,
            None => {
                let owner = self.executions.workspace_of(id).await?;
                self.owners.insert(id, owner);
                owner
            }
        };
        if owner == workspace { Ok(()) } else { Err(Error::NoExecution(id)) }
    }

    pub(crate) async fn prepared(&self, hash: &str) -> Result<Arc<Prepared>, Error> {
        if let Some(prepared) = self.prepared.get(hash) {
            return Ok(prepared);
        }
        let prepared = Arc::new(Prepared::new(self.documents.plan(hash).await?));
        self.prepared.insert(hash.to_owned(), Arc::clone(&prepared));
        Ok(prepared)
    }
}
