//! An installation for one test, on a database, with a clock in the test's hand.

use std::sync::Arc;
use std::time::Duration;

use weir_base::{Clock as _, ManualClock, Principal, Role, Timestamp, UserId, WorkspaceId};
use weir_cache::Cache;
use weir_db::{Db, args};
use weir_identity::{Client, Config, FirstAdmin, Identity, NewAccount, Parts, PasswordCost, Registered, Tokens};
use weir_mail::Mailer;
use weir_testkit::{SmtpServer, TestDatabase};
use weir_vault::Keyring;

pub(crate) const ADMIN: &str = "admin@example.com";
pub(crate) const PASSWORD: &str = "seven quiet herons";
pub(crate) const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub(crate) struct World {
    pub(crate) name: &'static str,
    pub(crate) db: Db,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) identity: Identity,
    _database: TestDatabase,
}

/// What a world is made with.
#[derive(Default)]
pub(crate) struct Setup<'a> {
    pub(crate) mail: Option<&'a SmtpServer>,
    pub(crate) change: Option<&'a dyn Fn(&mut Config)>,
}

/// A world on each database.
pub(crate) async fn worlds(setup: &Setup<'_>) -> Vec<World> {
    let mut worlds = Vec::new();
    for database in weir_testkit::databases().await {
        worlds.push(World::new(database, setup).await);
    }
    worlds
}

/// A world on each database, with an admin whose password is [`PASSWORD`].
pub(crate) async fn settled() -> Vec<World> {
    let worlds = worlds(&Setup::default()).await;
    for world in &worlds {
        world.settle().await;
    }
    worlds
}

impl World {
    async fn new(database: TestDatabase, setup: &Setup<'_>) -> Self {
        // Another test of this process may have installed it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let db = Db::connect(&database.url).await.unwrap();
        db.migrate("events", weir_events::MIGRATIONS).await.unwrap();
        db.migrate("identity", weir_identity::MIGRATIONS).await.unwrap();
        let now: Timestamp = chrono::Utc::now();
        let clock = Arc::new(ManualClock::new(now));
        let keyring = Arc::new(Keyring::from_text(KEY).unwrap());
        let name = database.name;
        let identity = open(&db, &clock, &keyring, setup, Cache::memory(1 << 20)).await;
        Self { name, db, clock, keyring, identity, _database: database }
    }

    /// Another process on the same database.
    pub(crate) async fn another(&self) -> Identity {
        self.with_cache(Cache::memory(1 << 20)).await
    }

    /// A process on the same database that remembers in this cache.
    pub(crate) async fn with_cache(&self, cache: Cache) -> Identity {
        open(&self.db, &self.clock, &self.keyring, &Setup::default(), cache).await
    }

    pub(crate) async fn settle(&self) -> UserId {
        let made = self.identity.ensure_first_admin(ADMIN, Some(PASSWORD)).await.unwrap();
        assert!(made == FirstAdmin::Made, "{}", self.name);
        self.identity.users().by_email(ADMIN).await.unwrap().id
    }

    pub(crate) async fn login(&self, email: &str) -> Tokens {
        self.identity.login(email, PASSWORD, &client()).await.unwrap()
    }

    /// Whoever is proven by these tokens, in the workspace they joined first.
    pub(crate) async fn who(&self, tokens: &Tokens) -> Principal {
        self.identity.authenticate(&tokens.access_token, None, None).await.unwrap()
    }

    pub(crate) async fn admin(&self) -> Principal {
        let tokens = self.login(ADMIN).await;
        self.who(&tokens).await
    }

    /// Somebody who joined the first workspace by an invitation.
    pub(crate) async fn join(&self, email: &str, role: Role) -> Tokens {
        let operator = Principal::operator(WorkspaceId::FIRST);
        let invited = self.identity.members().invite(&operator, email, role).await.unwrap();
        let token = token_of(&invited.link.expect("there is no mail server"));
        let account = account(email, Some(token));
        match self.identity.register(account, &client()).await.unwrap() {
            Registered::SignedIn(tokens) => tokens,
            Registered::Accepted => panic!("an invitation signs in"),
        }
    }

    /// The kinds of all events told so far.
    pub(crate) async fn told(&self) -> Vec<String> {
        self.events().await.into_iter().map(|event| event.kind).collect()
    }

    pub(crate) async fn events(&self) -> Vec<weir_events::DomainEvent> {
        let rows = self.db.query("SELECT events FROM outbox ORDER BY at", args![]).await.unwrap();
        rows.iter()
            .flat_map(|row| serde_json::from_str::<Vec<weir_events::DomainEvent>>(row.get::<&str>(0).unwrap()).unwrap())
            .collect()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

async fn open(db: &Db, clock: &Arc<ManualClock>, keyring: &Arc<Keyring>, setup: &Setup<'_>, cache: Cache) -> Identity {
    let mut config = Config::new("https://weir.example.com".parse().unwrap());
    config.password_cost = PasswordCost { memory_kib: 64, iterations: 1, lanes: 1 };
    if let Some(change) = setup.change {
        change(&mut config);
    }
    let parts = Parts {
        db: db.clone(),
        keyring: Arc::clone(keyring),
        cache,
        clock: clock.clone(),
        mailer: setup.mail.map(|server| Mailer::connect(server.url(), "Weir <weir@example.com>").unwrap()),
        http: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
        config,
    };
    Identity::open(parts).await.unwrap()
}

pub(crate) fn client() -> Client {
    Client { address: Some([192, 0, 2, 7].into()), user_agent: Some("a test".to_owned()) }
}

pub(crate) fn account(email: &str, invitation: Option<String>) -> NewAccount {
    NewAccount { email: email.to_owned(), name: "Somebody Else".to_owned(), password: PASSWORD.to_owned(), invitation }
}

/// The token in a link, wherever it stands in a text.
pub(crate) fn token_of(text: &str) -> String {
    let (_, rest) = text.split_once("token=").expect("a link with a token");
    rest.chars().take_while(|char| !char.is_whitespace()).collect()
}
