//! Programs that write a whole document, beside people.

use std::convert::Infallible;

use serde_json::{Value, json};
use weir_collab::Error;

use crate::client::Client;
use crate::{author, benches, node, writer};

fn renamed(document: &Value, name: &str) -> Result<Value, Infallible> {
    let mut document = document.clone();
    document["name"] = json!(name);
    Ok(document)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_written_document_and_what_people_do_meanwhile_both_stay() {
    for bench in benches().await {
        let (collab, workflow) = (bench.collab(), bench.workflow());
        let mut client = Client::join(&collab, workflow, writer("a")).await;
        let edited = collab.edit(workflow, author("r"), None, |document| {
            // This person edits after the program has read, and before it has written.
            client.set("start", "note", "mine");
            client.write("code", "mine ");
            let mut document = renamed(document, "theirs")?;
            document["nodes"][1]["data"]["params"]["code"] = json!("return 1 // theirs");
            Ok::<_, Infallible>(document)
        });
        let draft = edited.await.unwrap().unwrap();
        assert_eq!(draft.document["name"], "theirs", "{}", bench.name);
        assert_eq!(node(&draft.document, "start")["note"], "mine");
        assert_eq!(node(&draft.document, "code")["data"]["params"]["code"], "mine return 1 // theirs");
        client.pump_until("the program's edit", |client| client.state().0[2]["name"] == "theirs").await;
        client.save().await;
        let told = bench.drafts.changes.lock().clone();
        assert!(told.iter().any(|(_, seq, by)| *seq > 0 && by.iter().any(|by| by.name == "r")), "{told:?}");
        assert_eq!(bench.drafts.drafts.lock()[&workflow]["name"], "theirs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_seen_the_newest_is_told_so() {
    for bench in benches().await {
        let (collab, workflow) = (bench.collab(), bench.workflow());
        let seen = collab.draft(workflow).await.unwrap();
        let first = collab.edit(workflow, author("a"), Some(seen.seq), |document| renamed(document, "first"));
        let first = first.await.unwrap().unwrap();
        assert_eq!(first.seq, seen.seq + 1);
        let late = collab.edit(workflow, author("b"), Some(seen.seq), |document| renamed(document, "late")).await;
        assert!(
            matches!(late, Err(Error::Stale { expected, current }) if expected == seen.seq && current == first.seq),
            "{late:?}"
        );
        let mut client = Client::join(&collab, workflow, writer("c")).await;
        client.set("start", "note", "by a person");
        client.save().await;
        let late = collab.edit(workflow, author("b"), Some(first.seq), |document| renamed(document, "late")).await;
        assert!(matches!(late, Err(Error::Stale { .. })), "{late:?}");
        let now = collab.draft(workflow).await.unwrap();
        assert_eq!(now.document["name"], "first");
        let same = collab.edit(workflow, author("b"), Some(now.seq), |document| Ok::<_, Infallible>(document.clone()));
        assert_eq!(same.await.unwrap().unwrap(), now, "what changes nothing is no edit");
        let refused = collab.edit(workflow, author("b"), Some(now.seq), |_| Err::<Value, _>("no")).await;
        assert_eq!(refused.unwrap(), Err("no"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_saw_the_same_one_writes() {
    for bench in benches().await {
        let workflow = bench.workflow();
        let (here, there) = (bench.collab(), bench.collab());
        let seen = here.draft(workflow).await.unwrap().seq;
        let writing = (0..10).map(|who| {
            let collab = if who % 2 == 0 { &here } else { &there };
            collab.edit(workflow, author("a"), Some(seen), move |document| renamed(document, &who.to_string()))
        });
        let written = futures::future::join_all(writing).await;
        assert_eq!(written.iter().filter(|written| written.is_ok()).count(), 1, "{}: {written:?}", bench.name);
        let none = here.draft(weir_base::WorkflowId::new()).await;
        assert!(matches!(none, Err(Error::NotFound(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_workflow_is_forgotten() {
    for bench in benches().await {
        let (collab, workflow) = (bench.collab(), bench.workflow());
        let mut client = Client::join(&collab, workflow, writer("a")).await;
        client.set("start", "note", "x");
        client.save().await;
        bench.drafts.drafts.lock().remove(&workflow);
        collab.forget(workflow).await.unwrap();
        client.pump_until("the end", |client| client.closed.is_some()).await;
        let gone = collab.draft(workflow).await;
        assert!(matches!(gone, Err(Error::NotFound(_))), "{}: {gone:?}", bench.name);
        for table in ["documents", "updates", "snapshots"] {
            let rows = bench.db.query(format!("SELECT COUNT(*) FROM collab_{table}"), Vec::new()).await.unwrap();
            assert_eq!(rows[0].get::<i64>(0).unwrap(), 0, "{}: {table}", bench.name);
        }
    }
}
