//! Puts Weir together from its crates, and takes it apart again. The only file that knows everything.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_api::{AccessLog, ServeError, Services, Version};
use weir_base::{Clock, SystemClock};
use weir_core::evaluator::Evaluator;
use weir_core::node_type::Catalog;
use weir_db::{Db, Migration};
use weir_engine::credential::FixedCredentials;
use weir_engine::files::ExecutionFiles;
use weir_engine::node::NodeType;
use weir_engine::{Engine, Parts};
use weir_expr::JsEvaluator;
use weir_objects::Objects;
use weir_outbound::Outbound;
use weir_workflows::{Versions, Workflows};

use crate::config::Config;
use crate::identity::Identity;

/// The tables of all contexts.
pub(crate) const MIGRATIONS: [(&str, &[Migration]); 2] =
    [("engine", weir_engine::MIGRATIONS), ("workflows", weir_workflows::MIGRATIONS)];

/// How long a command that ends waits for nodes of executions that are not its own.
const SHORT_GRACE: Duration = Duration::from_secs(2);

/// What Weir is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To serve.
    Serve,
    /// To drive executions as long as a command lasts.
    Drive,
    /// To look, or to change something, without taking up work.
    Look,
}

/// Weir in this process.
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) workflows: Workflows,
    pub(crate) router: Router,
    db: Db,
    shutdown: CancellationToken,
    server: Option<JoinHandle<Result<(), ServeError>>>,
    access_log: Option<AccessLog>,
    /// Tells other commands where the process is that holds the database.
    address_file: Option<PathBuf>,
    /// Held as long as this process drives executions under the installation's name.
    _identity: Option<Identity>,
}

impl App {
    /// Opens the stores, brings the tables up to date and starts the engine.
    pub(crate) async fn open(config: &Config, purpose: Purpose) -> anyhow::Result<Self> {
        let db = Db::connect(&config.database_url).await.context("cannot open the database")?;
        migrate(&db, config).await?;
        let objects = Objects::connect(&config.objects_url).context("cannot open the object storage")?;
        let mut engine_config = config.engine.clone();
        let identity = match purpose {
            Purpose::Serve | Purpose::Drive => Identity::take(&config.data_dir)?,
            Purpose::Look => None,
        };
        engine_config.worker = identity.as_ref().map(|identity| identity.worker);
        match purpose {
            Purpose::Serve => {}
            Purpose::Drive => engine_config.stop_grace = SHORT_GRACE,
            Purpose::Look => {
                engine_config.stop_grace = SHORT_GRACE;
                engine_config.takes_up_work = false;
            }
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let parts = Parts {
            node_types: node_types(config, &db, &objects)?,
            evaluator: evaluator(),
            // Credentials come with the vault; until then no node finds one.
            credentials: Arc::new(FixedCredentials::default()),
            clock: Arc::clone(&clock),
            db: db.clone(),
            objects: objects.clone(),
        };
        let engine = Engine::open(engine_config, parts).await.context("cannot start the engine")?;
        let workflows = Workflows::new(db.clone(), engine.clone(), clock);
        let shutdown = CancellationToken::new();
        let router = weir_api::router(Services {
            workflows: workflows.clone(),
            engine: engine.clone(),
            db: db.clone(),
            objects,
            version: Version { version: env!("CARGO_PKG_VERSION"), commit: option_env!("WEIR_COMMIT") },
            shutdown: shutdown.clone(),
        });
        Ok(Self {
            engine,
            workflows,
            router,
            db,
            shutdown,
            server: None,
            access_log: None,
            address_file: None,
            _identity: identity,
        })
    }

    /// Answers requests on `listener` until [`close`](Self::close), and lets other commands find it.
    pub(crate) fn listen(&mut self, listener: TcpListener, config: &Config) -> anyhow::Result<String> {
        let url = format!("http://{}", listener.local_addr().context("the listener has no address")?);
        let mut router = self.router.clone();
        if let Some(file) = &config.access_log {
            let log = AccessLog::open(file).with_context(|| format!("cannot open {}", file.display()))?;
            router = log.around(router);
            self.access_log = Some(log);
        }
        self.server = Some(tokio::spawn(weir_api::serve(listener, router, self.shutdown.clone())));
        if let Some(file) = address_file(config) {
            std::fs::write(&file, &url).with_context(|| format!("cannot write {}", file.display()))?;
            self.address_file = Some(file);
        }
        Ok(url)
    }

    /// Ends the server and the engine: what runs may finish within the grace, and the rest is handed over.
    pub(crate) async fn close(mut self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        let server = self.server.take();
        let served = async move {
            match server {
                Some(task) => task.await.context("the server broke")?.context("the server failed"),
                None => Ok(()),
            }
        };
        let ((), served) = tokio::join!(self.engine.stop(), served);
        if let Some(file) = &self.address_file
            && let Err(error) = std::fs::remove_file(file)
        {
            tracing::warn!(%error, file = %file.display(), "cannot remove the file with the server's address");
        }
        if let Some(log) = self.access_log.take() {
            tokio::task::spawn_blocking(move || log.close()).await.context("the access log broke")?;
        }
        self.db.close().await;
        served
    }
}

/// Where the process that holds the configured SQLite database says how to reach it.
pub(crate) fn address_file(config: &Config) -> Option<PathBuf> {
    let path = sqlite_path(config)?;
    Some(PathBuf::from(format!("{}.address", path.display())))
}

/// The file of the configured database, if it is SQLite.
pub(crate) fn sqlite_path(config: &Config) -> Option<&Path> {
    let path = config.database_url.strip_prefix("sqlite:")?;
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)))
}

/// The expression language.
pub(crate) fn evaluator() -> Arc<dyn Evaluator> {
    Arc::new(JsEvaluator::new())
}

/// What is known of the node types, for commands that run none of them.
pub(crate) async fn catalog(config: &Config) -> anyhow::Result<Catalog> {
    // Node types are built with their services; to declare themselves they use none of them, so empty ones will do.
    let folder = tempfile::TempDir::new().context("cannot make a temporary folder")?;
    let db = Db::connect(&format!("sqlite:{}/weir.db", folder.path().display())).await?;
    let objects = Objects::connect(&format!("file:{}", folder.path().display()))?;
    let types = node_types(config, &db, &objects)?;
    db.close().await;
    Ok(types.iter().map(|node_type| node_type.info()).collect())
}

fn node_types(config: &Config, db: &Db, objects: &Objects) -> anyhow::Result<Vec<Arc<dyn NodeType>>> {
    Ok(weir_nodes::standard(weir_nodes::Services {
        files: ExecutionFiles::new(objects.clone()),
        outbound: Outbound::new(config.http.clone()).context("cannot set up requests to other systems")?,
        versions: Versions::new(db.clone()),
    }))
}

/// Brings the tables up to date; a SQLite database that was used before is copied first.
pub(crate) async fn migrate(db: &Db, config: &Config) -> anyhow::Result<()> {
    let pending = pending(db).await?;
    if pending.iter().all(|(_, migrations)| migrations.is_empty()) {
        return Ok(());
    }
    let is_used = MIGRATIONS.iter().zip(&pending).any(|((_, all), (_, pending))| pending.len() < all.len());
    if let (Some(sqlite), true) = (db.sqlite(), is_used) {
        let folder = config.data_dir.join("snapshots");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let name = format!("weir-{}.db", SystemClock.now().format("%Y%m%dT%H%M%S%3fZ"));
        let file = folder.join(name);
        sqlite.snapshot(&file).await.with_context(|| format!("cannot copy the database to {}", file.display()))?;
        tracing::info!(file = %file.display(), "copied the database before changing its tables");
    }
    for (context, migrations) in MIGRATIONS {
        db.migrate(context, migrations)
            .await
            .with_context(|| format!("cannot bring the tables of {context} up to date"))?;
    }
    Ok(())
}

/// The migrations that are still to be applied, by context.
pub(crate) async fn pending(db: &Db) -> anyhow::Result<Vec<(&'static str, &'static [Migration])>> {
    let mut pending = Vec::new();
    for (context, migrations) in MIGRATIONS {
        pending.push((context, db.pending_migrations(context, migrations).await?));
    }
    Ok(pending)
}
