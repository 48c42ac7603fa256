//! `publish_event`: one event, however often it is attempted.

use serde_json::{Value, json};
use weir_base::WorkspaceId;
use weir_core::node_error::ErrorClass;
use weir_db::{Db, args};
use weir_events::DomainEvent;
use weir_outbound::{HttpAccess, Outbound};
use weir_testkit::databases;

use crate::support::{Bench, handle_and_output, now};

#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
async fn told(db: &Db) -> Vec<DomainEvent> {
    let rows = db.query("SELECT events FROM outbox ORDER BY position", args![]).await.unwrap();
    let events = rows.iter().map(|row| row.get::<&str>(0).unwrap());
    events.flat_map(|events| serde_json::from_str::<Vec<DomainEvent>>(events).unwrap()).collect()
}

#[tokio::test]
async fn a_second_attempt_adds_no_second_event() {
    for database in databases().await {
        let db = Db::connect(&database.url).await.unwrap();
        db.migrate("events", weir_events::MIGRATIONS).await.unwrap();
        db.migrate("nodes", weir_nodes::MIGRATIONS).await.unwrap();
        let outbound = Outbound::new(HttpAccess::default()).unwrap();
        published_once(&Bench::built(outbound, |services| services.db = db.clone()).await, &db).await;
    }
}

#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
async fn published_once(bench: &Bench, db: &Db) {
    let (ctx, node) = (bench.ctx(), bench.node("publish_event"));
    let params = json!({"kind": "order.placed", "subject": "order/1", "data": {"total": 12.5}});
    let (_, first) = handle_and_output(node.run(&ctx, params.clone()).await.unwrap());
    let (_, again) = handle_and_output(node.run(&ctx, params.clone()).await.unwrap());
    assert_eq!(first, again);
    let [event] = &told(db).await[..] else { panic!("one event") };
    assert_eq!((&event.id, event.kind.as_str()), (&first["id"].as_str().unwrap().to_owned(), "order.placed"));
    assert_eq!((event.subject.as_str(), event.workspace), ("order/1", Some(WorkspaceId::FIRST)));
    assert_eq!((event.at, &event.data), (now(), &json!({"total": 12.5})));

    // Another execution publishes an event of its own, on itself unless it says otherwise.
    let other = bench.ctx();
    let (_, output) = handle_and_output(node.run(&other, json!({"kind": "OrderPlaced"})).await.unwrap());
    assert_eq!(output["subject"], format!("execution/{}", other.execution_id));
    assert_eq!(told(db).await.len(), 2);
}

#[tokio::test]
async fn names_of_weirs_own_events_and_what_is_too_much_are_refused() {
    let bench = Bench::new().await;
    let refused = async |params: Value, source: &str| {
        let error = bench.fails("publish_event", params).await;
        assert_eq!((error.class, error.source.as_deref()), (ErrorClass::Invalid, Some(source)), "{}", error.message);
    };
    for kind in ["WorkflowPublished", "ExecutionStarted", "UserX", "ApiKeyCreated", "User", "", "1a", "a b", "a\n"] {
        refused(json!({"kind": kind}), "kind").await;
    }
    refused(json!({"kind": "x".repeat(101)}), "kind").await;
    refused(json!({"kind": "a", "subject": "b\nc"}), "subject").await;
    refused(json!({"kind": "a", "subject": "x".repeat(201)}), "subject").await;
    refused(json!({"kind": "a", "data": {"x": "x".repeat(65_536)}}), "data").await;
    assert!(told(&bench.db).await.is_empty());
    for kind in ["my.WorkflowPublished", "Userland", "Nodes", "user_registered", "x"] {
        bench.output("publish_event", json!({"kind": kind})).await;
    }
    assert_eq!(told(&bench.db).await.len(), 5);
}
