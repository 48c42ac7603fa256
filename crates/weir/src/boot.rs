//! Puts Weir together from its crates, and takes it apart again. The only file that knows everything.

mod background;
mod ports;
mod rotation;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use url::Url;
use weir_api::{AccessLog, HttpConfig, Limits, Services, Version};
use weir_base::{Clock, SystemClock};
use weir_cache::Cache;
use weir_collab::{Fanout, RedisFanout};
use weir_core::evaluator::Evaluator;
use weir_core::node_type::Catalog;
use weir_db::{Db, Migration};
use weir_engine::credential::CredentialSource;
use weir_engine::files::ExecutionFiles;
use weir_engine::{Engine, Parts};
use weir_events::{Audit, Deliveries, Events, NotificationRules, Senders, Webhooks};
use weir_expr::JsEvaluator;
use weir_identity::{Credentials, FirstAdmin, Identity, OidcConfig, Registration, Variables};
use weir_mail::Mailer;
use weir_objects::Objects;
use weir_outbound::Outbound;
use weir_vault::Keyring;
use weir_workflows::triggers::Triggers;
use weir_workflows::{Versions, Workflows};

use self::background::Background;
use self::ports::{Settings, Vault};
pub(crate) use self::rotation::rotate_master_key;
use crate::config::Config;
use crate::installation::Installation;
use crate::running::{self, Running};

/// The tables of all contexts.
pub(crate) const MIGRATIONS: [(&str, &[Migration]); 6] = [
    ("events", weir_events::MIGRATIONS),
    ("identity", weir_identity::MIGRATIONS),
    ("engine", weir_engine::MIGRATIONS),
    ("collab", weir_collab::MIGRATIONS),
    ("workflows", weir_workflows::MIGRATIONS),
    ("nodes", weir_nodes::MIGRATIONS),
];

/// Who is made admin when nobody is named.
const ADMIN: &str = "admin@weir.local";

/// Where a process is reached that does not serve: tokens it would give out name it.
const NOWHERE: &str = "http://localhost";

/// What is asked for often takes up to so many bytes of memory: 32 MiB.
const CACHED_BYTES: u64 = 32 * 1024 * 1024;

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
    pub(crate) identity: Identity,
    pub(crate) router: Router,
    db: Db,
    cache: Cache,
    shutdown: CancellationToken,
    background: JoinSet<()>,
    server: Option<JoinHandle<()>>,
    access_log: Option<AccessLog>,
    /// Tells other commands where the process is, and how to prove that they may.
    address_file: Option<PathBuf>,
    /// Held as long as this process drives executions under the installation's name.
    _installation: Option<Installation>,
}

impl App {
    /// Opens the stores, brings the tables up to date and starts the engine.
    pub(crate) async fn open(config: &Config, purpose: Purpose) -> anyhow::Result<Self> {
        let db = Db::connect(&config.database_url).await.context("cannot open the database")?;
        migrate(&db, config).await?;
        let objects = Objects::connect(&config.objects_url).context("cannot open the object storage")?;
        let cache = Cache::connect(&config.cache_url, CACHED_BYTES).await.context("cannot use cache_url")?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let keyring = Arc::new(keyring(config)?);
        let outbound = Outbound::new(config.http.clone()).context("cannot set up requests to other systems")?;
        let mailer = mailer(config)?;
        let http = http(config)?;

        let identity = Identity::open(weir_identity::Parts {
            db: db.clone(),
            keyring: Arc::clone(&keyring),
            cache: cache.clone(),
            clock: Arc::clone(&clock),
            mailer: mailer.clone(),
            http: provider_client()?,
            config: sign_in(config, &http.public_url),
        });
        let identity = identity.await.context("cannot set up sign-in")?;
        let credentials = Credentials::new(db.clone(), Arc::clone(&keyring), outbound.clone(), Arc::clone(&clock));
        let variables = Variables::new(db.clone(), Arc::clone(&clock));
        let secrets: Arc<dyn CredentialSource> = Arc::new(Vault(credentials.clone()));

        let installation = match purpose {
            Purpose::Serve | Purpose::Drive => Installation::take(&config.data_dir)?,
            Purpose::Look => None,
        };
        let parts = Parts {
            node_types: weir_nodes::standard(weir_nodes::Services {
                files: ExecutionFiles::new(objects.clone()),
                outbound: outbound.clone(),
                versions: Versions::new(db.clone()),
                db: db.clone(),
                mailer: mailer.clone(),
                slack_api: slack_api()?,
                databases: config.databases_dir.clone(),
            }),
            evaluator: evaluator(),
            credentials: Arc::clone(&secrets),
            workspaces: Arc::new(Settings { identity: identity.clone(), variables: variables.clone() }),
            clock: Arc::clone(&clock),
            db: db.clone(),
            objects: objects.clone(),
        };
        let engine_config = engine_config(config, purpose, installation.as_ref());
        let engine = Engine::open(engine_config, parts).await.context("cannot start the engine")?;
        let workflows = Workflows::new(db.clone(), engine.clone(), fanout(config, purpose)?, Arc::clone(&clock));
        let triggers = Triggers::new(db.clone(), workflows.clone(), secrets, Arc::clone(&clock));
        let events = Events::new(db.clone(), Arc::clone(&clock));
        let audit = Audit::new(db.clone());
        let shutdown = CancellationToken::new();
        let router = weir_api::router(Services {
            workflows: workflows.clone(),
            engine: engine.clone(),
            triggers: triggers.clone(),
            identity: identity.clone(),
            credentials: credentials.clone(),
            variables,
            events: events.clone(),
            audit: audit.clone(),
            webhooks: Webhooks::new(db.clone(), Arc::clone(&keyring), outbound.clone(), Arc::clone(&clock)),
            notification_rules: NotificationRules::new(db.clone(), Arc::clone(&clock)),
            http,
            cache: cache.clone(),
            db: db.clone(),
            objects,
            version: Version { version: env!("CARGO_PKG_VERSION"), commit: option_env!("WEIR_COMMIT") },
            shutdown: shutdown.clone(),
        });
        let mut background = JoinSet::new();
        if purpose == Purpose::Serve {
            let senders = Senders { keyring, outbound, mailer, secrets: Arc::new(Vault(credentials)), slack_api: None };
            let deliveries = Deliveries::new(db.clone(), senders, Arc::clone(&clock));
            let work = Background {
                db: db.clone(),
                events,
                audit,
                deliveries,
                triggers,
                workflows: workflows.clone(),
                identity: identity.clone(),
                clock,
            };
            background = work.begin(&shutdown);
        }
        Ok(Self {
            engine,
            workflows,
            identity,
            router,
            db,
            cache,
            shutdown,
            background,
            server: None,
            access_log: None,
            address_file: None,
            _installation: installation,
        })
    }

    /// Sees to it that somebody can sign in. Answers the address and the password of an admin who was just made with a
    /// password that nobody chose.
    pub(crate) async fn first_admin(&self, config: &Config) -> anyhow::Result<Option<(String, String)>> {
        let email = config.admin.email.as_deref().unwrap_or(ADMIN);
        let made = self.identity.ensure_first_admin(email, config.admin.password.as_deref()).await;
        match made.context("cannot make the first admin")? {
            FirstAdmin::MadeWith(password) => Ok(Some((email.to_owned(), password))),
            FirstAdmin::Present | FirstAdmin::Made => Ok(None),
        }
    }

    /// Answers requests on `listener` until [`close`](Self::close), and lets other commands find it.
    pub(crate) fn listen(&mut self, listener: TcpListener, config: &Config) -> anyhow::Result<String> {
        let url = listening_url(&listener)?;
        let running = Running::at(url.clone());
        let admitted = middleware::from_fn_with_state(Arc::from(running.key.as_str()), running::admit);
        let mut router = self.router.clone().layer(admitted);
        if let Some(file) = &config.access_log {
            let log = AccessLog::open(file).with_context(|| format!("cannot open {}", file.display()))?;
            router = log.around(router);
            self.access_log = Some(log);
        }
        self.server = Some(tokio::spawn(weir_api::serve(listener, router, self.shutdown.clone())));
        let file = Running::file(config);
        running.announce(&file).with_context(|| format!("cannot write {}", file.display()))?;
        self.address_file = Some(file);
        Ok(url.to_string().trim_end_matches('/').to_owned())
    }

    /// Ends the server and the engine: what runs may finish within the grace, and the rest is handed over.
    pub(crate) async fn close(mut self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        let server = self.server.take();
        let served = async move {
            match server {
                Some(task) => task.await.context("the server broke"),
                None => Ok(()),
            }
        };
        let mut background = std::mem::take(&mut self.background);
        let ended = async move {
            while let Some(ended) = background.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "work in the background broke");
                }
            }
        };
        let ((), served, ()) = tokio::join!(self.engine.stop(), served, ended);
        if let Some(file) = &self.address_file
            && let Err(error) = std::fs::remove_file(file)
        {
            tracing::warn!(%error, file = %file.display(), "cannot remove the file with the server's address");
        }
        if let Some(log) = self.access_log.take() {
            tokio::task::spawn_blocking(move || log.close()).await.context("the access log broke")?;
        }
        self.workflows.close().await;
        self.cache.close().await;
        self.db.close().await;
        served
    }
}

/// Where this listener is reached from this machine.
pub(crate) fn listening_url(listener: &TcpListener) -> anyhow::Result<Url> {
    let mut address = listener.local_addr().context("the listener has no address")?;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Url::parse(&format!("http://{address}")).context("the listener's address is no URL")
}

fn engine_config(config: &Config, purpose: Purpose, installation: Option<&Installation>) -> weir_engine::Config {
    let mut engine = config.engine.clone();
    engine.worker = installation.map(|installation| installation.worker);
    match purpose {
        Purpose::Serve => {}
        Purpose::Drive => engine.stop_grace = SHORT_GRACE,
        Purpose::Look => {
            engine.stop_grace = SHORT_GRACE;
            engine.takes_up_work = false;
        }
    }
    engine
}

/// The master keys: configured, or those of the data directory.
fn keyring(config: &Config) -> anyhow::Result<Keyring> {
    match &config.master_key {
        Some(keys) => Keyring::from_text(keys).context("cannot use master_key"),
        None => {
            std::fs::create_dir_all(&config.data_dir)
                .with_context(|| format!("cannot make {}", config.data_dir.display()))?;
            Ok(Keyring::open_or_create(&config.data_dir.join("master.key"))?)
        }
    }
}

fn mailer(config: &Config) -> anyhow::Result<Option<Mailer>> {
    let Some(url) = &config.smtp_url else { return Ok(None) };
    let from = config.smtp_from.as_deref().context("smtp.url is set, but not smtp.from: who sends the mail?")?;
    Ok(Some(Mailer::connect(url, from).context("cannot use smtp.url")?))
}

/// The way to the other servers that edit the same drafts: over the Redis that they share, if there is one.
fn fanout(config: &Config, purpose: Purpose) -> anyhow::Result<Option<Arc<dyn Fanout>>> {
    if purpose != Purpose::Serve || config.cache_url == "memory" {
        return Ok(None);
    }
    let redis = RedisFanout::connect(&config.cache_url).context("cannot use cache_url for live drafts")?;
    Ok(Some(Arc::new(redis)))
}

/// Talks to the identity provider, which the operator chose: it may be anywhere.
fn provider_client() -> anyhow::Result<reqwest::Client> {
    let builder = reqwest::Client::builder().tls_backend_preconfigured(weir_outbound::tls()?).no_proxy();
    Ok(builder.redirect(reqwest::redirect::Policy::none()).build()?)
}

fn slack_api() -> anyhow::Result<Url> {
    Ok(Url::parse(weir_nodes::SLACK_API)?)
}

fn http(config: &Config) -> anyhow::Result<HttpConfig> {
    let public_url = config.public_url.clone().map_or_else(|| Url::parse(NOWHERE), Ok)?;
    let limits = Limits {
        user: config.limits.user_per_minute,
        key: config.limits.user_per_minute,
        address: config.limits.address_per_minute,
        login: config.limits.logins_per_minute,
        hook: config.limits.hooks_per_minute,
    };
    let cors = config.cors_origins.iter().map(|origin| origin.parse()).collect::<Result<_, _>>()?;
    let trusted_proxies = config.trusted_proxies.clone();
    Ok(HttpConfig { limits, cors, trusted_proxies, ..HttpConfig::new(public_url) })
}

fn sign_in(config: &Config, public_url: &Url) -> weir_identity::Config {
    let oidc = config.oidc.issuer.as_ref().map(|issuer| OidcConfig {
        issuer: issuer.clone(),
        client_id: config.oidc.client_id.clone(),
        client_secret: Some(config.oidc.client_secret.clone()).filter(|secret| !secret.is_empty()),
        redirect_url: public_url.join("/api/v1/auth/oidc/callback").ok(),
        scopes: Vec::new(),
    });
    let registration = if config.open_registration { Registration::Open } else { Registration::Invited };
    weir_identity::Config { registration, oidc, ..weir_identity::Config::new(public_url.clone()) }
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
    let types = weir_nodes::standard(weir_nodes::Services {
        files: ExecutionFiles::new(objects),
        outbound: Outbound::new(config.http.clone()).context("cannot set up requests to other systems")?,
        versions: Versions::new(db.clone()),
        db: db.clone(),
        mailer: None,
        slack_api: slack_api()?,
        databases: folder.path().to_path_buf(),
    });
    db.close().await;
    Ok(types.iter().map(|node_type| node_type.info()).collect())
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
