//! Processes that are killed at any moment, with `kill -9`.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use weir_db::Db;
use weir_events::Events;

use super::{Ledger, Relaying, change, check_ledger, count, prepare, system_clock, until};

/// Names the database to a process that is to be killed.
const VARIABLE: &str = "WEIR_EVENTS_TEST_VICTIM";

/// How often processes are killed.
const KILLS: usize = 40;

/// The process that is killed: this test binary, started anew for this test alone. It writes and relays until then.
#[test]
fn victim() {
    let Ok(url) = std::env::var(VARIABLE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let db = loop {
            match Db::connect(&url).await {
                Ok(db) => break db,
                // The one before may not be quite dead.
                Err(weir_db::Error::InUse { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
                Err(error) => panic!("{error}"),
            }
        };
        let events = Events::new(db.clone(), system_clock());
        let _relaying = Relaying::begin(&events, vec![Arc::new(Ledger::default())]);
        loop {
            change(&db, &format!("thing/{}", rand::random_range(0..6))).await;
            events.wake();
        }
    });
}

fn start(url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["kill::victim", "--exact"])
        .env(VARIABLE, url)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_leave_one_consequence_an_event_in_order() {
    for database in weir_testkit::databases().await {
        prepare(&database.url).await.close().await;
        // SQLite is for one process, PostgreSQL for many.
        let together = if database.name == "sqlite" { 1 } else { 2 };
        for _ in 0..KILLS / together {
            let mut victims: Vec<Child> = (0..together).map(|_| start(&database.url)).collect();
            tokio::time::sleep(Duration::from_millis(rand::random_range(60..260))).await;
            for victim in &mut victims {
                victim.kill().unwrap();
                victim.wait().unwrap();
            }
        }
        let db = Db::connect(&database.url).await.unwrap();
        let (told, relayed) = (count(&db, "outbox").await, count(&db, "ledger").await);
        assert!(told > 100 && relayed > 100, "{}: {told} told, {relayed} relayed", database.name);
        let events = Events::new(db.clone(), system_clock());
        let _relaying = Relaying::begin(&events, vec![Arc::new(Ledger::default())]);
        until("every event is relayed", || async { count(&db, "ledger").await >= told }).await;
        let checked = check_ledger(&db, database.name).await;
        println!("{}: {checked} events, {relayed} of them relayed by those that were killed", database.name);
    }
}
