//! Status moves along the allowed steps only, and a refusal names them.

use weir_base::{ErrorKind, WorkflowId};
use weir_workflows::{DraftChange, Error, Status, Update, Workflow};

use crate::{Bench, FIRST, benches, document, operator};

#[derive(Debug, Clone, Copy)]
enum Step {
    Publish,
    Pause,
    Resume,
    Archive,
}

const STEPS: [Step; 4] = [Step::Publish, Step::Pause, Step::Resume, Step::Archive];

async fn take(bench: &Bench, id: WorkflowId, step: Step) -> Result<Workflow, Error> {
    match step {
        Step::Publish => bench.workflows.publish(operator(), id, None).await.map(|published| published.workflow),
        Step::Pause => bench.workflows.pause(operator(), id, None).await,
        Step::Resume => bench.workflows.resume(operator(), id, None).await,
        Step::Archive => bench.workflows.archive(operator(), id, None).await,
    }
}

async fn workflow_in(bench: &Bench, status: Status) -> WorkflowId {
    let id = bench.draft("Any").await;
    let way: &[Step] = match status {
        Status::Draft => &[],
        Status::Active => &[Step::Publish],
        Status::Paused => &[Step::Publish, Step::Pause],
        Status::Archived => &[Step::Archive],
    };
    for step in way {
        take(bench, id, *step).await.unwrap();
    }
    id
}

#[tokio::test]
async fn every_step_from_every_status_is_taken_or_refused_as_the_rules_say() {
    use Status::{Active, Archived, Draft, Paused};
    for bench in benches().await {
        for (from, after) in [
            (Draft, [Some(Active), None, None, Some(Archived)]),
            (Active, [Some(Active), Some(Paused), None, Some(Archived)]),
            (Paused, [Some(Paused), None, Some(Active), None]),
            (Archived, [None, None, None, None]),
        ] {
            for (step, expected) in STEPS.into_iter().zip(after) {
                let id = workflow_in(&bench, from).await;
                let taken = take(&bench, id, step).await;
                assert_eq!(taken.as_ref().ok().map(|workflow| workflow.summary.status), expected, "{from} {step:?}");
                if let Err(error) = taken {
                    assert_eq!(error.kind(), ErrorKind::Conflict, "{from} {step:?}");
                    assert_eq!(bench.workflows.get(FIRST, id).await.unwrap().summary.status, from);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_names_what_is_allowed() {
    for bench in benches().await {
        let id = workflow_in(&bench, Status::Paused).await;
        let error = bench.workflows.archive(operator(), id, None).await.unwrap_err();
        let told = format!("workflow {id} is paused and cannot become archived; allowed: active (by resume)");
        assert_eq!(error.to_string(), told);

        let id = workflow_in(&bench, Status::Draft).await;
        let error = bench.workflows.pause(operator(), id, None).await.unwrap_err();
        assert!(error.to_string().ends_with("allowed: active (by publish), archived (by archive)"), "{error}");

        let id = workflow_in(&bench, Status::Archived).await;
        let error = bench.workflows.resume(operator(), id, None).await.unwrap_err();
        assert!(error.to_string().ends_with("no change of status is allowed"), "{error}");
    }
}

#[tokio::test]
async fn an_archived_workflow_is_read_only() {
    for bench in benches().await {
        let id = bench.active("Done with").await;
        bench.workflows.archive(operator(), id, None).await.unwrap();
        let update = Update { draft: Some(DraftChange::Replace(document("Changed"))), tags: None };
        let error = bench.workflows.update(operator(), id, None, update).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(matches!(bench.workflows.restore(operator(), id, 1, None).await.unwrap_err(), Error::Archived(_)));
        assert_eq!(bench.workflows.versions().get(FIRST, id, 1).await.unwrap().summary.number, 1);
        assert_eq!(bench.workflows.get(FIRST, id).await.unwrap().summary.name, "Done with");
    }
}

#[tokio::test]
async fn a_step_may_demand_the_revision_that_was_seen() {
    for bench in benches().await {
        let id = bench.active("Seen").await;
        assert_eq!(bench.workflows.pause(operator(), id, Some(1)).await.unwrap_err().kind(), ErrorKind::Stale);
        assert_eq!(bench.workflows.pause(operator(), id, Some(2)).await.unwrap().summary.revision, 3);
    }
}

#[test]
fn words_and_statuses_go_together() {
    for status in Status::ALL {
        assert_eq!(status.as_str().parse(), Ok(status));
    }
    assert!("running".parse::<Status>().is_err());
}
