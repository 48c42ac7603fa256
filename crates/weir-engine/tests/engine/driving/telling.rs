//! What the outside is told of executions.

use std::net::IpAddr;

use serde_json::{Value, json};
use weir_base::{Actor, ExecutionId, Principal, TriggerId};
use weir_core::event::Decision;
use weir_core::execution::Status;
use weir_engine::StartExecution;
use weir_events::DomainEvent;

use super::rig::{FIRST, Life, Rig, chain, operator, params};
use crate::stores::outbox;

async fn told(life: &Life, id: ExecutionId) -> Vec<DomainEvent> {
    outbox(&life.db, id).await.into_iter().flat_map(|(_, events)| events).collect()
}

fn kinds(told: &[DomainEvent]) -> Vec<&str> {
    told.iter().map(|event| event.kind.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_told_from_its_beginning_to_its_end_without_what_went_through_it() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = life
            .keep(chain(&[
                ("pure", "set", params(json!({ "word": "{{ input.word }}" }))),
                ("call", "effect", params(json!({ "word": "{{ input.word }}" }))),
            ]))
            .await;
        let actor = Actor::Trigger(TriggerId::new());
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let trigger = Principal { actor, address: Some(address), ..operator().clone() };
        let start = StartExecution::by(&trigger, document, json!({ "word": "hush-hush" }));
        let id = life.engine.start(StartExecution { trigger: "webhook".to_owned(), ..start }).await.unwrap().id;
        let last = life.end_of(id).await.summary.seq;
        let told = told(&life, id).await;
        assert_eq!(kinds(&told), ["ExecutionStarted", "NodeExecuted", "ExecutionCompleted"], "{}", rig.name);
        assert_eq!((told[0].id.as_str(), &told[0].actor), (&*format!("{id}/1"), &actor.to_string()));
        assert_eq!(told[0].address, Some(address.to_string()));
        assert_eq!(told[0].data["trigger"], "webhook");
        assert_eq!((&told[1].data["node"], &told[1].data["type"]), (&json!("call"), &json!("effect")));
        assert_eq!((told[2].id.as_str(), told[2].actor.as_str()), (&*format!("{id}/{last}"), "operator"));
        assert_eq!(told[2].data["status"], "completed");
        assert!(told[2].data["duration_ms"].as_u64().is_some_and(|taken| taken < 30_000), "{:?}", told[2].data);
        assert!(told.iter().all(|event| event.workspace == Some(FIRST) && event.subject == format!("execution/{id}")));
        assert!(!serde_json::to_string(&told).unwrap().contains("hush-hush"), "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_fails_once_for_the_outside_however_often_it_was_tried() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let retry = json!({ "max_attempts": 3, "delays_seconds": [0.01] });
        let bad = json!({ "params": { "fail": 9 }, "retry": retry });
        let ended = life.run(chain(&[("bad", "effect", bad)]), json!({})).await;
        let told = told(&life, ended.summary.id).await;
        assert_eq!(kinds(&told), ["ExecutionStarted", "NodeFailed", "ExecutionFailed"], "{}", rig.name);
        assert_eq!((&told[1].data["attempt"], &told[1].data["error"]["class"]), (&json!(3), &json!("transient")));
        assert_eq!(told[2].data["error"], json!({ "class": "transient", "node": "bad" }));
        assert!(!serde_json::to_string(&told).unwrap().contains("not yet"), "the words of the error are told");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_decides_and_who_cancels_is_told() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let asks = chain(&[("ask", "approval", params(json!({ "title": "Really?" })))]);
        let (decided, cancelled) = (life.start(asks.clone(), json!({})).await, life.start(asks, json!({})).await);
        for id in [decided, cancelled] {
            life.status(id, Status::Waiting).await;
        }
        let ann = Principal { actor: Actor::Trigger(TriggerId::new()), ..operator().clone() };
        let by = ann.actor.to_string();
        let decision = Decision { approved: true, data: Value::Null, by: None, comment: None };
        life.engine.decide(&ann, decided, "ask".into(), decision).await.unwrap();
        life.engine.cancel(&ann, cancelled, None).await.unwrap();
        for id in [decided, cancelled] {
            life.end_of(id).await;
        }
        let events = told(&life, decided).await;
        let expected = ["ExecutionStarted", "ApprovalRequested", "ApprovalDecided", "ExecutionCompleted"];
        assert_eq!(kinds(&events), expected, "{}", rig.name);
        assert_eq!(events[1].data["title"], "Really?");
        assert_eq!((&events[2].data["decided_by"], &events[2].actor), (&json!(by), &by));
        let events = told(&life, cancelled).await;
        assert_eq!(kinds(&events), ["ExecutionStarted", "ApprovalRequested", "ExecutionCancelled"], "{}", rig.name);
        assert_eq!(events[2].actor, by, "{}", rig.name);
    }
}
