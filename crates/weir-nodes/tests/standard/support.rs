//! One bench for all node types: real files in a temporary folder, a context of its own, credentials by name.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tempfile::TempDir;
use weir_base::{Credential, SystemClock};
use weir_core::node_error::NodeError;
use weir_core::outcome::Outcome;
use weir_core::path::NodePath;
use weir_db::Db;
use weir_engine::credential::FixedCredentials;
use weir_engine::files::ExecutionFiles;
use weir_engine::node::{NodeCtx, NodeType};
use weir_engine::{Config, Engine, Parts};
use weir_expr::JsEvaluator;
use weir_nodes::{Services, standard};
use weir_objects::Objects;
use weir_outbound::{HttpAccess, Outbound};
use weir_workflows::{Versions, Workflows};

/// The instant at which every context was decided on.
pub(crate) fn now() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().expect("an instant")
}

/// The standard node types with what they need.
pub(crate) struct Bench {
    types: Vec<Arc<dyn NodeType>>,
    pub(crate) files: ExecutionFiles,
    pub(crate) db: Db,
    pub(crate) credentials: BTreeMap<String, Credential>,
    objects: Objects,
    pub(crate) folder: TempDir,
}

impl Bench {
    /// Requests reach what runs on this machine.
    pub(crate) async fn new() -> Self {
        let allow = vec!["127.0.0.0/8".parse().expect("a network")];
        Self::with(Outbound::new(HttpAccess { allow, ..HttpAccess::default() }).expect("a client")).await
    }

    pub(crate) async fn with(outbound: Outbound) -> Self {
        Self::built(outbound, |_| {}).await
    }

    /// With other services than those of this machine.
    pub(crate) async fn built(outbound: Outbound, change: impl FnOnce(&mut Services)) -> Self {
        let folder = TempDir::new().expect("a folder");
        let objects = Objects::connect(&format!("file:{}", folder.path().join("objects").display())).expect("a folder");
        let files = ExecutionFiles::new(objects.clone());
        let db = Db::connect(&format!("sqlite:{}", folder.path().join("weir.db").display())).await.expect("a database");
        db.migrate("events", weir_events::MIGRATIONS).await.expect("tables");
        db.migrate("collab", weir_collab::MIGRATIONS).await.expect("tables");
        db.migrate("workflows", weir_workflows::MIGRATIONS).await.expect("tables");
        db.migrate("nodes", weir_nodes::MIGRATIONS).await.expect("tables");
        let databases = folder.path().join("databases");
        std::fs::create_dir(&databases).expect("a folder");
        let mut services = Services {
            files: files.clone(),
            outbound,
            versions: Versions::new(db.clone()),
            db: db.clone(),
            mailer: None,
            slack_api: weir_nodes::SLACK_API.parse().expect("a URL"),
            databases,
        };
        change(&mut services);
        let types = standard(services);
        let credentials = BTreeMap::from([
            ("token".to_owned(), Credential::Bearer { token: "t0ken".to_owned() }),
            ("login".to_owned(), Credential::Basic { username: "ann".to_owned(), password: "pass".to_owned() }),
            ("key".to_owned(), Credential::ApiKey { header: "X-Api-Key".to_owned(), key: "k3y".to_owned() }),
            ("broken".to_owned(), Credential::Bearer { token: "s3cret\nline".to_owned() }),
        ]);
        Self { types, files, db, credentials, objects, folder }
    }

    pub(crate) fn types(&self) -> &[Arc<dyn NodeType>] {
        &self.types
    }

    pub(crate) fn node(&self, name: &str) -> Arc<dyn NodeType> {
        self.types.iter().find(|node| node.info().name == name).map(Arc::clone).expect("a node type of this name")
    }

    /// Workflows with an engine that knows these node types.
    pub(crate) async fn workflows(&self) -> Workflows {
        self.db.migrate("engine", weir_engine::MIGRATIONS).await.expect("tables");
        let parts = Parts {
            db: self.db.clone(),
            objects: self.objects.clone(),
            node_types: self.types.clone(),
            evaluator: Arc::new(JsEvaluator::new()),
            credentials: Arc::new(FixedCredentials::default()),
            workspaces: Arc::new(weir_engine::NoSettings),
            clock: Arc::new(SystemClock),
        };
        let engine = Engine::open(Config::default(), parts).await.expect("an engine");
        Workflows::new(self.db.clone(), engine, None, Arc::new(SystemClock))
    }

    pub(crate) fn ctx(&self) -> NodeCtx {
        let credentials = FixedCredentials::from_iter(self.credentials.clone());
        NodeCtx::detached(NodePath::root("each").child(12, "node"), now(), Arc::new(credentials))
    }

    pub(crate) async fn run(&self, name: &str, params: Value) -> Result<Outcome, NodeError> {
        self.node(name).run(&self.ctx(), params).await
    }

    /// The output of a node that leaves by its only handle.
    pub(crate) async fn output(&self, name: &str, params: Value) -> Value {
        let (handle, output) = handle_and_output(self.run(name, params).await.unwrap());
        assert_eq!(handle, None);
        output
    }

    pub(crate) async fn fails(&self, name: &str, params: Value) -> NodeError {
        self.run(name, params).await.expect_err("it should fail")
    }
}

pub(crate) fn handle_and_output(outcome: Outcome) -> (Option<String>, Value) {
    match outcome {
        Outcome::Done { output, handle } => (handle, (**output.as_inline().expect("an inline output")).clone()),
        other => panic!("it should be done, but: {other:?}"),
    }
}
