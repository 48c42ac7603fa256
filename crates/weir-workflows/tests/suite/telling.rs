//! Every change is told of, by whom, in the order of the changes; what was refused is not.

use serde_json::json;
use weir_base::{Actor, Principal, UserId, WorkspaceId};
use weir_events::DomainEvent;
use weir_workflows::{DraftChange, Update};

use crate::{Bench, benches, document};

async fn told(bench: &Bench) -> Vec<DomainEvent> {
    let rows = bench.db.query("SELECT events FROM outbox ORDER BY position", Vec::new()).await.unwrap();
    rows.iter().flat_map(|row| serde_json::from_str::<Vec<DomainEvent>>(row.get(0).unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn each_change_is_told_with_who_made_it() {
    for bench in benches().await {
        let key = Actor::ApiKey { key: weir_base::ApiKeyId::new(), user: UserId::new() };
        let ann = &Principal { actor: key, ..Principal::operator(WorkspaceId::new()) };
        let all = &bench.workflows;
        let id = all.create(ann, document("Told"), Vec::new()).await.unwrap().workflow.summary.id;
        all.publish(ann, id, None).await.unwrap();
        // The draft has not changed: nothing happened.
        all.publish(ann, id, None).await.unwrap();
        all.pause(ann, id, None).await.unwrap();
        assert!(all.archive(ann, id, None).await.is_err());
        assert!(all.resume(ann, id, Some(1)).await.is_err());
        all.resume(ann, id, None).await.unwrap();
        let renamed = Update { draft: Some(DraftChange::Replace(document("Renamed"))), tags: None };
        all.update(ann, id, None, renamed).await.unwrap();
        all.restore(ann, id, 1, None).await.unwrap();
        // It is that already.
        all.restore(ann, id, 1, None).await.unwrap();
        all.delete(ann, id, None).await.unwrap();
        all.undelete(ann, id).await.unwrap();
        all.archive(ann, id, None).await.unwrap();
        all.create_once(ann, document("Once"), Vec::new(), "key").await.unwrap();
        all.create_once(ann, document("Once"), Vec::new(), "key").await.unwrap();
        let told = told(&bench).await;
        let kinds: Vec<_> = told.iter().map(|event| event.kind.as_str()).collect();
        let expected = [
            "WorkflowCreated",
            "WorkflowPublished",
            "WorkflowPaused",
            "WorkflowResumed",
            "WorkflowUpdated",
            "WorkflowUpdated",
            "WorkflowDeleted",
            "WorkflowRestored",
            "WorkflowArchived",
            "WorkflowCreated",
        ];
        assert_eq!(kinds, expected);
        assert!(told.iter().all(|event| event.actor == key.to_string() && event.workspace == Some(ann.workspace)));
        assert_eq!(told[1].subject, format!("workflow/{id}"));
        let data = json!({"name": "Told", "status": "active", "revision": 2, "latest_version": 1});
        assert_eq!(told[1].data, data);
    }
}
