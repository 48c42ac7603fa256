//! `sub_workflow`, as far as it finds the workflow.

use serde_json::json;
use weir_base::WorkflowId;
use weir_core::node_error::ErrorClass;

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
