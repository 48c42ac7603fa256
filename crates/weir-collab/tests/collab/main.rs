//! Live documents: on both databases, with clients of Yjs and without, over real Redis.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod client;
mod converge;
mod durable;
mod history;
mod hostile;
mod json;
mod others;
mod rest;
mod slow;
mod untrusted;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use weir_base::{SystemClock, UserId, WorkflowId};
use weir_collab::{Author, Collab, Config, Drafts, Error, Fanout, Kind, MIGRATIONS, Member};
use weir_db::Db;
use weir_testkit::TestDatabase;

/// How long anything may take that is sure to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// An empty database with the tables, and the drafts beside them.
struct Bench {
    name: &'static str,
    db: Db,
    drafts: Arc<Kept>,
    _database: TestDatabase,
}

async fn benches() -> Vec<Bench> {
    let mut benches = Vec::new();
    for database in weir_testkit::databases().await {
        let db = Db::connect(&database.url).await.unwrap();
        db.migrate("collab", MIGRATIONS).await.unwrap();
        benches.push(Bench { name: database.name, db, drafts: Arc::default(), _database: database });
    }
    benches
}

async fn sqlite() -> Bench {
    benches().await.swap_remove(0)
}

impl Bench {
    fn collab(&self) -> Collab {
        self.collab_with(config(), None)
    }

    fn collab_with(&self, config: Config, fanout: Option<Arc<dyn Fanout>>) -> Collab {
        let drafts = Arc::clone(&self.drafts);
        Collab::new(self.db.clone(), Arc::new(SystemClock), drafts, fanout, config)
    }

    /// A workflow with a draft.
    fn workflow(&self) -> WorkflowId {
        let workflow = WorkflowId::new();
        self.drafts.drafts.lock().insert(workflow, draft());
        workflow
    }
}

/// Everything as in production, but sooner.
fn config() -> Config {
    Config {
        materialize: Duration::from_millis(50),
        presence: Duration::from_millis(5),
        refresh: Some(Duration::from_millis(50)),
        ..Config::default()
    }
}

fn draft() -> Value {
    json!({
        "name": "a workflow",
        "nodes": [
            {"id": "start", "type": "start", "position": {"x": 0, "y": 0}, "data": {"params": {}}},
            {"id": "code", "type": "set", "position": {"x": 1, "y": 0}, "data": {"params": {"code": "return 1", "n": 1}}},
            {"id": "end", "type": "end", "position": {"x": 2, "y": 0}, "data": {"params": {}}},
        ],
        "edges": [{"id": "e", "source": "start", "target": "code"}, {"id": "f", "source": "code", "target": "end"}],
    })
}

/// The drafts, as the workflows keep them.
#[derive(Default)]
struct Kept {
    drafts: Mutex<HashMap<WorkflowId, Value>>,
    changes: Mutex<Vec<(WorkflowId, u64, Vec<Author>)>>,
}

impl Drafts for Kept {
    fn draft(&self, workflow: WorkflowId) -> BoxFuture<'_, Result<Option<Value>, Error>> {
        let draft = self.drafts.lock().get(&workflow).cloned();
        Box::pin(async { Ok(draft) })
    }

    fn changed<'a>(
        &'a self,
        workflow: WorkflowId,
        seq: u64,
        view: &'a Value,
        by: &'a [Author],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.changes.lock().push((workflow, seq, by.to_vec()));
            if let Some(draft) = self.drafts.lock().get_mut(&workflow) {
                *draft = view.clone();
            }
            Ok(())
        })
    }
}

fn author(name: &str) -> Author {
    Author { user: Some(UserId::new()), key: None, name: name.to_owned() }
}

fn member(name: &str, can_write: bool, kind: Kind) -> Member {
    Member { author: author(name), can_write, kind }
}

fn writer(name: &str) -> Member {
    member(name, true, Kind::Yjs { saved: true })
}

/// Waits until it holds.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A field of a node in a view.
fn node<'a>(view: &'a Value, id: &str) -> &'a Value {
    view["nodes"].as_array().and_then(|nodes| nodes.iter().find(|node| node["id"] == id)).unwrap_or(&Value::Null)
}
