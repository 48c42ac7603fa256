//! One key, one workflow.

use weir_workflows::Error;

use crate::{benches, document, operator};

#[tokio::test]
async fn the_same_key_makes_one_workflow_even_at_the_same_time() {
    for bench in benches().await {
        let create = || bench.workflows.create_once(operator(), document("Once"), Vec::new(), "key-1");
        let (one, other) = tokio::join!(create(), create());
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.saved.workflow.summary.id, other.saved.workflow.summary.id);
        assert_ne!(one.existing, other.existing);
        let another = bench.workflows.create_once(operator(), document("Once"), Vec::new(), "key-2").await.unwrap();
        assert!(!another.existing);
        assert_ne!(another.saved.workflow.summary.id, one.saved.workflow.summary.id);
    }
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day_and_a_deleted_workflow_does_not_come_back() {
    for bench in benches().await {
        let first =
            bench.workflows.create_once(operator(), document("Once"), Vec::new(), "key").await.unwrap().saved.workflow;
        bench.workflows.delete(operator(), first.summary.id, None).await.unwrap();
        let again = bench.workflows.create_once(operator(), document("Once"), Vec::new(), "key").await;
        assert!(matches!(again, Err(Error::NoWorkflow(id)) if id == first.summary.id));
        bench.clock.advance(std::time::Duration::from_secs(24 * 60 * 60 + 1));
        let later = bench.workflows.create_once(operator(), document("Once"), Vec::new(), "key").await.unwrap();
        assert!(!later.existing);
    }
}
