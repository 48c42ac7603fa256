//! What people and programs ask of executions.

use serde_json::json;
use weir_base::ErrorKind;
use weir_core::event::Decision;
use weir_core::execution::Status;
use weir_engine::{Error, Rerun};

use super::rig::{FIRST, Rig, chain, operator, params};

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_reaches_a_running_effect() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let id = life.start(chain(&[("held", "effect", params(json!({ "hold": true })))]), json!({})).await;
        rig.world.reach(1).await;
        life.engine.cancel(operator(), id, Some("enough".into())).await.unwrap();
        assert_eq!(life.end_of(id).await.summary.status, Status::Cancelled, "{}", rig.name);
        let again = life.engine.cancel(operator(), id, None).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Conflict);
        assert!(again.to_string().contains("rerun"), "{again}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_execution_begins_nothing_until_it_is_resumed() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = chain(&[
            ("held", "effect", params(json!({ "hold": true }))),
            ("next", "effect", params(json!({ "n": 2 }))),
        ]);
        let id = life.start(document, json!({})).await;
        rig.world.reach(1).await;
        life.engine.pause(operator(), id).await.unwrap();
        rig.world.gate.notify_one();
        life.status(id, Status::Paused).await;
        assert_eq!(rig.world.count(), 1, "{}", rig.name);
        life.engine.resume(operator(), id).await.unwrap();
        assert_eq!(life.end_of(id).await.summary.status, Status::Completed);
        assert_eq!(rig.world.count(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_reaches_an_execution_that_only_waits_as_a_row() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let id = life.start(chain(&[("wait", "wait", params(json!({ "signal": "paid" })))]), json!({})).await;
        life.status(id, Status::Waiting).await;
        life.engine.signal(operator(), id, "paid".into(), json!({ "amount": 3 })).await.unwrap();
        let output = life.end_of(id).await.output.unwrap();
        assert_eq!(output["data"], json!({ "amount": 3 }), "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_listed_decided_once_and_closed() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let id = life.start(chain(&[("ask", "approval", params(json!({ "title": "Really?" })))]), json!({})).await;
        life.status(id, Status::Waiting).await;
        let open = life
            .engine
            .executions()
            .approvals(FIRST, None, Some(id), &weir_base::PageRequest::default())
            .await
            .unwrap();
        assert_eq!(open.items[0].title, "Really?", "{}", rig.name);
        let decision = Decision { approved: true, data: json!(7), by: Some("ada".into()), comment: None };
        life.engine.decide(operator(), id, "ask".into(), decision.clone()).await.unwrap();
        assert_eq!(life.end_of(id).await.output.unwrap()["by"], "ada");
        let twice = life.engine.decide(operator(), id, "ask".into(), decision).await.unwrap_err();
        assert!(matches!(twice, Error::Refused(_)), "{twice:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_execution_is_retried_from_its_failed_node() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = chain(&[
            ("good", "effect", params(json!({ "n": 1 }))),
            ("bad", "effect", json!({ "params": { "fail": "{{ 1 }}" }, "retry": { "max_attempts": 1 } })),
        ]);
        let id = life.start(document, json!({})).await;
        assert_eq!(life.end_of(id).await.summary.status, Status::Failed, "{}", rig.name);
        let dead = life.engine.executions().dead_letters(FIRST, &weir_base::PageRequest::default()).await.unwrap();
        assert_eq!(dead.items[0].id, id);
        life.engine.retry(operator(), id).await.unwrap();
        life.status(id, Status::Completed).await;
        let seen = rig.world.effects.lock().clone();
        let good = seen.iter().filter(|key| key.contains("/good/")).count();
        assert_eq!((good, seen.len()), (1, 3), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_keeps_what_came_before_and_names_its_parent() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = chain(&[
            ("first", "effect", params(json!({ "n": "{{ input.n }}" }))),
            ("second", "effect", params(json!({ "n": "{{ steps.first.n + input.n }}" }))),
        ]);
        let id = life.start(document, json!({ "n": 1 })).await;
        life.end_of(id).await;
        let rerun = Rerun { from: "second".into(), input: Some(json!({ "n": 10 })), document: None };
        let again = life.engine.rerun(operator(), id, rerun).await.unwrap();
        let ended = life.end_of(again).await;
        assert_eq!(ended.output, Some(json!({ "n": 11 })), "{}", rig.name);
        assert_eq!(ended.summary.parent.unwrap().execution_id, id);
        assert_eq!(rig.world.count(), 3);
        let nowhere = Rerun { from: "third".into(), input: None, document: None };
        assert_eq!(life.engine.rerun(operator(), id, nowhere).await.unwrap_err().kind(), ErrorKind::Invalid);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_answers_its_parent_and_is_cancelled_with_it() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let quick = life.keep(chain(&[("work", "effect", params(json!({ "n": "{{ input.n * 2 }}" })))])).await;
        let parent = chain(&[("sub", "child", params(json!({ "document": quick, "input": { "n": 4 } })))]);
        assert_eq!(life.run(parent, json!({})).await.output, Some(json!({ "n": 8 })), "{}", rig.name);
        let slow = life.keep(chain(&[("held", "effect", params(json!({ "hold": true })))])).await;
        let parent = chain(&[("sub", "child", params(json!({ "document": slow })))]);
        let id = life.start(parent, json!({})).await;
        rig.world.reach(2).await;
        life.engine.cancel(operator(), id, None).await.unwrap();
        let filter = weir_engine::executions::Filter { parent: Some(id), ..Default::default() };
        let children = life.engine.executions().list(FIRST, &filter, &weir_base::PageRequest::default()).await.unwrap();
        life.status(children.items[0].id, Status::Cancelled).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_no_execution_is_not_found() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let nobody = weir_base::ExecutionId::new();
        assert!(
            matches!(life.engine.cancel(operator(), nobody, None).await, Err(Error::NoExecution(_))),
            "{}",
            rig.name
        );
        assert!(matches!(life.engine.watch(FIRST, nobody, 0).await.err(), Some(Error::NoExecution(_))));
    }
}
