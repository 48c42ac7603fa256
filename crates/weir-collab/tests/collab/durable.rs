//! What was acknowledged is there, whatever happens.

use std::time::Duration;

use serde_json::json;
use weir_collab::Config;
use weir_db::args;

use crate::client::Client;
use crate::{benches, config, node, until, writer};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_crash() {
    for bench in benches().await {
        let workflow = bench.workflow();
        let mut expected = String::from("return 1");
        for round in 0..5 {
            let collab = bench.collab();
            let mut clients = Vec::new();
            for who in 0..4 {
                clients.push(Client::join(&collab, workflow, writer(&who.to_string())).await);
            }
            for (who, client) in clients.iter_mut().enumerate() {
                client.write("code", &format!("{round}.{who} "));
                client.set("start", &format!("f{round}{who}"), true);
                client.save().await;
                expected = format!("{round}.{who} {expected}");
                // The next one writes before it.
            }
            for client in &mut clients {
                client.pump().await;
            }
            // Not closed: what is not in the log is lost.
            drop(collab);
            drop(clients);
        }
        let draft = bench.collab().draft(workflow).await.unwrap();
        let code = node(&draft.document, "code")["data"]["params"]["code"].as_str().unwrap().to_owned();
        for round in 0..5 {
            for who in 0..4 {
                assert!(code.contains(&format!("{round}.{who} ")), "{}: {code}", bench.name);
                assert_eq!(node(&draft.document, "start")[&format!("f{round}{who}")], json!(true));
            }
        }
        assert_eq!(code.len(), expected.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_take_the_place_of_the_log_and_nothing_changes() {
    for bench in benches().await {
        let config = Config { snapshot: Duration::from_millis(30), ..config() };
        let (collab, workflow) = (bench.collab_with(config, None), bench.workflow());
        let mut client = Client::join(&collab, workflow, writer("a")).await;
        for round in 0..60 {
            client.set("start", "round", round as f64);
            client.write("code", "x");
            client.save().await;
        }
        let before = collab.draft(workflow).await.unwrap();
        drop(client);
        let rows = async || {
            let count = "SELECT COUNT(*) FROM collab_updates WHERE workflow_id = $1";
            bench.db.query(count, args![workflow]).await.unwrap()[0].get::<i64>(0).unwrap()
        };
        until("all rows are in a snapshot", || async { rows().await == 0 }).await;
        drop(collab);
        let collab = bench.collab();
        assert_eq!(collab.draft(workflow).await.unwrap(), before, "{}", bench.name);
        let mut client = Client::join(&collab, workflow, writer("b")).await;
        client.set("start", "round", "after");
        client.save().await;
        assert_eq!(collab.draft(workflow).await.unwrap().seq, before.seq + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_nothing_is_acknowledged_and_all_of_it_later() {
    let mut server = weir_testkit::TestPostgres::own();
    let db = weir_db::Db::connect(&server.fresh_database().await).await.unwrap();
    db.migrate("collab", weir_collab::MIGRATIONS).await.unwrap();
    let drafts = std::sync::Arc::<crate::Kept>::default();
    let workflow = weir_base::WorkflowId::new();
    drafts.drafts.lock().insert(workflow, crate::draft());
    let clock = std::sync::Arc::new(weir_base::SystemClock);
    let collab = weir_collab::Collab::new(db.clone(), clock, drafts, None, config());
    let mut a = Client::join(&collab, workflow, writer("a")).await;
    let mut b = Client::join(&collab, workflow, writer("b")).await;
    a.save().await;
    server.stop(weir_testkit::Stop::Crash);
    let saved = a.saved;
    for round in 0..20 {
        a.set("start", "note", f64::from(round));
    }
    b.pump_until("the edits of the other", |b| b.field("start", "note") == 19.0).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    a.pump().await;
    assert_eq!(a.saved, saved);
    server.start();
    a.save().await;
    drop((a, b));
    collab.close().await;
    let rows = db.query("SELECT COUNT(*) FROM collab_updates", Vec::new()).await.unwrap();
    assert_eq!(rows[0].get::<i64>(0).unwrap(), 0, "closing made a snapshot");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_writes_down_what_is_not_acknowledged_yet() {
    for bench in benches().await {
        let (collab, workflow) = (bench.collab(), bench.workflow());
        let mut client = Client::join(&collab, workflow, writer("a")).await;
        for round in 0..200 {
            client.set("start", "round", f64::from(round));
        }
        collab.close().await;
        client.pump().await;
        assert_eq!(client.closed.as_ref().map(|close| close.code), Some(1001));
        assert!(matches!(collab.draft(workflow).await, Err(weir_collab::Error::Closed)));
        let draft = bench.collab().draft(workflow).await.unwrap();
        assert_eq!(node(&draft.document, "start")["round"], json!(199), "{}", bench.name);
    }
}
