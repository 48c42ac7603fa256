//! What belongs to another workspace is not there: not for any read, not for any change.

use serde_json::json;
use weir_base::{ErrorKind, PageRequest, Principal, WorkspaceId};
use weir_core::document::Format;
use weir_workflows::{Edition, Execute, Filter, Imported, OnConflict, Update};

use crate::{FIRST, benches, document, operator};

#[tokio::test]
async fn a_workflow_of_another_workspace_is_not_found_by_anything() {
    for bench in benches().await {
        let elsewhere = WorkspaceId::new();
        let stranger = &Principal::operator(elsewhere);
        let id = bench.active("Theirs").await;
        let before = bench.workflows.get(FIRST, id).await.unwrap();
        let (all, versions) = (&bench.workflows, bench.workflows.versions());
        let update = Update { draft: None, tags: Some(vec!["mine".to_owned()]) };
        let page = PageRequest::default();
        for (what, error) in [
            ("get", all.get(elsewhere, id).await.err()),
            ("document", all.document(elsewhere, id, Edition::Version(1)).await.err()),
            ("draft", all.document(elsewhere, id, Edition::Draft).await.err()),
            ("diff", all.diff(elsewhere, id, Edition::Version(1), Edition::Draft).await.err()),
            ("export", all.export(elsewhere, id, Edition::Draft, Format::Json).await.err()),
            ("versions", versions.list(elsewhere, id, &page).await.err()),
            ("version", versions.get(elsewhere, id, 1).await.err()),
            ("find by id", versions.find(elsewhere, &id.to_string()).await.err()),
            ("find by name", versions.find(elsewhere, "Theirs").await.err()),
            ("resolve", versions.resolve(elsewhere, &id.to_string(), Some(1)).await.err()),
            ("update", all.update(stranger, id, None, update).await.err()),
            ("publish", all.publish(stranger, id, None).await.err()),
            ("pause", all.pause(stranger, id, None).await.err()),
            ("resume", all.resume(stranger, id, None).await.err()),
            ("archive", all.archive(stranger, id, None).await.err()),
            ("delete", all.delete(stranger, id, None).await.err()),
            ("undelete", all.undelete(stranger, id).await.err()),
            ("restore", all.restore(stranger, id, 1, None).await.err()),
            ("execute", all.execute(stranger, id, Execute::new(json!({}))).await.err()),
            ("try", all.execute(stranger, id, Execute { draft: true, ..Execute::new(json!({})) }).await.err()),
        ] {
            assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::NotFound), "{what}");
        }
        assert_eq!(all.get(FIRST, id).await.unwrap(), before);
        for deleted in [false, true] {
            let filter = Filter { deleted, ..Filter::default() };
            assert!(all.list(elsewhere, &filter, &page).await.unwrap().items.is_empty());
        }
    }
}

#[tokio::test]
async fn names_and_keys_are_a_workspaces_own() {
    for bench in benches().await {
        let elsewhere = WorkspaceId::new();
        let stranger = &Principal::operator(elsewhere);
        let id = bench.active("Shared name").await;
        let bytes = document("Shared name").to_string().into_bytes();
        let imported = bench.workflows.import(stranger, &bytes, Some(Format::Json), OnConflict::Replace).await.unwrap();
        assert!(matches!(imported, Imported::Created(_)), "the one of the other workspace was replaced");
        let own = imported.workflow().summary.id;
        assert_eq!(bench.workflows.versions().find(FIRST, "Shared name").await.unwrap(), id);
        assert_eq!(bench.workflows.versions().find(elsewhere, "Shared name").await.unwrap(), own);

        let make = async |principal| {
            bench.workflows.create_once(principal, document("Once"), Vec::new(), "key").await.unwrap()
        };
        let (here, there) = (make(operator()).await, make(stranger).await);
        assert!(!here.existing && !there.existing);
        assert_eq!(there.saved.workflow.summary.workspace_id, elsewhere);
    }
}
