//! What must not be left behind: drivers, places, executions that nobody drives.

use std::time::{Duration, Instant};

use serde_json::json;
use weir_core::execution::Status;
use weir_engine::{Config, StartExecution};

use super::rig::{FIRST, Rig, chain, operator, params};

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_is_cancelled_while_a_node_runs_frees_its_place() {
    for rig in Rig::both().await {
        // No sweep comes to the rescue.
        let config = Config { max_running_executions: 1, sweep_interval: Duration::from_secs(60), ..Config::default() };
        let life = rig.start_with(config).await;
        let held = chain(&[("held", "effect", params(json!({ "hold": true })))]);
        let first = life.start(held, json!({})).await;
        rig.world.reach(1).await;
        let second = life.start(chain(&[("one", "effect", params(json!({ "n": 1 })))]), json!({})).await;
        life.engine.cancel(operator(), first, None).await.unwrap();
        assert_eq!(life.end_of(second).await.summary.status, Status::Completed, "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_whose_caller_went_away_while_it_started_runs_all_the_same() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = life.keep(chain(&[("one", "effect", params(json!({ "n": 1 })))])).await;
        for n in 0..200_u64 {
            let start = life.engine.start(StartExecution::new(FIRST, &*document, json!({})));
            // Whether it was accepted is not known: some are dropped at any point of their way.
            let _ = tokio::time::timeout(Duration::from_micros(n * 20), start).await;
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let filter = weir_engine::executions::Filter::default();
            let page = weir_base::PageRequest::default();
            let latest = life.engine.executions().list(FIRST, &filter, &page).await.unwrap().items;
            if latest.iter().all(|each| each.status == Status::Completed) {
                break;
            }
            assert!(Instant::now() < deadline, "{}: {latest:?}", rig.name);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_in_time_although_a_node_does_not() {
    for rig in Rig::both().await {
        let config = Config { stop_grace: Duration::from_secs(1), ..Config::default() };
        let life = rig.start_with(config).await;
        let id = life.start(chain(&[("held", "effect", params(json!({ "hold": true })))]), json!({})).await;
        rig.world.reach(1).await;
        let began = Instant::now();
        life.engine.stop().await;
        assert!(began.elapsed() < Duration::from_millis(1_500), "{}: {:?}", rig.name, began.elapsed());
        life.crash().await;
        let life = rig.start().await;
        rig.world.reach(2).await;
        rig.world.gate.notify_waiters();
        rig.world.gate.notify_one();
        assert_eq!(life.end_of(id).await.summary.status, Status::Completed, "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_begins_nothing_new() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = chain(&[
            ("held", "effect", params(json!({ "hold": true }))),
            ("next", "effect", params(json!({ "hold": true }))),
        ]);
        let id = life.start(document, json!({})).await;
        rig.world.reach(1).await;
        let engine = life.engine.clone();
        let stopping = tokio::spawn(async move { engine.stop().await });
        while !life.engine.is_stopping() {
            tokio::task::yield_now().await;
        }
        rig.world.gate.notify_one();
        stopping.await.unwrap();
        assert_eq!(rig.world.count(), 1, "{}", rig.name);
        life.crash().await;
        let life = rig.start().await;
        rig.world.reach(2).await;
        rig.world.gate.notify_waiters();
        rig.world.gate.notify_one();
        assert_eq!(life.end_of(id).await.summary.status, Status::Completed, "{}", rig.name);
        assert_eq!(rig.world.count(), 2, "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_of_a_parent_cancelled_at_once_does_not_run_on() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let slow = life.keep(chain(&[("held", "effect", params(json!({ "hold": true })))])).await;
        for _ in 0..20 {
            let parent = chain(&[("sub", "child", params(json!({ "document": slow })))]);
            let parent = life.start(parent, json!({})).await;
            life.engine.cancel(operator(), parent, None).await.unwrap();
            life.end_of(parent).await;
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let filter = weir_engine::executions::Filter::default();
            let page = weir_base::PageRequest::default();
            let all = life.engine.executions().list(FIRST, &filter, &page).await.unwrap().items;
            if all.iter().all(|each| each.status == Status::Cancelled) {
                break;
            }
            assert!(Instant::now() < deadline, "{}: {all:?}", rig.name);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_that_start_one_another_are_bounded_in_depth() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let mut document = life.keep(chain(&[("one", "effect", params(json!({ "n": 1 })))])).await;
        for _ in 0..15 {
            document = life.keep(chain(&[("sub", "child", params(json!({ "document": document })))])).await;
        }
        let deepest = life.engine.start(StartExecution::new(FIRST, &*document, json!({}))).await.unwrap().id;
        assert_eq!(life.end_of(deepest).await.summary.status, Status::Completed, "{}", rig.name);
        for _ in 0..2 {
            document = life.keep(chain(&[("sub", "child", params(json!({ "document": document })))])).await;
        }
        let too_deep = life.engine.start(StartExecution::new(FIRST, &*document, json!({}))).await.unwrap().id;
        let ended = life.end_of(too_deep).await;
        assert_eq!(ended.summary.status, Status::Failed, "{}", rig.name);
        assert!(ended.summary.error.unwrap().message.contains("nested more than"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pure_execution_ends_without_being_driven_for_long() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = chain(&[
            ("a", "set", params(json!({ "n": 1 }))),
            ("b", "set", params(json!({ "n": "{{ steps.a.n + 1 }}" }))),
        ]);
        let ended = life.run(document, json!({})).await;
        assert_eq!(ended.output, Some(json!({ "n": 2 })), "{}", rig.name);
        let began = Instant::now();
        life.engine.stop().await;
        assert!(began.elapsed() < Duration::from_secs(2), "{}: something was still driven", rig.name);
    }
}
