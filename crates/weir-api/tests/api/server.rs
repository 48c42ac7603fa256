//! A server for one test, and the requests to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_api::{HttpConfig, Limits, Services, Version};
use weir_base::{Clock, SystemClock};
use weir_cache::Cache;
use weir_db::Db;
use weir_engine::credential::FixedCredentials;
use weir_engine::files::ExecutionFiles;
use weir_engine::{Config, Engine, Parts};
use weir_events::{Audit, Events, NotificationRules, Webhooks};
use weir_expr::JsEvaluator;
use weir_identity::{Credentials, Variables};
use weir_objects::Objects;
use weir_outbound::{HttpAccess, Outbound};
use weir_testkit::TestDatabase;
use weir_workflows::triggers::Triggers;
use weir_workflows::{Versions, Workflows};

use crate::people::{People, Person};

/// Long enough for the slowest machine; a test that waits so long fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Signed in as `admin`.
    pub(crate) client: Client,
    /// Not signed in.
    pub(crate) nobody: Client,
    pub(crate) people: People,
    /// Of the first workspace, and of the installation.
    pub(crate) admin: Person,
    pub(crate) engine: Engine,
    pub(crate) db: Db,
    pub(crate) cache: Cache,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Server {
    /// A server on an empty SQLite database, asked by the admin of the first workspace.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// One that is set up in another way; without this there are no limits.
    pub(crate) async fn start_with(change: impl FnOnce(&mut HttpConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("weir.db").display());
        let mut http = HttpConfig::new("http://weir.test/".parse().unwrap());
        http.limits = Limits::NONE;
        change(&mut http);
        Self::on(&url, folder, http).await
    }

    /// One on each database.
    pub(crate) async fn start_all() -> Vec<(Self, TestDatabase)> {
        let mut servers = Vec::new();
        for database in weir_testkit::databases().await {
            let mut http = HttpConfig::new("http://weir.test/".parse().unwrap());
            http.limits = Limits::NONE;
            servers.push((Self::on(&database.url, tempfile::tempdir().unwrap(), http).await, database));
        }
        servers
    }

    /// A request of this person, or of a key.
    pub(crate) fn request_by(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.nobody.request(method, self.url(path)).bearer_auth(token)
    }

    async fn on(url: &str, folder: TempDir, http: HttpConfig) -> Self {
        // A second installation in the same process is refused, and of no consequence.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let db = Db::connect(url).await.unwrap();
        db.migrate("events", weir_events::MIGRATIONS).await.unwrap();
        db.migrate("identity", weir_identity::MIGRATIONS).await.unwrap();
        db.migrate("engine", weir_engine::MIGRATIONS).await.unwrap();
        db.migrate("collab", weir_collab::MIGRATIONS).await.unwrap();
        db.migrate("workflows", weir_workflows::MIGRATIONS).await.unwrap();
        db.migrate("nodes", weir_nodes::MIGRATIONS).await.unwrap();
        let people = People::open(&db).await;
        let admin = people.admin().await;
        let objects = Objects::connect(&format!("file:{}", folder.path().join("objects").display())).unwrap();
        let outbound = Outbound::new(HttpAccess::default()).unwrap();
        let node_types = weir_nodes::standard(weir_nodes::Services {
            files: ExecutionFiles::new(objects.clone()),
            outbound: outbound.clone(),
            versions: Versions::new(db.clone()),
            db: db.clone(),
            mailer: None,
            slack_api: weir_nodes::SLACK_API.parse().unwrap(),
            databases: folder.path().to_path_buf(),
        });
        let parts = Parts {
            db: db.clone(),
            objects: objects.clone(),
            node_types,
            evaluator: Arc::new(JsEvaluator::new()),
            credentials: Arc::new(FixedCredentials::from_iter([])),
            workspaces: Arc::new(weir_engine::NoSettings),
            clock: Arc::new(SystemClock),
        };
        let engine = Engine::open(Config::default(), parts).await.unwrap();
        let shutdown = CancellationToken::new();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let cache = Cache::memory(16 * 1024 * 1024);
        let workflows = Workflows::new(db.clone(), engine.clone(), None, Arc::clone(&clock));
        let no_credentials = Arc::new(FixedCredentials::from_iter([]));
        let router = weir_api::router(Services {
            triggers: Triggers::new(db.clone(), workflows.clone(), no_credentials, Arc::clone(&clock)),
            workflows,
            engine: engine.clone(),
            identity: people.identity.clone(),
            credentials: Credentials::new(
                db.clone(),
                Arc::clone(&people.keyring),
                outbound.clone(),
                Arc::clone(&clock),
            ),
            variables: Variables::new(db.clone(), Arc::clone(&clock)),
            events: Events::new(db.clone(), Arc::clone(&clock)),
            audit: Audit::new(db.clone()),
            webhooks: Webhooks::new(db.clone(), Arc::clone(&people.keyring), outbound, Arc::clone(&clock)),
            notification_rules: NotificationRules::new(db.clone(), clock),
            cache: cache.clone(),
            http,
            db: db.clone(),
            objects,
            version: Version { version: "0.0.0-test", commit: None },
            shutdown: shutdown.clone(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = shutdown.clone();
        let serving = tokio::spawn(async move { weir_api::serve(listener, router, stop).await });
        let client = client_of(Some(&admin.token));
        let nobody = client_of(None);
        Self { address, client, nobody, people, admin, engine, db, cache, shutdown, serving, _folder: folder }
    }

    /// Stops it in an orderly way; everything must have ended within the patience.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.serving).await.expect("the server ends").unwrap();
        self.engine.stop().await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// A post without a body.
    pub(crate) async fn tell(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::POST, path)).await
    }

    /// Makes a workflow; answers its path.
    pub(crate) async fn workflow(&self, document: &Value) -> String {
        let created = self.post("/api/v1/workflows", &json!({"document": document})).await;
        assert_eq!(created.status, 201, "{}", created.text);
        created.headers["location"].to_str().unwrap().to_owned()
    }

    /// Makes a workflow and publishes it; answers its path.
    pub(crate) async fn published(&self, document: &Value) -> String {
        let workflow = self.workflow(document).await;
        let published = self.tell(&format!("{workflow}/publish")).await;
        assert_eq!(published.status, 200, "{}", published.text);
        workflow
    }

    /// Runs a workflow without waiting; answers the execution's path.
    pub(crate) async fn execute(&self, workflow: &str, input: Value) -> String {
        let started = self.post(&format!("{workflow}/execute"), &json!({"input": input})).await;
        assert_eq!(started.status, 202, "{}", started.text);
        started.json()["status_url"].as_str().unwrap().to_owned()
    }

    /// The execution once it has this status.
    pub(crate) async fn until(&self, execution: &str, status: &str) -> Value {
        let reached = async {
            loop {
                let answer = self.get(execution).await.json();
                if answer["status"] == status {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, reached).await {
            Ok(answer) => answer,
            Err(_) => panic!("never {status}: {}", self.get(execution).await.text),
        }
    }
}

/// A client that sends this token with each request.
fn client_of(token: Option<&str>) -> Client {
    let headers = token.map(|token| (AUTHORIZATION, format!("Bearer {token}").parse().unwrap()));
    let client = Client::builder().timeout(PATIENCE).gzip(false).no_proxy();
    client.default_headers(headers.into_iter().collect()).build().unwrap()
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    /// The headers, and the body as it came.
    pub(crate) async fn of_bytes(request: RequestBuilder) -> (HeaderMap, Vec<u8>) {
        let response = request.send().await.unwrap();
        (response.headers().clone(), response.bytes().await.unwrap().to_vec())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    /// The problem's code; the answer must be a complete problem.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{} {}", self.status, self.text);
        let problem = self.json();
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["type"], format!("urn:weir:problem:{code}"));
        assert_eq!(problem["trace_id"], self.headers["x-request-id"].to_str().unwrap());
        for text in ["title", "detail"] {
            assert!(!problem[text].as_str().unwrap().is_empty(), "{problem}");
        }
        code
    }
}

/// A body with what differs from run to run taken out.
pub(crate) fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match (name.as_str(), value) {
                ("trace_id", _) => (name.clone(), json!("[trace]")),
                (name, value) => (name.to_owned(), redacted(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(redacted).collect(),
        Value::String(text) => Value::String(redacted_text(text)),
        other => other.clone(),
    }
}

fn redacted_text(text: &str) -> String {
    let is_time = text.len() >= 20 && text.as_bytes()[4] == b'-' && text.as_bytes()[10] == b'T' && text.ends_with('Z');
    if is_time {
        return "[time]".to_owned();
    }
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return "[hash]".to_owned();
    }
    let mut redacted = String::new();
    let mut rest = text;
    while let Some(at) = (0..rest.len()).find(|&at| {
        rest.get(at..at + 36)
            .is_some_and(|part| part.matches('-').count() == 4 && part.parse::<weir_base::ExecutionId>().is_ok())
    }) {
        redacted.push_str(&rest[..at]);
        redacted.push_str("[id]");
        rest = &rest[at + 36..];
    }
    redacted + rest
}
