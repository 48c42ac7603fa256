//! Workflows as the API uses them: on both databases, with a real engine.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod creation;
mod deletion;
mod drafts;
mod listing;
mod nodes;
mod publishing;
mod running;
mod status;
mod telling;
mod tenancy;
mod transfer;
mod triggers;
mod untrusted;

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use tempfile::TempDir;
use weir_base::{ManualClock, Principal, Timestamp, WorkflowId, WorkspaceId};
use weir_db::Db;
use weir_engine::credential::FixedCredentials;
use weir_engine::{Config, Engine, Parts};
use weir_expr::JsEvaluator;
use weir_objects::Objects;
use weir_testkit::TestDatabase;
use weir_workflows::{MIGRATIONS, Workflows};

/// The workspace of most tests.
const FIRST: WorkspaceId = WorkspaceId::FIRST;

/// Who runs the process, there.
fn operator() -> &'static Principal {
    static OPERATOR: LazyLock<Principal> = LazyLock::new(|| Principal::operator(FIRST));
    &OPERATOR
}

/// Workflows over an empty database.
struct Bench {
    workflows: Workflows,
    engine: Engine,
    clock: Arc<ManualClock>,
    db: Db,
    _objects: TempDir,
    _database: TestDatabase,
}

/// One on each database.
async fn benches() -> Vec<Bench> {
    let mut benches = Vec::new();
    for database in weir_testkit::databases().await {
        let db = Db::connect(&database.url).await.unwrap();
        db.migrate("engine", weir_engine::MIGRATIONS).await.unwrap();
        db.migrate("events", weir_events::MIGRATIONS).await.unwrap();
        db.migrate("collab", weir_collab::MIGRATIONS).await.unwrap();
        db.migrate("workflows", MIGRATIONS).await.unwrap();
        let objects = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_timestamp_micros(1_790_000_000_000_001).unwrap()));
        let parts = Parts {
            db: db.clone(),
            objects: Objects::connect(&format!("file:{}", objects.path().display())).unwrap(),
            node_types: nodes::node_types(),
            evaluator: Arc::new(JsEvaluator::new()),
            credentials: Arc::new(FixedCredentials::from_iter([])),
            workspaces: Arc::new(weir_engine::NoSettings),
            clock: Arc::new(weir_base::SystemClock),
        };
        let engine = Engine::open(Config::default(), parts).await.unwrap();
        let workflows = Workflows::new(db.clone(), engine.clone(), None, Arc::clone(&clock) as _);
        benches.push(Bench { workflows, engine, clock, db, _objects: objects, _database: database });
    }
    benches
}

impl Bench {
    /// A workflow that was never published.
    async fn draft(&self, name: &str) -> WorkflowId {
        self.workflows.create(operator(), document(name), Vec::new()).await.unwrap().workflow.summary.id
    }

    /// A workflow with one version.
    async fn active(&self, name: &str) -> WorkflowId {
        let id = self.draft(name).await;
        self.workflows.publish(operator(), id, None).await.unwrap();
        id
    }

    /// Another draft of a workflow: its `end` puts this out.
    async fn change(&self, id: WorkflowId, name: &str, output: Value) {
        let update = weir_workflows::Update {
            draft: Some(weir_workflows::DraftChange::Replace(document_with(name, output))),
            tags: None,
        };
        self.workflows.update(operator(), id, None, update).await.unwrap();
    }
}

/// A document without problems.
fn document(name: &str) -> Value {
    document_with(name, json!("{{ input.word }}"))
}

fn document_with(name: &str, output: Value) -> Value {
    json!({
        "name": name,
        "inputs": {"type": "object", "properties": {"word": {"type": "string"}}},
        "nodes": [
            {"id": "start", "type": "start", "position": {"x": 0, "y": 0}},
            {"id": "end", "type": "end", "data": {"params": {"output": output}}},
        ],
        "edges": [{"id": "e1", "source": "start", "target": "end"}],
        "x-team": "kept as it came",
    })
}

/// A document that has the shape of one and cannot be run.
fn broken(name: &str) -> Value {
    json!({
        "name": name,
        "nodes": [{"id": "start", "type": "start"}, {"id": "odd", "type": "no_such_type"}],
        "edges": [{"id": "e1", "source": "start", "target": "nowhere"}],
    })
}
