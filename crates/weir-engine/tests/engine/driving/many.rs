//! Large numbers of items, watchers, timers and signals.

use futures::StreamExt as _;
use serde_json::{Value, json};
use weir_core::execution::Status;
use weir_engine::{StartExecution, Watched};

use super::rig::{FIRST, Rig, chain, operator, params};

fn map_of(items: &str, body_type: &str, body: Value) -> Value {
    let mut document = chain(&[("each", "map", params(json!({ "items": items, "concurrency": 64 })))]);
    let body = json!({ "id": "body", "type": body_type, "parentNode": "each", "data": { "params": body } });
    document["nodes"].as_array_mut().unwrap().push(body);
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_of_ten_thousand_effects_records_each_of_them_once() {
    let rig = Rig::alone().await;
    let life = rig.start().await;
    let count = 10_000;
    let items: Vec<u32> = (0..count).collect();
    let document = map_of("{{ input.items }}", "effect", json!({ "v": "{{ item }}" }));
    let id = life.start(document, json!({ "items": items })).await;
    let ended = loop {
        if let weir_engine::Waited::Ended(ended) =
            life.engine.wait(FIRST, id, std::time::Duration::from_secs(60)).await.unwrap()
        {
            break ended;
        }
    };
    assert_eq!(ended.summary.status, Status::Completed);
    let results = ended.output.unwrap();
    assert_eq!(results["count"], count);
    assert_eq!(results["results"][9_999], json!({ "v": 9_999 }));
    assert_eq!(rig.world.by_key().len(), count as usize);
    assert_eq!(rig.world.count(), count as usize);
    // A beginning and an end for each item, and a handful for the rest.
    assert!(ended.summary.seq <= u64::from(2 * count) + 10, "{} events", ended.summary.seq);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_pure_map_lets_itself_be_cancelled() {
    let rig = Rig::alone().await;
    let life = rig.start().await;
    let items: Vec<u32> = (0..10_000).collect();
    let document = map_of(
        "{{ input.items }}",
        "set",
        json!({ "v": "{{ [...Array(2000).keys()].reduce((a, b) => a + b) + item }}" }),
    );
    let id = life.start(document, json!({ "items": items })).await;
    let began = std::time::Instant::now();
    // It may have ended by itself on a fast machine.
    let answer = life.engine.cancel(operator(), id, None).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}: {answer:?}", began.elapsed());
    assert!(life.end_of(id).await.summary.status.is_terminal());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_results_of_a_map_go_by_reference_when_they_are_large_together() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let mut document = map_of("{{ input.items }}", "effect", json!({ "text": "{{ input.text }}" }));
        document["nodes"].as_array_mut().unwrap().push(
            json!({ "id": "length", "type": "set", "data": { "params": { "n": "{{ steps.each.results[299].text.length }}" } } }),
        );
        document["edges"].as_array_mut().unwrap().push(json!({ "id": "last", "source": "each", "target": "length" }));
        let items: Vec<u32> = (0..300).collect();
        let ended = life.run(document, json!({ "items": items, "text": "x".repeat(2_000) })).await;
        assert_eq!(ended.output, Some(json!({ "n": 2_000 })), "{}", rig.name);
        let journal = life.engine.executions().journal(FIRST, ended.summary.id, 0, 10_000).await.unwrap();
        let largest = journal.iter().map(|event| serde_json::to_string(event).unwrap().len()).max();
        assert!(largest < Some(10_000), "an event has {largest:?} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_to_be_recorded_ends_the_execution_and_says_why() {
    let rig = Rig::alone().await;
    let life = rig.start().await;
    let items: Vec<u32> = (0..100).collect();
    let document = map_of("{{ input.items }}", "effect", json!({ "text": "{{ input.text }}" }));
    let ended = life.run(document, json!({ "items": items, "text": "x".repeat(700_000) })).await;
    assert_eq!(ended.summary.status, Status::Failed);
    let reason = ended.summary.error.unwrap().message;
    assert!(reason.contains("cannot be recorded"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_watchers_of_one_execution_see_all_of_it() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = chain(&[
            ("held", "effect", params(json!({ "hold": true }))),
            ("next", "effect", params(json!({ "n": 1 }))),
        ]);
        let id = life.start(document, json!({})).await;
        rig.world.reach(1).await;
        let mut watches = Vec::new();
        for _ in 0..1_000 {
            watches.push(life.engine.watch(FIRST, id, 0).await.unwrap());
        }
        let watchers: Vec<_> = watches
            .into_iter()
            .map(|watch| {
                tokio::spawn(
                    watch
                        .filter(|seen| {
                            let is_event = matches!(seen, Ok(Watched::Event(_)));
                            async move { is_event }
                        })
                        .count(),
                )
            })
            .collect();
        rig.world.gate.notify_one();
        let last = life.end_of(id).await.summary.seq;
        for watcher in watchers {
            assert_eq!(watcher.await.unwrap() as u64, last, "{}", rig.name);
        }
        let after = life.engine.watch(FIRST, id, last).await.unwrap();
        assert_eq!(after.count().await, 0, "{}: nothing follows the end", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_timers_due_at_once_all_fire() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = life.keep(chain(&[("sleep", "wait", params(json!({ "seconds": 2 })))])).await;
        let starts = (0..2_000).map(|_| life.engine.start(StartExecution::new(FIRST, &*document, json!({}))));
        let started: Vec<_> = futures::stream::iter(starts).buffer_unordered(100).collect().await;
        for started in started {
            assert_eq!(life.end_of(started.unwrap().id).await.summary.status, Status::Completed, "{}", rig.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_signals_at_once_are_each_kept() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let nodes: Vec<String> = (0..100).map(|n| format!("w{n}")).collect();
        let nodes: Vec<_> = nodes.iter().map(|id| (id.as_str(), "wait", params(json!({ "signal": "go" })))).collect();
        let id = life.start(chain(&nodes), json!({})).await;
        life.status(id, Status::Waiting).await;
        let signals = (0..100).map(|n| life.engine.signal(operator(), id, "go".into(), json!(n)));
        futures::future::try_join_all(signals).await.unwrap();
        assert_eq!(life.end_of(id).await.summary.status, Status::Completed, "{}", rig.name);
    }
}
