//! `kill -9`, five times, amid two hundred executions of ten effects each.

use std::path::Path;

use rand::RngExt as _;
use weir_testkit::TestPostgres;

use crate::effects::{self, Effects};
use crate::recorded::recorded;
use crate::weir::Weir;

const EXECUTIONS: usize = 200;
const STEPS: usize = 10;
const KILLS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_server_loses_nothing_and_repeats_nothing_recorded_on_sqlite() {
    let data = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", data.path().join("weir.db").display());
    survive_kills(data.path(), None, &database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_server_loses_nothing_and_repeats_nothing_recorded_on_postgresql() {
    let data = tempfile::tempdir().unwrap();
    let database = TestPostgres::shared().fresh_database().await;
    survive_kills(data.path(), Some(&database), &database).await;
}

async fn survive_kills(data: &Path, database_url: Option<&str>, database: &str) {
    let effects = Effects::start().await;
    let mut server = Weir::start(data, database_url, &effects);
    let workflow = server.publish(&effects::workflow(&effects, STEPS)).await;
    let accepted = server.execute(&workflow, EXECUTIONS).await;
    assert_eq!(accepted.len(), EXECUTIONS);
    let mut after_kills = Vec::new();
    for _ in 0..KILLS {
        let more = rand::rng().random_range(50..300);
        effects.reach((effects.total() + more).min(EXECUTIONS * STEPS)).await;
        server.kill();
        after_kills.push((recorded(database).await, effects.by_key()));
        server = Weir::start(data, database_url, &effects);
    }
    let statuses = server.drained().await;
    assert_eq!(statuses, [("completed".to_owned(), EXECUTIONS)]);
    let seen = effects.by_key();
    assert_eq!(seen.len(), EXECUTIONS * STEPS, "every effect happened");
    for (recorded, seen_before) in &after_kills {
        let repeated: Vec<_> = recorded.iter().filter(|key| seen[*key] > seen_before[*key]).collect();
        assert!(repeated.is_empty(), "recorded before a kill and done again after it: {repeated:?}");
    }
}
