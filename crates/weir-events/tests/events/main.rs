//! Domain events from the outbox to everybody who wants them: on both databases, with real receivers.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod audit;
mod kill;
mod live;
mod management;
mod notifications;
mod receiver;
mod relay;
mod webhooks;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use weir_base::{Actor, ManualClock, Principal, SessionId, SystemClock, Timestamp, UserId, WorkspaceId};
use weir_db::{Batch, Db, Migration, Statement, args};
use weir_events::{DomainEvent, Events, Located, MIGRATIONS, Subscriber, SubscriberError, tell};
use weir_testkit::TestDatabase;

const FIRST: WorkspaceId = WorkspaceId::FIRST;

/// The tables of a context that tells events, and of one that keeps what they lead to: without any key that would
/// hide that something was kept twice.
const LEDGER: &[Migration] = &[Migration {
    version: 1,
    name: "ledger",
    sqlite: "CREATE TABLE things (subject TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT;
             CREATE TABLE ledger (place INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL,
                                  subject TEXT NOT NULL, n INTEGER NOT NULL) STRICT;",
    postgres: "CREATE TABLE things (subject text PRIMARY KEY, n bigint NOT NULL);
               CREATE TABLE ledger (place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id text NOT NULL,
                                    subject text NOT NULL, n bigint NOT NULL);",
}];

/// How long anything may take that is sure to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// An empty database with the tables.
struct Bench {
    name: &'static str,
    db: Db,
    _database: TestDatabase,
}

async fn benches() -> Vec<Bench> {
    let mut benches = Vec::new();
    for database in weir_testkit::databases().await {
        let db = prepare(&database.url).await;
        benches.push(Bench { name: database.name, db, _database: database });
    }
    benches
}

async fn prepare(url: &str) -> Db {
    let db = Db::connect(url).await.unwrap();
    db.migrate("events", MIGRATIONS).await.unwrap();
    db.migrate("ledger", LEDGER).await.unwrap();
    db
}

fn system_clock() -> Arc<SystemClock> {
    Arc::new(SystemClock)
}

fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_timestamp_micros(1_790_000_000_000_001).unwrap()))
}

fn person(workspace: WorkspaceId) -> Principal {
    Principal {
        actor: Actor::User { user: UserId::new(), session: SessionId::new() },
        address: Some(IpAddr::from([192, 0, 2, 7])),
        ..Principal::operator(workspace)
    }
}

/// Something that happens by itself, with a number.
fn event(workspace: WorkspaceId, subject: &str, n: i64) -> DomainEvent {
    let id = Uuid::now_v7().to_string();
    DomainEvent::of_itself(id, workspace, "ThingChanged", subject.to_owned(), Timestamp::UNIX_EPOCH, json!({"n": n}))
}

async fn tell_all(db: &Db, events: &[DomainEvent]) {
    for event in events {
        db.write(tell(std::slice::from_ref(event))).await.unwrap();
    }
}

/// Changes a thing and tells of it, as contexts do: whoever was slower reads again.
async fn change(db: &Db, subject: &str) {
    loop {
        let rows = db.query("SELECT n FROM things WHERE subject = $1", args![subject]).await.unwrap();
        let n: i64 = rows.first().map_or(0, |row| row.get(0).unwrap());
        let step = if rows.is_empty() {
            Statement::new("INSERT INTO things (n, subject) VALUES ($1, $2)", args![n + 1, subject])
        } else {
            let update = "UPDATE things SET n = $1 WHERE subject = $2 AND n = $3";
            Statement::new(update, args![n + 1, subject, n]).exactly(1)
        };
        match db.write(Batch::from(vec![step, tell(&[event(FIRST, subject, n + 1)])])).await {
            Ok(_) => return,
            Err(weir_db::Error::Expectation { .. } | weir_db::Error::Unique { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A subscriber that keeps everything.
#[derive(Default)]
struct Ledger {
    asked: AtomicU64,
    kept: AtomicU64,
}

impl Subscriber for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn consequences<'a>(&'a self, events: &'a [Located]) -> BoxFuture<'a, Result<Vec<Statement>, SubscriberError>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let insert = "INSERT INTO ledger (event_id, subject, n) VALUES ($1, $2, $3)";
            let row = |Located { event, .. }: &Located| {
                args![&event.id, &event.subject, event.data["n"].as_i64().unwrap_or_default()]
            };
            Ok(vec![Statement::each(insert, events.iter().map(row).collect())])
        })
    }

    fn kept(&self) {
        self.kept.fetch_add(1, Ordering::Relaxed);
    }
}

async fn count(db: &Db, table: &str) -> i64 {
    db.query(format!("SELECT COUNT(*) FROM {table}"), Vec::new()).await.unwrap()[0].get(0).unwrap()
}

/// Every event has one row in the ledger, and those of one subject are there in the order of its changes.
async fn check_ledger(db: &Db, name: &str) -> usize {
    let mut told = BTreeMap::new();
    for row in db.query("SELECT events FROM outbox", Vec::new()).await.unwrap() {
        for event in serde_json::from_str::<Vec<DomainEvent>>(row.get(0).unwrap()).unwrap() {
            told.insert(event.id, 0);
        }
    }
    let mut last: HashMap<String, i64> = HashMap::new();
    for row in db.query("SELECT event_id, subject, n FROM ledger ORDER BY place", Vec::new()).await.unwrap() {
        let (id, subject, n): (String, String, i64) = (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap());
        *told.get_mut(&id).unwrap_or_else(|| panic!("{name}: {id} was never told")) += 1;
        let before = last.insert(subject.clone(), n).unwrap_or(0);
        assert_eq!(n, before + 1, "{name}: {subject} is out of order");
    }
    let odd: Vec<_> = told.iter().filter(|(_, times)| **times != 1).collect();
    assert!(odd.is_empty(), "{name}: kept another number of times than once: {odd:?}");
    told.len()
}

/// Waits until it holds.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Relays to these subscribers until the value is dropped.
struct Relaying(CancellationToken);

impl Relaying {
    fn begin(events: &Events, subscribers: Vec<Arc<dyn Subscriber>>) -> Self {
        let (events, stop) = (events.clone(), CancellationToken::new());
        let until = stop.clone();
        tokio::spawn(async move { events.relay(subscribers, until).await });
        Self(stop)
    }
}

impl Drop for Relaying {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
