//! What a workspace gives its executions, and how much they may use of everything.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use weir_base::{ErrorKind, ExecutionId, WorkspaceId};
use weir_core::execution::Status;
use weir_engine::{Config, Error, Quota, Rerun, StartExecution};

use super::rig::{FIRST, Rig, chain, operator, params};

/// No sweep comes to the rescue.
const LATER: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn variables_are_those_of_the_start_and_children_have_them_as_well() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        *rig.world.vars.lock() = json!({ "region": "eu", "level": 1 }).as_object().unwrap().clone();
        let reads = params(json!({ "is": "{{ vars.region + vars.level }}" }));
        let child = life.keep(chain(&[("read", "set", reads)])).await;
        let parent = chain(&[("sub", "child", params(json!({ "document": child })))]);
        assert_eq!(life.run(parent, json!({})).await.output, Some(json!({ "is": "eu1" })), "{}", rig.name);

        let own = json!({ "level": 2 }).as_object().unwrap().clone();
        let start = StartExecution { vars: own, ..StartExecution::new(FIRST, child, json!({})) };
        let id = life.engine.start(start).await.unwrap().id;
        assert_eq!(life.end_of(id).await.output, Some(json!({ "is": "eu2" })), "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_executions_start_in_a_day_than_may() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let one = chain(&[("one", "set", params(json!({ "n": 1 })))]);
        let document = life.keep(one.clone()).await;
        let started = life.start(one, json!({})).await;
        *rig.world.quota.lock() = Quota { executions_per_day: Some(20), stored_bytes: None };
        let start = |workspace| StartExecution::new(workspace, &*document, json!({}));
        let keyed = || StartExecution { idempotency_key: Some("first".to_owned()), ..start(FIRST) };
        let first = life.engine.start(keyed()).await.unwrap().id;
        let answers = futures::future::join_all((0..40).map(|_| life.engine.start(start(FIRST)))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 18, "{}", rig.name);
        let refused = answers.into_iter().find_map(Result::err).unwrap();
        assert_eq!(refused.kind(), ErrorKind::Exhausted);
        let Error::ExecutionQuota { limit: 20, used: 20, resets_at } = &refused else { panic!("{refused:?}") };
        assert!(*resets_at > chrono::Utc::now() && refused.to_string().contains("may start 20 executions a day"));
        // What was started before is answered, what is re-run is refused, and another workspace has its own count.
        let again = life.engine.start(keyed()).await.unwrap();
        assert!(again.existing && again.id == first, "{}", rig.name);
        life.end_of(started).await;
        let rerun = Rerun { from: "one".into(), input: None, document: None };
        assert_eq!(life.engine.rerun(operator(), started, rerun).await.unwrap_err().kind(), ErrorKind::Exhausted);
        life.engine.start(start(WorkspaceId::new())).await.unwrap();
        // A restart does not begin a new day.
        life.crash().await;
        let life = rig.start().await;
        assert_eq!(life.engine.start(start(FIRST)).await.unwrap_err().kind(), ErrorKind::Exhausted, "{}", rig.name);
        assert_eq!(life.engine.used(FIRST).await.unwrap().executions_today, 20, "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_stored_than_may_be() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        *rig.world.quota.lock() = Quota { executions_per_day: None, stored_bytes: Some(1_000_000) };
        let id = ExecutionId::new();
        let file = |size: usize| futures::stream::iter([Ok(Bytes::from(vec![b'x'; size]))]);
        life.engine.put_file(operator(), id, "a", file(600_000), u64::MAX).await.unwrap();
        let small = life.engine.put_file(operator(), id, "b", file(600_000), 10).await.unwrap_err();
        assert_eq!(small.kind(), ErrorKind::TooLarge, "{}: the caller's own limit", rig.name);
        let refused = life.engine.put_file(operator(), id, "b", file(600_000), u64::MAX).await.unwrap_err();
        let expected = matches!(refused, Error::StorageQuota { limit: 1_000_000, used: 600_000 });
        assert!(expected && refused.kind() == ErrorKind::Exhausted, "{}: {refused:?}", rig.name);

        let document = chain(&[("big", "effect", params(json!({ "text": "{{ 'x'.repeat(500_000) }}" })))]);
        assert_eq!(life.run(document.clone(), json!({})).await.summary.status, Status::Completed, "{}", rig.name);
        let ended = life.run(document, json!({})).await;
        assert_eq!(ended.summary.status, Status::Failed, "{}", rig.name);
        assert!(ended.summary.error.unwrap().message.contains("may store 1000000 bytes"), "{}", rig.name);
        let large = StartExecution::new(FIRST, life.keep(chain(&[])).await, json!("y".repeat(300_000)));
        assert_eq!(life.engine.start(large).await.unwrap_err().kind(), ErrorKind::Exhausted, "{}", rig.name);

        let before = life.engine.used(FIRST).await.unwrap().stored_bytes;
        life.engine.remove_files(operator(), id).await.unwrap();
        assert_eq!(life.engine.used(FIRST).await.unwrap().stored_bytes, before - 600_000, "{}", rig.name);
        life.engine.put_file(operator(), id, "b", file(10), u64::MAX).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_timers_wake_waits_for_a_place() {
    for rig in Rig::both().await {
        let config = Config { max_running_executions: 1, sweep_interval: LATER, ..Config::default() };
        let life = rig.start_with(config).await;
        let nap = ("nap", "wait", params(json!({ "seconds": 0.2 })));
        let held = || params(json!({ "hold": true }));
        let sleeper = life.start(chain(&[nap, ("held", "effect", held())]), json!({})).await;
        life.status(sleeper, Status::Waiting).await;
        let first = life.start(chain(&[("held", "effect", held())]), json!({})).await;
        rig.world.reach(1).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(rig.world.count(), 1, "{}: more runs than may", rig.name);
        life.engine.cancel(operator(), first, None).await.unwrap();
        rig.world.reach(2).await;
        rig.world.gate.notify_one();
        assert_eq!(life.end_of(sleeper).await.summary.status, Status::Completed, "{}", rig.name);
    }
}
