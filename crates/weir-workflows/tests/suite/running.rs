//! Which document an execution runs, and when none may run.

use std::time::Duration;

use serde_json::{Value, json};
use weir_base::{ErrorKind, ExecutionId, WorkflowId};
use weir_engine::Waited;
use weir_workflows::{Error, Execute};

use crate::{Bench, FIRST, benches, broken, operator};

async fn run(bench: &Bench, id: WorkflowId, execute: Execute) -> Value {
    let started = bench.workflows.execute(operator(), id, execute).await.unwrap();
    match bench.engine.wait(FIRST, started.id, Duration::from_secs(30)).await.unwrap() {
        Waited::Ended(details) => details.output.unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}

fn word(word: &str) -> Execute {
    Execute::new(json!({"word": word}))
}

#[tokio::test]
async fn the_newest_version_runs_unless_another_or_the_draft_is_asked_for() {
    for bench in benches().await {
        let id = bench.active("Echo").await;
        bench.change(id, "Echo", json!("second")).await;
        bench.workflows.publish(operator(), id, None).await.unwrap();
        bench.change(id, "Echo", json!("draft")).await;
        assert_eq!(run(&bench, id, word("first")).await, "second");
        assert_eq!(run(&bench, id, Execute { version: Some(1), ..word("first") }).await, "first");
        assert_eq!(run(&bench, id, Execute { draft: true, ..word("first") }).await, "draft");
        let error =
            bench.workflows.execute(operator(), id, Execute { version: Some(3), ..word("x") }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);

        let started =
            bench.workflows.execute(operator(), id, Execute { trigger: "cli".to_owned(), ..word("x") }).await.unwrap();
        let summary = bench.engine.executions().summary(FIRST, started.id).await.unwrap();
        assert_eq!((summary.workflow_id, summary.workflow_version), (Some(id), Some(2)));
        assert_eq!(summary.trigger, "cli");
    }
}

#[tokio::test]
async fn only_a_published_workflow_that_is_active_runs() {
    for bench in benches().await {
        let id = bench.draft("Stages").await;
        let error = bench.workflows.execute(operator(), id, word("x")).await.unwrap_err();
        assert!(matches!(error, Error::Unpublished(_)) && error.kind() == ErrorKind::Conflict, "{error}");
        assert_eq!(run(&bench, id, Execute { draft: true, ..word("tried") }).await, "tried");

        bench.workflows.publish(operator(), id, None).await.unwrap();
        bench.workflows.pause(operator(), id, None).await.unwrap();
        let error = bench.workflows.execute(operator(), id, word("x")).await.unwrap_err();
        assert_eq!(error.to_string(), format!("workflow {id} is paused: resume it to run it"));
        assert_eq!(run(&bench, id, Execute { draft: true, ..word("tried") }).await, "tried");

        bench.workflows.resume(operator(), id, None).await.unwrap();
        assert_eq!(run(&bench, id, word("again")).await, "again");
        bench.workflows.archive(operator(), id, None).await.unwrap();
        for draft in [false, true] {
            let error = bench.workflows.execute(operator(), id, Execute { draft, ..word("x") }).await.unwrap_err();
            assert!(matches!(error, Error::Archived(_)), "{error}");
        }
    }
}

#[tokio::test]
async fn a_draft_with_errors_does_not_run() {
    for bench in benches().await {
        let saved = bench.workflows.create(operator(), broken("Half done"), Vec::new()).await.unwrap();
        let execute = Execute { draft: true, ..word("x") };
        let error = bench.workflows.execute(operator(), saved.workflow.summary.id, execute).await.unwrap_err();
        assert!(matches!(error, Error::NotValid { .. }), "{error}");
    }
}

#[tokio::test]
async fn input_that_does_not_fit_is_refused() {
    for bench in benches().await {
        let id = bench.active("Strict").await;
        let error = bench.workflows.execute(operator(), id, Execute::new(json!({"word": 7}))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[tokio::test]
async fn one_key_is_one_execution_and_an_id_can_be_given() {
    for bench in benches().await {
        let id = bench.active("Once").await;
        let keyed = || Execute { idempotency_key: Some("k".to_owned()), ..word("x") };
        let first = bench.workflows.execute(operator(), id, keyed()).await.unwrap();
        let second = bench.workflows.execute(operator(), id, keyed()).await.unwrap();
        assert_eq!((first.existing, second.existing, second.id), (false, true, first.id));

        let given = ExecutionId::new();
        let execute = Execute { execution_id: Some(given), ..word("x") };
        assert_eq!(bench.workflows.execute(operator(), id, execute).await.unwrap().id, given);
    }
}

#[tokio::test]
async fn a_version_is_found_by_id_or_by_a_name_that_only_one_has() {
    for bench in benches().await {
        let versions = bench.workflows.versions();
        let id = bench.active("Callee").await;
        let by_name = versions.resolve(FIRST, "Callee", None).await.unwrap();
        assert_eq!((by_name.workflow_id, by_name.version), (id, 1));
        assert_eq!(versions.resolve(FIRST, &id.to_string(), Some(1)).await.unwrap(), by_name);
        assert_eq!(bench.engine.document(&by_name.document).await.unwrap().document.name, "Callee");
        assert_eq!(versions.resolve(FIRST, "callee", None).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(versions.resolve(FIRST, "Callee", Some(2)).await.unwrap_err().kind(), ErrorKind::NotFound);

        bench.workflows.pause(operator(), id, None).await.unwrap();
        assert!(matches!(versions.resolve(FIRST, "Callee", None).await, Err(Error::Paused(_))));
        let twin = bench.draft("Callee").await;
        let error = versions.resolve(FIRST, "Callee", None).await.unwrap_err();
        assert!(error.to_string().contains(&id.to_string()) && error.to_string().contains(&twin.to_string()));
        assert!(matches!(versions.resolve(FIRST, &twin.to_string(), None).await, Err(Error::Unpublished(_))));
    }
}
