//! The engine is torn down in the middle and put up again.

use serde_json::{Value, json};
use weir_base::PageRequest;
use weir_core::execution::{Input, Status};
use weir_engine::executions::Filter;

use super::rig::{FIRST, Rig, chain, operator, params};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_only_what_was_not_recorded_runs_again() {
    for rig in Rig::both().await {
        let mut life = rig.start().await;
        let nodes: Vec<(String, Value)> =
            (0..10).map(|n| (format!("n{n}"), params(json!({ "n": "{{ input.n }}", "steps": 2 })))).collect();
        let nodes: Vec<_> = nodes.iter().map(|(id, data)| (id.as_str(), "effect", data.clone())).collect();
        let document = chain(&nodes);
        let mut ids = Vec::new();
        for n in 0..20 {
            ids.push(life.start(document.clone(), json!({ "n": n })).await);
        }
        let mut crashes = Vec::new();
        for round in 1..=4 {
            rig.world.reach(round * 100).await;
            life.crash().await;
            crashes.push((rig.recorded_steps(&ids).await, rig.world.by_key()));
            life = rig.start().await;
        }
        for id in ids {
            assert_eq!(life.end_of(id).await.summary.status, Status::Completed, "{}", rig.name);
        }
        let seen = rig.world.by_key();
        assert_eq!(seen.len(), 20 * 10 * 3, "every effect happened");
        for (recorded, seen_before) in crashes {
            let repeated: Vec<_> = recorded.iter().filter(|key| seen[*key] > seen_before[*key]).collect();
            assert!(repeated.is_empty(), "{}: recorded and done again: {repeated:?}", rig.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_signals_and_approvals_survive_a_crash() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let slept = life.start(chain(&[("sleep", "wait", params(json!({ "seconds": 0.3 })))]), json!({})).await;
        let waits = life.start(chain(&[("wait", "wait", params(json!({ "signal": "go" })))]), json!({})).await;
        let asks = chain(&[("ask", "approval", params(json!({ "title": "?", "deadline_seconds": 0.3 })))]);
        let asks = life.start(asks, json!({})).await;
        for id in [slept, waits, asks] {
            life.status(id, Status::Waiting).await;
        }
        life.crash().await;
        let life = rig.start().await;
        life.engine.signal(operator(), waits, "go".into(), json!(1)).await.unwrap();
        for id in [slept, waits] {
            assert_eq!(life.end_of(id).await.summary.status, Status::Completed, "{}", rig.name);
        }
        let expired = life.end_of(asks).await;
        assert_eq!(expired.output.unwrap()["decision"], "expired");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_hears_of_a_child_although_the_engine_crashed_in_between() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let child = life.keep(chain(&[("held", "effect", params(json!({ "hold": true })))])).await;
        let parent = life.start(chain(&[("sub", "child", params(json!({ "document": child })))]), json!({})).await;
        rig.world.reach(1).await;
        life.status(parent, Status::Waiting).await;
        life.crash().await;
        let life = rig.start().await;
        rig.world.reach(2).await;
        rig.world.gate.notify_waiters();
        rig.world.gate.notify_one();
        assert_eq!(life.end_of(parent).await.summary.status, Status::Completed, "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_hands_everything_over() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = chain(&[
            ("held", "effect", params(json!({ "hold": true }))),
            ("next", "effect", params(json!({ "n": 1 }))),
        ]);
        let id = life.start(document, json!({})).await;
        rig.world.reach(1).await;
        let engine = life.engine.clone();
        let stopping = tokio::spawn(async move { engine.stop().await });
        // A running node may finish; its result is recorded, the rest is for the next life.
        while !life.engine.is_stopping() {
            tokio::task::yield_now().await;
        }
        rig.world.gate.notify_one();
        stopping.await.unwrap();
        life.crash().await;
        let life = rig.start().await;
        assert_eq!(life.end_of(id).await.summary.status, Status::Completed, "{}", rig.name);
        let held = rig.world.effects.lock().iter().filter(|key| key.contains("/held/")).count();
        assert_eq!(held, 1, "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_cancelled_although_the_engine_crashed_right_after_its_parent_was() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let child = life.keep(chain(&[("held", "effect", params(json!({ "hold": true })))])).await;
        let document = chain(&[("sub", "child", params(json!({ "document": child })))]);
        let parent = life.start(document.clone(), json!({})).await;
        rig.world.reach(1).await;
        life.status(parent, Status::Waiting).await;
        let filter = Filter { parent: Some(parent), ..Filter::default() };
        let child = life.engine.executions().list(FIRST, &filter, &PageRequest::default()).await.unwrap().items[0].id;
        let plan = life.engine.document(&life.keep(document).await).await.unwrap();
        life.crash().await;
        rig.record(parent, plan, Input::Cancel { reason: None }, vec![child]).await;
        let life = rig.start().await;
        life.status(child, Status::Cancelled).await;
        assert_eq!(life.end_of(parent).await.summary.status, Status::Cancelled, "{}", rig.name);
    }
}
