//! `sub_workflow`, as far as it finds the workflow.

use serde_json::json;
use weir_base::{Principal, WorkflowId, WorkspaceId};
use weir_core::node_error::ErrorClass;
use weir_core::outcome::{Outcome, Wait};

use crate::support::Bench;

#[tokio::test]
async fn a_workflow_that_is_not_there_is_named() {
    let bench = Bench::new().await;
    let error = bench.fails("sub_workflow", json!({"workflow": "Send the bill"})).await;
    assert_eq!((error.class, error.source.as_deref()), (ErrorClass::Invalid, Some("workflow")));
    assert!(error.message.contains("Send the bill"), "{}", error.message);
    let id = WorkflowId::new().to_string();
    let error = bench.fails("sub_workflow", json!({"workflow": id, "version": 2, "input": null})).await;
    assert!(error.message.contains(&id), "{}", error.message);
}

#[tokio::test]
async fn the_newest_or_the_named_version_is_asked_for() {
    let bench = Bench::new().await;
    let workflows = bench.workflows().await;
    let operator = Principal::operator(WorkspaceId::FIRST);
    let document = |output| {
        json!({
            "name": "Send the bill",
            "nodes": [{"id": "start", "type": "start"}, {"id": "end", "type": "end", "data": {"params": {"output": output}}}],
            "edges": [{"id": "e", "source": "start", "target": "end"}],
        })
    };
    let id = workflows.create(&operator, document(1), Vec::new()).await.unwrap().workflow.summary.id;
    let unpublished = bench.fails("sub_workflow", json!({"workflow": id.to_string()})).await;
    assert!(unpublished.message.contains("publish"), "{}", unpublished.message);
    workflows.publish(&operator, id, None).await.unwrap();
    let update = weir_workflows::Update { draft: Some(weir_workflows::DraftChange::Replace(document(2))), tags: None };
    workflows.update(&operator, id, None, update).await.unwrap();
    workflows.publish(&operator, id, None).await.unwrap();
    let asked = async |params| match bench.run("sub_workflow", params).await {
        Ok(Outcome::Wait(Wait::Child(request))) => request,
        other => panic!("{other:?}"),
    };
    let newest = asked(json!({"workflow": "Send the bill", "input": {"to": "ann"}})).await;
    assert_eq!((newest.workflow_id, newest.version), (id, 2));
    assert_eq!(newest.input, json!({"to": "ann"}).into());
    let first = asked(json!({"workflow": id.to_string(), "version": 1})).await;
    assert_eq!((first.version, first.input), (1, json!({}).into()));
    assert_ne!(first.document, newest.document);
    let error = bench.fails("sub_workflow", json!({"workflow": id.to_string(), "version": 3})).await;
    assert_eq!(error.class, ErrorClass::Invalid);
}
