//! The relay: nothing is lost, nothing doubled, nothing out of order, whatever breaks off when.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use weir_base::Timestamp;
use weir_db::{Statement, args};
use weir_events::{Events, Located, Retention, Subscriber, SubscriberError, tell};
use weir_testkit::TestPostgres;

use super::{
    Bench, FIRST, Ledger, Relaying, benches, change, check_ledger, count, event, prepare, system_clock, tell_all, until,
};

/// How often a relay is broken off.
const BROKEN_OFF: usize = 1000;

/// Relays that run at the same time.
const RELAYS: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_relays_that_break_off_leave_one_consequence_an_event_in_order() {
    for Bench { name, db, _database } in benches().await {
        let writing = Arc::new(AtomicBool::new(true));
        let writers: Vec<_> = (0..6)
            .map(|_| {
                let (db, writing) = (db.clone(), Arc::clone(&writing));
                tokio::spawn(async move {
                    while writing.load(Ordering::Relaxed) {
                        let subject = format!("thing/{}", rand::random_range(0..12));
                        change(&db, &subject).await;
                        tokio::time::sleep(Duration::from_micros(rand::random_range(0..3000))).await;
                    }
                })
            })
            .collect();
        let ledger = Arc::new(Ledger::default());
        let relays: Vec<_> = (0..RELAYS)
            .map(|_| {
                let (db, ledger) = (db.clone(), Arc::clone(&ledger));
                tokio::spawn(async move {
                    for _ in 0..BROKEN_OFF / RELAYS {
                        let events = Events::new(db.clone(), system_clock());
                        let subscribers: Vec<Arc<dyn Subscriber>> = vec![Arc::clone(&ledger) as Arc<dyn Subscriber>];
                        let relay = tokio::spawn(async move { events.relay(subscribers, Default::default()).await });
                        tokio::time::sleep(Duration::from_micros(rand::random_range(0..8000))).await;
                        relay.abort();
                        let _ = relay.await;
                    }
                })
            })
            .collect();
        for relay in relays {
            relay.await.unwrap();
        }
        writing.store(false, Ordering::Relaxed);
        for writer in writers {
            writer.await.unwrap();
        }
        let told = count(&db, "outbox").await;
        let events = Events::new(db.clone(), system_clock());
        let _relaying = Relaying::begin(&events, vec![Arc::clone(&ledger) as Arc<dyn Subscriber>]);
        until("every event is relayed", || async { count(&db, "ledger").await >= told }).await;
        let checked = check_ledger(&db, name).await;
        let (asked, kept) = (ledger.asked.load(Ordering::Relaxed), ledger.kept.load(Ordering::Relaxed));
        println!("{name}: {checked} events; {asked} rounds were begun, {kept} of them known to be kept");
        assert!(asked > kept, "{name}: no relay was ever broken off within a round");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_relays_share_the_work_and_double_nothing() {
    for Bench { name, db, _database } in benches().await {
        let one = Events::new(db.clone(), system_clock());
        let two = Events::new(db.clone(), system_clock());
        let ledger: Arc<dyn Subscriber> = Arc::new(Ledger::default());
        let _one = Relaying::begin(&one, vec![Arc::clone(&ledger)]);
        let _two = Relaying::begin(&two, vec![ledger]);
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let (db, one, two) = (db.clone(), one.clone(), two.clone());
                tokio::spawn(async move {
                    for _ in 0..100 {
                        change(&db, &format!("thing/{}", rand::random_range(0..5))).await;
                        one.wake();
                        two.wake();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        until("every event is relayed", || async { count(&db, "ledger").await >= 400 }).await;
        assert_eq!(check_ledger(&db, name).await, 400);
    }
}

#[tokio::test]
async fn transactions_that_commit_out_of_order_are_all_read_and_each_thing_in_its_order() {
    let url = TestPostgres::shared().fresh_database().await;
    let db = prepare(&url).await;
    let events = Events::new(db.clone(), system_clock());
    let _relaying = Relaying::begin(&events, vec![Arc::new(Ledger::default())]);
    let postgres = db.postgres().unwrap();
    let (first, second, third) = (postgres.connection(), postgres.connection(), postgres.connection());
    let (first, second) = (first.session().await.unwrap(), second.session().await.unwrap());
    let third = third.session().await.unwrap();
    let telling = |subject: &str, n: i64| {
        let body = serde_json::to_string(&[event(FIRST, subject, n)]).unwrap();
        format!("INSERT INTO outbox (workspace_id, events, at) VALUES (NULL, '{body}', now())")
    };

    // The lower position and transaction is committed last.
    first.script(&format!("BEGIN; {}", telling("thing/late", 1))).await.unwrap();
    second.script(&telling("thing/early", 1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(count(&db, "ledger").await, 0, "what comes before it was not complete");
    first.script("COMMIT").await.unwrap();
    until("both are relayed", || async { count(&db, "ledger").await == 2 }).await;

    // The older transaction changes the thing second, while one of between is still running.
    first.script("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    third.script("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    second.script(&format!("BEGIN; {}; COMMIT", telling("thing/x", 1))).await.unwrap();
    first.script(&format!("{}; COMMIT", telling("thing/x", 2))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(count(&db, "ledger").await, 2);
    third.script("COMMIT").await.unwrap();
    until("both are relayed", || async { count(&db, "ledger").await == 4 }).await;
    check_ledger(&db, "postgres").await;

    // The same in one statement, which began before the other transaction had let go of the thing.
    db.write(Statement::new("INSERT INTO things (subject, n) VALUES ('thing/y', 0)", Vec::new())).await.unwrap();
    first.script("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    third.script("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    let update = "UPDATE things SET n = n + 1 WHERE subject = 'thing/y'";
    second.script(&format!("BEGIN; {update}; {}", telling("thing/y", 1))).await.unwrap();
    let body = serde_json::to_string(&[event(FIRST, "thing/y", 2)]).unwrap();
    let both = format!(
        "WITH changed AS ({update} RETURNING subject) INSERT INTO outbox (events, at) SELECT '{body}', now() FROM changed"
    );
    let waiting = tokio::spawn(async move { first.script(&format!("{both}; COMMIT")).await });
    let blocked =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("it waits for the thing", || async {
        db.query(blocked, Vec::new()).await.unwrap()[0].get::<i64>(0).unwrap() == 1
    })
    .await;
    second.script("COMMIT").await.unwrap();
    waiting.await.unwrap().unwrap();
    third.script("COMMIT").await.unwrap();
    until("both are relayed", || async { count(&db, "ledger").await == 6 }).await;
    check_ledger(&db, "postgres").await;
}

#[tokio::test]
async fn a_table_from_another_server_is_read_on() {
    let db = prepare(&TestPostgres::shared().fresh_database().await).await;
    let events = Events::new(db.clone(), system_clock());
    tell_all(&db, &[event(FIRST, "thing/a", 1), event(FIRST, "thing/a", 2)]).await;
    {
        let _relaying = Relaying::begin(&events, vec![Arc::new(Ledger::default())]);
        until("both are relayed", || async { count(&db, "ledger").await == 2 }).await;
    }
    tell_all(&db, &[event(FIRST, "thing/a", 3), event(FIRST, "thing/a", 4)]).await;
    // As if that server had counted far more transactions.
    for table in ["outbox", "event_cursors"] {
        let later = format!("UPDATE {table} SET turn = turn + 4000000000");
        db.write(Statement::new(later, Vec::new())).await.unwrap();
    }
    let _relaying = Relaying::begin(&events, vec![Arc::new(Ledger::default())]);
    until("the rest is relayed", || async { count(&db, "ledger").await == 4 }).await;
    tell_all(&db, &[event(FIRST, "thing/a", 5)]).await;
    until("what comes after is relayed", || async { count(&db, "ledger").await == 5 }).await;
    check_ledger(&db, "postgres").await;
}

#[tokio::test]
async fn a_damaged_row_is_passed_over_and_counted() {
    for Bench { name, db, _database } in benches().await {
        let insert = "INSERT INTO outbox (workspace_id, events, at) VALUES (NULL, $1, $2)";
        for text in ["not json", "{}", "[{\"id\": 1}]"] {
            db.write(Statement::new(insert, args![text, Timestamp::UNIX_EPOCH])).await.unwrap();
        }
        let mut nul = event(FIRST, "thing/a", 1);
        nul.kind = "Thing\0".to_owned();
        let mut long = event(FIRST, "thing/a", 1);
        long.subject = "x".repeat(10_000);
        db.write(tell(&[nul, event(FIRST, "thing/a", 1), long])).await.unwrap();
        let events = Events::new(db.clone(), system_clock());
        let _relaying = Relaying::begin(&events, vec![Arc::new(Ledger::default())]);
        until("the good one is relayed", || async { count(&db, "ledger").await == 1 }).await;
        until("the bad ones are counted", || async { events.health().unreadable == 5 }).await;
        assert!(events.health().failing.is_none(), "{name}");
    }
}

/// A subscriber that notes how much it is given at once.
#[derive(Default)]
struct Weighing(Mutex<Vec<usize>>);

impl Subscriber for Weighing {
    fn name(&self) -> &'static str {
        "weighing"
    }

    fn consequences<'a>(&'a self, events: &'a [Located]) -> BoxFuture<'a, Result<Vec<Statement>, SubscriberError>> {
        let bytes = events.iter().map(|located| located.event.data.to_string().len()).sum();
        self.0.lock().unwrap().push(bytes);
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[tokio::test]
async fn large_events_are_taken_few_at_a_time_and_the_largest_alone() {
    const MIB: usize = 1024 * 1024;
    for Bench { name, db, _database } in benches().await {
        for (n, mib) in (1..).zip([1, 1, 1, 1, 5, 1, 1]) {
            let mut large = event(FIRST, "thing/a", n);
            large.data["text"] = "x".repeat(mib * MIB).into();
            tell_all(&db, &[large]).await;
        }
        let weighing = Arc::new(Weighing::default());
        let events = Events::new(db.clone(), system_clock());
        let _relaying = Relaying::begin(&events, vec![Arc::new(Ledger::default()), Arc::clone(&weighing) as _]);
        until("all are relayed", || async { count(&db, "ledger").await == 7 }).await;
        check_ledger(&db, name).await;
        let mib: Vec<usize> = weighing.0.lock().unwrap().iter().map(|bytes| bytes / MIB).collect();
        assert_eq!(mib, [3, 1, 5, 2], "{name}");
    }
}

/// A subscriber that cannot do its work for a while.
struct Stuck(AtomicBool);

impl Subscriber for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    fn consequences<'a>(&'a self, _: &'a [Located]) -> BoxFuture<'a, Result<Vec<Statement>, SubscriberError>> {
        let stuck = self.0.load(Ordering::Relaxed);
        Box::pin(async move { if stuck { Err("it rains".into()) } else { Ok(Vec::new()) } })
    }
}

#[tokio::test]
async fn a_subscriber_that_fails_is_named_and_asked_again() {
    for Bench { name, db, _database } in benches().await {
        let stuck = Arc::new(Stuck(AtomicBool::new(true)));
        let events = Events::new(db.clone(), system_clock());
        tell_all(&db, &[event(FIRST, "thing/a", 1)]).await;
        let _relaying = Relaying::begin(&events, vec![Arc::new(Ledger::default()), Arc::clone(&stuck) as _]);
        until("the failure is known", || async { events.health().failing.is_some_and(|it| it.times >= 2) }).await;
        let failing = events.health().failing.unwrap();
        assert_eq!((failing.who, failing.error.as_str()), ("stuck", "it rains"), "{name}");
        assert!(events.health().lag > Duration::from_secs(3600), "{name}: the event is from 1970");
        assert_eq!(count(&db, "ledger").await, 0, "{name}: all or nothing");
        stuck.0.store(false, Ordering::Relaxed);
        until("it goes on", || async { count(&db, "ledger").await == 1 }).await;
        until("all is well", || async { events.health().failing.is_none() && events.health().lag.is_zero() }).await;
    }
}

#[tokio::test]
async fn only_what_was_relayed_is_forgotten() {
    for Bench { name, db, _database } in benches().await {
        let events = Events::new(db.clone(), system_clock());
        tell_all(&db, &[event(FIRST, "thing/a", 1), event(FIRST, "thing/a", 2)]).await;
        let retention = Retention::default();
        let removed = |at: Timestamp| {
            let db = db.clone();
            async move { retention.enforce(&db, at + retention.events).await.unwrap().events }
        };
        let later = Timestamp::UNIX_EPOCH + Duration::from_secs(1);
        assert_eq!(removed(later).await, 0, "{name}: nothing was relayed");
        let _relaying = Relaying::begin(&events, vec![Arc::new(Ledger::default())]);
        until("both are relayed", || async { count(&db, "ledger").await == 2 }).await;
        assert_eq!(removed(Timestamp::UNIX_EPOCH).await, 0, "{name}: nothing is older");
        assert_eq!(removed(later).await, 2, "{name}");
        tell_all(&db, &[event(FIRST, "thing/a", 3)]).await;
        until("it goes on", || async { count(&db, "ledger").await == 3 }).await;
    }
}
