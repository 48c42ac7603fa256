//! A draft may be wrong; it may not be lost, nor overwritten unseen.

use serde_json::json;
use weir_base::{ErrorKind, WorkflowId};
use weir_workflows::{DraftChange, Error, Status, Update};

use crate::{FIRST, benches, broken, document, operator};

#[tokio::test]
async fn a_new_workflow_is_a_draft_with_the_documents_name() {
    for bench in benches().await {
        let mut given = document("Überweisung");
        given["description"] = json!("Pays bills");
        let tags = vec!["money".to_owned(), "daily".to_owned(), "money".to_owned()];
        let saved = bench.workflows.create(operator(), given.clone(), tags).await.unwrap();
        assert_eq!(saved.problems, []);
        let found = bench.workflows.get(FIRST, saved.workflow.summary.id).await.unwrap();
        assert_eq!(found, saved.workflow);
        assert_eq!(found.draft, given);
        let summary = found.summary;
        assert_eq!((summary.name.as_str(), summary.description.as_deref()), ("Überweisung", Some("Pays bills")));
        assert_eq!(summary.tags, ["money", "daily"]);
        assert_eq!((summary.status, summary.revision, summary.latest_version), (Status::Draft, 1, None));
    }
}

#[tokio::test]
async fn a_draft_with_errors_is_kept_and_its_problems_are_told() {
    for bench in benches().await {
        let saved = bench.workflows.create(operator(), broken("Half done"), Vec::new()).await.unwrap();
        assert!(saved.problems.len() >= 3, "{:?}", saved.problems);
        assert_eq!(bench.workflows.get(FIRST, saved.workflow.summary.id).await.unwrap().draft, broken("Half done"));
    }
}

#[tokio::test]
async fn a_draft_in_which_two_nodes_have_one_id_is_refused() {
    for bench in benches().await {
        let mut twice = document("Twice");
        let first = twice["nodes"][0].clone();
        twice["nodes"].as_array_mut().unwrap().push(first);
        let error = bench.workflows.create(operator(), twice, Vec::new()).await.unwrap_err();
        let Error::NotValid { problems } = &error else { panic!("{error}") };
        assert!(problems.iter().any(|problem| problem.code == "node_id_duplicate"), "{problems:?}");
    }
}

#[tokio::test]
async fn what_has_not_the_shape_of_a_document_is_refused_with_every_problem() {
    for bench in benches().await {
        let error = bench.workflows.create(operator(), json!({"name": 7, "nodes": {}}), Vec::new()).await.unwrap_err();
        let Error::NotValid { problems } = &error else { panic!("{error}") };
        let places: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(places, ["/name", "/nodes"]);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.to_string(), "the document has 2 errors");

        let mut large = document("Large");
        large["description"] = json!("x".repeat(3 * 1024 * 1024));
        let error = bench.workflows.create(operator(), large, Vec::new()).await.unwrap_err();
        assert!(matches!(error, Error::NotValid { .. }), "{error}");
    }
}

#[tokio::test]
async fn unfit_tags_are_refused() {
    for bench in benches().await {
        for tag in ["", " spaced ", "two\nlines", &"x".repeat(65)] {
            let error = bench.workflows.create(operator(), document("Tagged"), vec![tag.to_owned()]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{tag:?}");
        }
        let many = (0..33).map(|n| n.to_string()).collect();
        assert!(bench.workflows.create(operator(), document("Tagged"), many).await.is_err());
    }
}

#[tokio::test]
async fn an_update_of_a_copy_out_of_date_is_refused_with_the_current_one() {
    for bench in benches().await {
        let id = bench.draft("First").await;
        let rename = |name| Update { draft: Some(DraftChange::Replace(document(name))), tags: None };
        bench.clock.advance(std::time::Duration::from_secs(1));
        let saved = bench.workflows.update(operator(), id, Some(1), rename("Second")).await.unwrap();
        assert_eq!((saved.workflow.summary.revision, saved.workflow.summary.name.as_str()), (2, "Second"));
        assert!(saved.workflow.summary.updated_at > saved.workflow.summary.created_at);

        let error = bench.workflows.update(operator(), id, Some(1), rename("Third")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stale);
        let Error::Stale { current } = error else { panic!("{error}") };
        assert_eq!(*current, saved.workflow);

        let tags = Update { draft: None, tags: Some(vec!["new".to_owned()]) };
        let tagged = bench.workflows.update(operator(), id, None, tags).await.unwrap().workflow;
        assert_eq!((tagged.summary.revision, tagged.summary.name.as_str()), (3, "Second"));
        assert_eq!(tagged.summary.tags, ["new"]);
    }
}

#[tokio::test]
async fn of_many_writers_with_one_revision_one_wins() {
    for bench in benches().await {
        let id = bench.draft("Contested").await;
        let writes = (0..8).map(|n| {
            let update = Update { draft: Some(DraftChange::Replace(document(&format!("Writer {n}")))), tags: None };
            bench.workflows.update(operator(), id, Some(1), update)
        });
        let outcomes = futures::future::join_all(writes).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert_eq!(bench.workflows.get(FIRST, id).await.unwrap().summary.revision, 2);

        let unconditional = (0..8).map(|n| {
            let update = Update { draft: None, tags: Some(vec![n.to_string()]) };
            bench.workflows.update(operator(), id, None, update)
        });
        assert!(futures::future::join_all(unconditional).await.iter().all(Result::is_ok));
        assert_eq!(bench.workflows.get(FIRST, id).await.unwrap().summary.revision, 10);
    }
}

#[tokio::test]
async fn an_unknown_workflow_is_not_found() {
    for bench in benches().await {
        let id = WorkflowId::new();
        let error = bench.workflows.get(FIRST, id).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::NotFound, format!("there is no workflow {id}")));
        assert_eq!(bench.workflows.publish(operator(), id, None).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(bench.workflows.delete(operator(), id, None).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
