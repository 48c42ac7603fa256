//! What is published stays as it was.

use serde_json::json;
use weir_base::{ErrorKind, PageRequest};
use weir_workflows::{DraftChange, Edition, Error, Status, Update};

use crate::{FIRST, benches, broken, document, document_with, operator};

#[tokio::test]
async fn publishing_makes_the_next_version_and_activates_the_workflow() {
    for bench in benches().await {
        let id = bench.draft("Greeter").await;
        let first = bench.workflows.publish(operator(), id, Some(1)).await.unwrap();
        assert_eq!((first.version.number, first.workflow.summary.status), (1, Status::Active));
        assert_eq!(first.workflow.summary.published_at, Some(first.version.published_at));

        bench.change(id, "Greeter", json!("changed")).await;
        let second = bench.workflows.publish(operator(), id, None).await.unwrap();
        assert_eq!((second.version.number, second.workflow.summary.latest_version), (2, Some(2)));

        let versions = bench.workflows.versions();
        assert_eq!(versions.get(FIRST, id, 1).await.unwrap().document, document("Greeter"));
        assert_eq!(versions.get(FIRST, id, 2).await.unwrap().document, document_with("Greeter", json!("changed")));
        let none = versions.get(FIRST, id, 3).await.unwrap_err();
        assert_eq!((none.kind(), none.to_string()), (ErrorKind::NotFound, format!("workflow {id} has no version 3")));
        let kept = bench.engine.document(&second.version.hash).await.unwrap();
        assert_eq!(kept.document.to_value(), document_with("Greeter", json!("changed")));
    }
}

#[tokio::test]
async fn an_unchanged_draft_makes_no_new_version() {
    for bench in benches().await {
        let id = bench.active("Same").await;
        let again = bench.workflows.publish(operator(), id, None).await.unwrap();
        assert_eq!((again.version.number, again.workflow.summary.revision), (1, 2));
        bench.change(id, "Same", json!("other")).await;
        bench.workflows.publish(operator(), id, None).await.unwrap();
        // Back to what version 1 was: that is a change again.
        bench.workflows.restore(operator(), id, 1, None).await.unwrap();
        assert_eq!(bench.workflows.publish(operator(), id, None).await.unwrap().version.number, 3);
    }
}

#[tokio::test]
async fn a_draft_with_errors_cannot_be_published() {
    for bench in benches().await {
        let saved = bench.workflows.create(operator(), broken("Half done"), Vec::new()).await.unwrap();
        let id = saved.workflow.summary.id;
        let error = bench.workflows.publish(operator(), id, None).await.unwrap_err();
        let Error::NotValid { problems } = &error else { panic!("{error}") };
        assert_eq!(*problems, saved.problems);
        assert_eq!(bench.workflows.get(FIRST, id).await.unwrap().summary.status, Status::Draft);
        let stale = bench.workflows.publish(operator(), id, Some(7)).await.unwrap_err();
        assert_eq!(stale.kind(), ErrorKind::Stale);
    }
}

#[tokio::test]
async fn many_may_publish_one_change_at_the_same_time() {
    for bench in benches().await {
        let id = bench.draft("Once").await;
        let published = futures::future::join_all((0..6).map(|_| bench.workflows.publish(operator(), id, None))).await;
        assert!(published.into_iter().all(|published| published.unwrap().version.number == 1));
    }
}

#[tokio::test]
async fn versions_are_listed_newest_first_in_pages() {
    for bench in benches().await {
        let id = bench.draft("Listed").await;
        for n in 1..=5 {
            bench.change(id, "Listed", json!(n)).await;
            bench.workflows.publish(operator(), id, None).await.unwrap();
        }
        let mut page = PageRequest::new(Some(2), None);
        let mut seen = Vec::new();
        loop {
            let versions = bench.workflows.versions().list(FIRST, id, &page).await.unwrap();
            seen.extend(versions.items.iter().map(|version| version.number));
            match versions.next {
                Some(next) => page.cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, [5, 4, 3, 2, 1]);
        page.cursor = Some(weir_base::Cursor::from_client("?"));
        let error = bench.workflows.versions().list(FIRST, id, &page).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
}

#[tokio::test]
async fn versions_and_the_draft_can_be_compared_and_restored() {
    for bench in benches().await {
        let id = bench.active("Compared").await;
        bench.change(id, "Compared", json!("new")).await;
        let diff = bench.workflows.diff(FIRST, id, Edition::Version(1), Edition::Draft).await.unwrap();
        assert_eq!(diff.nodes.changed[0].id, "end");
        assert!(bench.workflows.diff(FIRST, id, Edition::Draft, Edition::Draft).await.unwrap().is_empty());
        let error = bench.workflows.diff(FIRST, id, Edition::Version(9), Edition::Draft).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);

        let restored = bench.workflows.restore(operator(), id, 1, None).await.unwrap();
        assert_eq!(restored.workflow.draft, document("Compared"));
        assert!(bench.workflows.diff(FIRST, id, Edition::Version(1), Edition::Draft).await.unwrap().is_empty());
        let renamed = Update { draft: Some(DraftChange::Replace(document("Renamed"))), tags: None };
        bench.workflows.update(operator(), id, None, renamed).await.unwrap();
        assert_eq!(bench.workflows.restore(operator(), id, 1, None).await.unwrap().workflow.summary.name, "Compared");
    }
}

#[test]
fn an_edition_is_a_number_or_the_draft() {
    assert_eq!("draft".parse(), Ok(Edition::Draft));
    assert_eq!("12".parse(), Ok(Edition::Version(12)));
    assert!("-1".parse::<Edition>().is_err());
    assert_eq!(Edition::Version(3).to_string().parse(), Ok(Edition::Version(3)));
}
