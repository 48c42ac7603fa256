//! What belongs to another workspace is not there: not for any read, not for any command.

use serde_json::json;
use weir_base::{Actor, PageRequest, Principal, UserId, WorkspaceId};
use weir_core::event::Decision;
use weir_core::execution::Status;
use weir_engine::executions::{ApprovalStatus, Filter};
use weir_engine::{Error, Rerun, StartExecution, Waited};

use super::rig::{FIRST, PATIENCE, Rig, chain, operator, params};

fn decision() -> Decision {
    Decision { approved: true, data: json!(null), by: None, comment: None }
}

fn from(node: &str) -> Rerun {
    Rerun { from: node.into(), input: None, document: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_of_another_workspace_is_not_found_by_anything() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let (elsewhere, page) = (WorkspaceId::new(), PageRequest::default());
        let stranger = &Principal::operator(elsewhere);
        let asks = life.start(chain(&[("ask", "approval", params(json!({ "title": "?" })))]), json!({})).await;
        let failing = json!({ "params": { "fail": 9 }, "retry": { "max_attempts": 1 } });
        let failed = life.start(chain(&[("bad", "effect", failing)]), json!({})).await;
        life.status(asks, Status::Waiting).await;
        life.status(failed, Status::Failed).await;
        let (engine, reads) = (&life.engine, life.engine.executions());
        life.engine.files().put(asks, "notes.txt", "x".into()).await.unwrap();
        for id in [asks, failed] {
            for (what, error) in [
                ("summary", reads.summary(elsewhere, id).await.err()),
                ("details", reads.details(elsewhere, id).await.err()),
                ("journal", reads.journal(elsewhere, id, 0, 10).await.err()),
                ("logs", reads.logs(elsewhere, id, &page).await.err()),
                ("nodes", reads.nodes(elsewhere, id, None, &page).await.err()),
                ("node", reads.node(elsewhere, id, &"start".into()).await.err()),
                ("files", engine.list_files(elsewhere, id, 10).await.err()),
                ("file", engine.open_file(elsewhere, id, "notes.txt").await.err()),
                ("wait", engine.wait(elsewhere, id, PATIENCE).await.err()),
                ("watch", engine.watch(elsewhere, id, 0).await.err()),
                ("cancel", engine.cancel(stranger, id, None).await.err()),
                ("pause", engine.pause(stranger, id).await.err()),
                ("resume", engine.resume(stranger, id).await.err()),
                ("retry", engine.retry(stranger, id).await.err()),
                ("signal", engine.signal(stranger, id, "go".to_owned(), json!(1)).await.err()),
                ("decide", engine.decide(stranger, id, "ask".into(), decision()).await.err()),
                ("rerun", engine.rerun(stranger, id, from("start")).await.err()),
            ] {
                assert!(matches!(error, Some(Error::NoExecution(_))), "{what} on {}: {error:?}", rig.name);
            }
            // Known by now, as another's.
            let again = engine.cancel(stranger, id, None).await;
            assert!(matches!(again, Err(Error::NoExecution(_))), "{}: {again:?}", rig.name);
        }
        let dismissed = reads.dismiss(stranger, failed).await;
        assert!(matches!(dismissed, Err(Error::NoDeadLetter(_))), "{}: {dismissed:?}", rig.name);
        let approval = reads.approval(elsewhere, asks, &"ask".into()).await;
        assert!(matches!(approval, Err(Error::NoApproval { .. })), "{}: {approval:?}", rig.name);
        for filter in [
            Filter::default(),
            Filter { statuses: vec![Status::Failed, Status::Waiting], ..Filter::default() },
            Filter { dead_letters: true, ..Filter::default() },
        ] {
            assert!(reads.list(elsewhere, &filter, &page).await.unwrap().items.is_empty(), "{}: {filter:?}", rig.name);
            assert!(!reads.list(FIRST, &filter, &page).await.unwrap().items.is_empty(), "{}: {filter:?}", rig.name);
        }
        assert!(reads.dead_letters(elsewhere, &page).await.unwrap().items.is_empty(), "{}", rig.name);
        for status in [None, Some(ApprovalStatus::Open)] {
            let asked = reads.approvals(elsewhere, status, None, &page).await.unwrap().items;
            assert!(asked.is_empty(), "{}: {asked:?}", rig.name);
            let asked = reads.approvals(elsewhere, status, Some(asks), &page).await.unwrap().items;
            assert!(asked.is_empty(), "{}: {asked:?}", rig.name);
        }
        // Nothing of all that changed anything.
        life.status(asks, Status::Waiting).await;
        assert_eq!(reads.dead_letters(FIRST, &page).await.unwrap().items.len(), 1, "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_execution_starts_belongs_to_its_workspace_and_says_who_began() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let ann = Principal {
            actor: Actor::ApiKey { key: weir_base::ApiKeyId::new(), user: UserId::new() },
            ..Principal::operator(WorkspaceId::new())
        };
        let by_ann = Some(ann.actor.to_string());
        let child = life.keep(chain(&[("one", "effect", params(json!({ "n": 1 })))])).await;
        let parent = life.keep(chain(&[("sub", "child", params(json!({ "document": child })))])).await;
        let id = life.engine.start(StartExecution::by(&ann, parent, json!({}))).await.unwrap().id;
        let ended = life.engine.wait(ann.workspace, id, PATIENCE).await.unwrap();
        assert!(matches!(ended, Waited::Ended(details) if details.started_by == by_ann), "{}", rig.name);
        let filter = Filter { parent: Some(id), ..Filter::default() };
        let children = life.engine.executions().list(ann.workspace, &filter, &PageRequest::default()).await.unwrap();
        let child = life.engine.executions().details(ann.workspace, children.items[0].id).await.unwrap();
        assert_eq!(child.started_by, by_ann, "{}", rig.name);

        let bob = Principal { actor: Actor::Operator, ..ann.clone() };
        let again = life.engine.rerun(&bob, id, from("sub")).await.unwrap();
        life.engine.wait(ann.workspace, again, PATIENCE).await.unwrap();
        let again = life.engine.executions().details(ann.workspace, again).await.unwrap();
        assert_eq!(again.started_by, Some(bob.actor.to_string()), "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_the_principals_unless_it_names_somebody() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let id = life.start(chain(&[("ask", "approval", params(json!({ "title": "?" })))]), json!({})).await;
        life.status(id, Status::Waiting).await;
        life.engine.decide(operator(), id, "ask".into(), decision()).await.unwrap();
        life.end_of(id).await;
        let asked = life.engine.executions().approval(FIRST, id, &"ask".into()).await.unwrap();
        assert_eq!(asked.decided_by.as_deref(), Some("operator"), "{}", rig.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_may_be_used_in_every_workspace() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        let document = life.keep(chain(&[("one", "effect", params(json!({ "n": 1 })))])).await;
        let elsewhere = WorkspaceId::new();
        let start = |workspace| StartExecution {
            idempotency_key: Some("key".to_owned()),
            ..StartExecution::new(workspace, &*document, json!({}))
        };
        let here = life.engine.start(start(FIRST)).await.unwrap();
        let there = life.engine.start(start(elsewhere)).await.unwrap();
        assert!(!here.existing && !there.existing && here.id != there.id, "{}", rig.name);
        assert!(life.engine.start(start(elsewhere)).await.unwrap().existing, "{}", rig.name);

        // An id that another workspace has used says nothing of what is behind it.
        let taken = StartExecution { id: Some(here.id), ..StartExecution::new(elsewhere, &*document, json!({})) };
        let refused = life.engine.start(taken).await;
        assert!(matches!(refused, Err(Error::NoExecution(_))), "{}: {refused:?}", rig.name);
    }
}
