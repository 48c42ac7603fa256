//! Executions run to their ends.

use serde_json::{Value, json};
use weir_core::execution::Status;
use weir_engine::{Config, StartExecution, Started};

use super::rig::{FIRST, Rig, chain, params};

#[tokio::test(flavor = "multi_thread")]
async fn expressions_read_the_input_and_finished_nodes() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = chain(&[
            ("first", "effect", params(json!({ "n": "{{ input.n + 1 }}" }))),
            ("second", "set", params(json!({ "n": "{{ steps.first.n * 2 }}", "text": "n is {{ steps.first.n }}" }))),
        ]);
        let ended = life.run(document, json!({ "n": 20 })).await;
        assert_eq!(ended.summary.status, Status::Completed, "{}", rig.name);
        assert_eq!(ended.output, Some(json!({ "n": 42, "text": "n is 21" })));
        assert_eq!(ended.summary.progress, 100);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_joins_its_results_in_item_order() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let mut document =
            chain(&[("each", "map", params(json!({ "items": "{{ input.items }}", "concurrency": 50 })))]);
        let body = json!({ "id": "square", "type": "effect", "parentNode": "each", "data": { "params": { "v": "{{ item * index }}" } } });
        document["nodes"].as_array_mut().unwrap().push(body);
        let items: Vec<u32> = (0..300).collect();
        let ended = life.run(document, json!({ "items": items })).await;
        let results = ended.output.unwrap()["results"].as_array().unwrap().clone();
        let squares: Vec<Value> = items.iter().map(|n| json!({ "v": n * n })).collect();
        assert_eq!(results, squares, "{}", rig.name);
        assert_eq!(rig.world.count(), items.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_sees_its_iteration_and_what_came_before() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let mut document = chain(&[("again", "loop", params(json!({ "while": "{{ (previous?.n ?? 0) < 5 }}" })))]);
        let body = json!({ "id": "add", "type": "set", "parentNode": "again", "data": { "params": { "n": "{{ (previous?.n ?? 0) + 1 }}" } } });
        document["nodes"].as_array_mut().unwrap().push(body);
        let ended = life.run(document, json!({})).await;
        assert_eq!(ended.output, Some(json!({ "count": 5, "last": { "n": 5 } })), "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transient_failure_is_tried_again_and_a_panic_is_a_failure() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let retry = json!({ "max_attempts": 3, "delays_seconds": [0.01] });
        let flaky = chain(&[("flaky", "effect", json!({ "params": { "fail": 2 }, "retry": retry }))]);
        assert_eq!(life.run(flaky, json!({})).await.summary.status, Status::Completed, "{}", rig.name);
        assert_eq!(rig.world.count(), 3);
        let broken = chain(&[("broken", "effect", params(json!({ "panic": true })))]);
        let ended = life.run(broken, json!({})).await;
        assert_eq!(ended.summary.status, Status::Failed);
        assert!(ended.summary.error.unwrap().message.contains("out of order"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_takes_too_long_is_a_time_out() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let data = json!({ "params": { "hold": true }, "timeout_seconds": 0.05, "retry": { "max_attempts": 1 } });
        let ended = life.run(chain(&[("slow", "effect", data)]), json!({})).await;
        assert_eq!(ended.summary.status, Status::Failed, "{}", rig.name);
        assert!(ended.summary.error.unwrap().message.contains("0.05 seconds"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_value_goes_by_reference_and_comes_back_whole() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let large = "x".repeat(700_000);
        let document = chain(&[
            ("large", "effect", params(json!({ "text": "{{ input.text }}" }))),
            ("length", "set", params(json!({ "n": "{{ steps.large.text.length }}" }))),
        ]);
        let ended = life.run(document, json!({ "text": large })).await;
        assert_eq!(ended.output, Some(json!({ "n": 700_000 })), "{}", rig.name);
        let journal = life.engine.executions().journal(FIRST, ended.summary.id, 0, 100).await.unwrap();
        let text = serde_json::to_string(&journal).unwrap();
        assert!(text.len() < 10_000, "the journal holds {} bytes", text.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_idempotency_key_is_one_execution() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = life.keep(chain(&[("one", "effect", params(json!({ "n": 1 })))])).await;
        let request =
            StartExecution { idempotency_key: Some("k".into()), ..StartExecution::new(FIRST, document, json!({})) };
        let starts = (0..20).map(|_| life.engine.start(request.clone()));
        let started: Vec<Started> = futures::future::try_join_all(starts).await.unwrap();
        assert_eq!(started.iter().filter(|started| !started.existing).count(), 1, "{}", rig.name);
        assert!(started.iter().all(|each| each.id == started[0].id));
        life.end_of(started[0].id).await;
        assert_eq!(rig.world.count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_executions_than_places_wait_as_rows_and_all_run() {
    for rig in Rig::both().await {
        let life = rig.start_with(Config { max_running_executions: 2, ..Config::default() }).await;
        let document = life.keep(chain(&[("one", "effect", params(json!({ "n": 1 })))])).await;
        let mut ids = Vec::new();
        for _ in 0..40 {
            ids.push(life.engine.start(StartExecution::new(FIRST, &*document, json!({}))).await.unwrap().id);
        }
        for id in ids {
            assert_eq!(life.end_of(id).await.summary.status, Status::Completed, "{}", rig.name);
        }
        assert_eq!(rig.world.count(), 40);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_does_not_fit_is_refused_with_its_place() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let mut document = chain(&[("one", "set", params(json!({ "n": 1 })))]);
        document["inputs"] = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
        let document = life.keep(document).await;
        let refused =
            life.engine.start(StartExecution::new(FIRST, document, json!({ "n": "many" }))).await.unwrap_err();
        let weir_engine::Error::Input(problems) = refused else { panic!("{refused:?}") };
        assert_eq!(problems[0].pointer, "/n", "{}", rig.name);
    }
}
