//! An engine that can be crashed: it lives in a runtime of its own, which is torn down with everything in it.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::{Value, json};
use weir_base::{Clock, Credential, ExecutionId, Principal, SystemClock, WorkerId, WorkspaceId};
use weir_core::document::Document;
use weir_core::event::Event;
use weir_core::execution::{Execution, Input, Moment, Status};
use weir_core::plan::Plan;
use weir_db::Db;
use weir_engine::credential::FixedCredentials;
use weir_engine::executions::Details;
use weir_engine::journal::{Append, Row};
use weir_engine::{Config, Engine, MIGRATIONS, Parts, StartExecution, Waited};
use weir_expr::JsEvaluator;
use weir_objects::Objects;

use super::nodes::{self, Settings, World};

/// The workspace of most tests.
pub(crate) const FIRST: WorkspaceId = WorkspaceId::FIRST;

/// Who runs the process, there.
pub(crate) fn operator() -> &'static Principal {
    static OPERATOR: LazyLock<Principal> = LazyLock::new(|| Principal::operator(FIRST));
    &OPERATOR
}

/// The password of the credential `login`.
pub(crate) const SECRET: &str = "s3cr3t-p4ss";

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Threads of a life.
const WORKERS: usize = 2;

/// One database, one folder, one outside world; engines come and go.
pub(crate) struct Rig {
    pub(crate) world: Arc<World>,
    pub(crate) name: &'static str,
    database: weir_testkit::TestDatabase,
    pub(crate) folder: tempfile::TempDir,
    worker: WorkerId,
}

/// An engine and the runtime it lives in.
pub(crate) struct Life {
    pub(crate) engine: Engine,
    runtime: Option<tokio::runtime::Runtime>,
    pub(crate) db: Db,
}

impl Rig {
    /// A rig on each database.
    pub(crate) async fn both() -> Vec<Self> {
        let databases = weir_testkit::databases().await;
        databases
            .into_iter()
            .map(|database| Self {
                world: Arc::default(),
                name: database.name,
                database,
                folder: tempfile::tempdir().unwrap(),
                worker: WorkerId::new(),
            })
            .collect()
    }

    /// The idempotency keys of all recorded steps, read while no engine lives.
    pub(crate) async fn recorded_steps(&self, ids: &[ExecutionId]) -> Vec<String> {
        let db = Db::connect(&self.database.url).await.unwrap();
        let journal = weir_engine::journal::open(&db);
        let mut keys = Vec::new();
        for id in ids {
            for recorded in journal.read(*id, 0, 10_000).await.unwrap() {
                if let Event::StepRecorded { path, key, .. } = &recorded.event {
                    keys.push(format!("{id}/{path}/{key}"));
                }
            }
        }
        db.close().await;
        keys
    }

    /// Records, while no engine lives, what an engine decides on this input; then it would have crashed.
    pub(crate) async fn record(&self, id: ExecutionId, plan: Arc<Plan>, input: Input, wakes: Vec<ExecutionId>) {
        let db = Db::connect(&self.database.url).await.unwrap();
        let journal = weir_engine::journal::open(&db);
        journal.sign_off(self.worker).await.unwrap();
        let now = SystemClock.now();
        let lease = journal.claim(id, self.worker, now).await.unwrap().unwrap();
        let mut execution = Execution::replay(plan, journal.read(id, 0, 10_000).await.unwrap()).unwrap();
        let events = execution.handle(Moment { now, random: 0.0 }, input).unwrap().events;
        let (nodes_done, nodes_known) = execution.node_counts();
        let row = Row {
            status: execution.status(),
            seq: execution.seq(),
            progress: execution.progress(),
            nodes_done,
            nodes_known,
            at: now,
            error: None,
            released: true,
        };
        let workspace = execution.started().workspace_id;
        let (cleared_timers, logs, heard_of) = (Vec::new(), Vec::new(), Vec::new());
        let append = Append { workspace, events, row, cleared_timers, logs, wakes, heard_of, told: Vec::new() };
        journal.append(lease, append).await.unwrap();
        db.close().await;
    }

    pub(crate) async fn start(&self) -> Life {
        self.start_with(Config { sweep_interval: Duration::from_millis(200), ..Config::default() }).await
    }

    /// The one on PostgreSQL, which engines can share.
    pub(crate) async fn shared() -> Self {
        Self::both().await.into_iter().find(|rig| rig.name != "sqlite").unwrap()
    }

    /// The one on SQLite.
    pub(crate) async fn alone() -> Self {
        Self::both().await.into_iter().find(|rig| rig.name == "sqlite").unwrap()
    }

    pub(crate) async fn start_with(&self, config: Config) -> Life {
        self.start_as(Config { worker: Some(self.worker), ..config }).await
    }

    pub(crate) async fn start_as(&self, config: Config) -> Life {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().unwrap();
        let (url, folder) = (self.database.url.clone(), format!("file:{}", self.folder.path().display()));
        let (node_types, world) = (nodes::all(&self.world), Arc::clone(&self.world));
        let login = Credential::Basic { username: "ann".to_owned(), password: SECRET.to_owned() };
        let opened = runtime.spawn(async move {
            let db = Db::connect(&url).await.unwrap();
            db.migrate("events", weir_events::MIGRATIONS).await.unwrap();
            db.migrate("engine", MIGRATIONS).await.unwrap();
            let parts = Parts {
                db: db.clone(),
                objects: Objects::connect(&folder).unwrap(),
                node_types,
                evaluator: Arc::new(JsEvaluator::new()),
                credentials: Arc::new(FixedCredentials::from_iter([("login".to_owned(), login)])),
                workspaces: Arc::new(Settings(world)),
                clock: Arc::new(SystemClock),
            };
            (Engine::open(config, parts).await.unwrap(), db)
        });
        let (engine, db) = opened.await.unwrap();
        Life { engine, runtime: Some(runtime), db }
    }
}

impl Life {
    /// Tears everything down as `kill -9` would: nothing is handed over, nothing is answered.
    pub(crate) async fn crash(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        // The next life needs the database's lock; what was written is written.
        self.db.close().await;
    }

    /// Lets nothing of this life run until the answer is dropped, as if its machine had stopped for a while.
    pub(crate) fn freeze(&self) -> Vec<std::sync::mpsc::Sender<()>> {
        let runtime = self.runtime.as_ref().unwrap();
        let mut frozen = Vec::new();
        for _ in 0..WORKERS {
            let (thaw, thawed) = std::sync::mpsc::channel::<()>();
            let (begun, begins) = std::sync::mpsc::channel();
            runtime.spawn(async move {
                begun.send(()).unwrap();
                // Ends when the other side is dropped.
                let _ = thawed.recv();
            });
            begins.recv().unwrap();
            frozen.push(thaw);
        }
        frozen
    }

    pub(crate) async fn start(&self, document: Value, input: Value) -> ExecutionId {
        let document = self.keep(document).await;
        self.engine.start(StartExecution::new(FIRST, document, input)).await.unwrap().id
    }

    pub(crate) async fn keep(&self, document: Value) -> String {
        let document = Document::from_value(document).unwrap();
        self.engine.keep_document(&document).await.unwrap()
    }

    /// Runs to the end.
    pub(crate) async fn run(&self, document: Value, input: Value) -> Details {
        let id = self.start(document, input).await;
        self.end_of(id).await
    }

    pub(crate) async fn end_of(&self, id: ExecutionId) -> Details {
        match self.engine.wait(FIRST, id, PATIENCE).await.unwrap() {
            Waited::Ended(details) => *details,
            other => panic!("execution {id} did not end: {other:?}"),
        }
    }

    /// Waits until the execution's row has this status.
    pub(crate) async fn status(&self, id: ExecutionId, wanted: Status) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let summary = self.engine.executions().summary(FIRST, id).await.unwrap();
            if summary.status == wanted {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "still {}, not {wanted}", summary.status);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A document whose nodes run one after the other: `(id, type, data)`.
pub(crate) fn chain(nodes: &[(&str, &str, Value)]) -> Value {
    let mut all = vec![json!({ "id": "start", "type": "start" })];
    let mut edges = Vec::new();
    let mut before = "start";
    for (id, node_type, data) in nodes {
        all.push(json!({ "id": id, "type": node_type, "data": data }));
        edges.push(json!({ "id": format!("e_{id}"), "source": before, "target": id }));
        before = id;
    }
    json!({ "name": "test", "nodes": all, "edges": edges })
}

/// A node's data with these params.
pub(crate) fn params(params: Value) -> Value {
    json!({ "params": params })
}
