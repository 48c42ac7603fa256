//! `delay`, `wait_for_event`, `approval`.

use chrono::Duration;
use serde_json::json;
use weir_core::node_error::ErrorClass;
use weir_core::outcome::{ApprovalRequest, Outcome, Wait};

use crate::support::{Bench, now};

#[tokio::test]
async fn a_delay_waits_until_an_instant_reckoned_from_its_context() {
    let bench = Bench::new().await;
    let due = async |params| match bench.run("delay", params).await {
        Ok(Outcome::Wait(Wait::Timer { due_at })) => due_at,
        other => panic!("{other:?}"),
    };
    assert_eq!(due(json!({"seconds": 1.5})).await, now() + Duration::milliseconds(1500));
    assert_eq!(due(json!({"seconds": 0})).await, now());
    assert_eq!(due(json!({"until": "2030-01-31T09:00:00+01:00"})).await.to_rfc3339(), "2030-01-31T08:00:00+00:00");
    assert!(due(json!({"until": "2001-01-01T00:00:00Z"})).await < now());
    for params in [
        json!({}),
        json!({"seconds": 1, "until": "2030-01-31T08:00:00Z"}),
        json!({"seconds": -1}),
        json!({"seconds": 1e12}),
        json!({"seconds": "5"}),
        json!({"until": "tomorrow"}),
        json!({"until": "2999-01-01T00:00:00Z"}),
    ] {
        assert_eq!(bench.fails("delay", params).await.class, ErrorClass::Invalid);
    }
}

#[tokio::test]
async fn waiting_for_an_event_has_an_end_only_when_told() {
    let bench = Bench::new().await;
    let wait = |deadline| Outcome::Wait(Wait::Signal { name: "paid".to_owned(), deadline });
    assert_eq!(bench.run("wait_for_event", json!({"name": "paid"})).await, Ok(wait(None)));
    let deadline = Some(now() + Duration::seconds(60));
    assert_eq!(bench.run("wait_for_event", json!({"name": "paid", "timeout_seconds": 60})).await, Ok(wait(deadline)));
    assert_eq!(bench.fails("wait_for_event", json!({"name": ""})).await.class, ErrorClass::Invalid);
}

#[tokio::test]
async fn an_approval_asks_with_its_form() {
    let bench = Bench::new().await;
    let form = json!({"type": "object", "properties": {"amount": {"type": "number"}}});
    let params = json!({"title": "Pay?", "form": form, "assignee": "ann", "deadline_seconds": 3600});
    let request = ApprovalRequest {
        title: "Pay?".to_owned(),
        description: None,
        form: Some(form),
        assignee: Some("ann".to_owned()),
        deadline: Some(now() + Duration::hours(1)),
    };
    assert_eq!(bench.run("approval", params).await, Ok(Outcome::Wait(Wait::Approval(request))));
    let error = bench.fails("approval", json!({"title": "x", "form": {"type": "objekt"}})).await;
    assert_eq!(error.source.as_deref(), Some("form"));
    assert_eq!(bench.fails("approval", json!({"title": " "})).await.class, ErrorClass::Invalid);
}
