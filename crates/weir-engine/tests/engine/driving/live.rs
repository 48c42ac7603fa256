//! Watching executions.

use futures::StreamExt as _;
use serde_json::json;
use weir_engine::{Waited, Watched};

use super::rig::{FIRST, Rig, chain, params};

#[tokio::test(flavor = "multi_thread")]
async fn watchers_see_every_event_once_wherever_they_begin() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let nodes: Vec<String> = (0..30).map(|n| format!("n{n}")).collect();
        let nodes: Vec<_> = nodes.iter().map(|id| (id.as_str(), "effect", params(json!({ "n": 1 })))).collect();
        let id = life.start(chain(&nodes), json!({})).await;
        let watchers = (0..20).map(|after| {
            let engine = life.engine.clone();
            tokio::spawn(async move {
                let watch = engine.watch(FIRST, id, after).await.unwrap();
                let events = watch.filter_map(|watched| async move {
                    match watched.unwrap() {
                        Watched::Event(event) => Some(event.seq),
                        Watched::Live(_) => None,
                    }
                });
                (after, events.collect::<Vec<u64>>().await)
            })
        });
        let seen = futures::future::try_join_all(watchers).await.unwrap();
        let last = life.end_of(id).await.summary.seq;
        for (after, seqs) in seen {
            assert_eq!(seqs, (after + 1..=last).collect::<Vec<_>>(), "{}", rig.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_answers_the_caller_before_the_end() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = chain(&[
            ("answer", "answer", params(json!({ "status": 201, "body": "made" }))),
            ("held", "effect", params(json!({ "hold": true }))),
        ]);
        let id = life.start(document, json!({})).await;
        let waited = life.engine.wait(FIRST, id, std::time::Duration::from_secs(20)).await.unwrap();
        let Waited::Responded(answer) = waited else { panic!("{waited:?}") };
        assert_eq!(answer["status"], 201, "{}", rig.name);
        rig.world.reach(1).await;
        rig.world.gate.notify_one();
    }
}
