//! Two engines on one database: who may drive what.

use std::time::{Duration, Instant};

use serde_json::json;
use weir_core::event::Event;
use weir_core::execution::Status;
use weir_engine::Config;

use super::rig::{FIRST, Rig, chain, params};

const LEASE: Duration = Duration::from_secs(1);

fn short() -> Config {
    Config { worker_lease: LEASE, sweep_interval: Duration::from_millis(200), ..Config::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_engine_takes_over_within_the_lease() {
    let rig = Rig::shared().await;
    let first = rig.start_as(short()).await;
    let id = first.start(chain(&[("held", "effect", params(json!({ "hold": true })))]), json!({})).await;
    rig.world.reach(1).await;
    let second = rig.start_as(short()).await;
    tokio::time::sleep(2 * LEASE).await;
    assert_eq!(rig.world.count(), 1, "taken from a driver that lives");
    first.crash().await;
    let died = Instant::now();
    rig.world.reach(2).await;
    assert!(died.elapsed() < 2 * LEASE, "{:?}", died.elapsed());
    rig.world.gate.notify_waiters();
    rig.world.gate.notify_one();
    assert_eq!(second.end_of(id).await.summary.status, Status::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_was_replaced_records_nothing() {
    let rig = Rig::shared().await;
    let first = rig.start_as(short()).await;
    let document =
        chain(&[("held", "effect", params(json!({ "hold": true }))), ("next", "effect", params(json!({ "n": 1 })))]);
    let id = first.start(document, json!({})).await;
    rig.world.reach(1).await;
    let frozen = first.freeze();
    let second = rig.start_as(short()).await;
    rig.world.reach(2).await;
    // Both attempts end; only the one of the engine that took over may count.
    rig.world.gate.notify_waiters();
    rig.world.gate.notify_one();
    assert_eq!(second.end_of(id).await.summary.status, Status::Completed);
    drop(frozen);
    rig.world.gate.notify_waiters();
    rig.world.gate.notify_one();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let journal = second.engine.executions().journal(FIRST, id, 0, 1_000).await.unwrap();
    let completed: Vec<_> = journal
        .iter()
        .filter_map(|event| match &event.event {
            Event::NodeCompleted { path, .. } => Some(path.as_str().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(completed.iter().filter(|path| *path == "held").count(), 1, "{completed:?}");
    assert_eq!(rig.world.by_key()[&format!("{id}/next/effect")], 1, "the stale driver began what follows");
    // It lives on, and is of use for other executions.
    assert_eq!(
        first.run(chain(&[("one", "effect", params(json!({})))]), json!({})).await.summary.status,
        Status::Completed
    );
}
