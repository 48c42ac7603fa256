//! What a document was, and going back to it.

use std::time::Duration;

use serde_json::Value;
use weir_base::PageRequest;
use weir_collab::{Config, Error};

use crate::client::Client;
use crate::{author, benches, config, node, until, writer};

/// What was removed comes back at the end.
fn sorted(document: &Value) -> Value {
    let mut document = document.clone();
    document["nodes"].as_array_mut().unwrap().sort_by_key(|node| node["id"].to_string());
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_goes_back_to_what_it_was() {
    for bench in benches().await {
        let (collab, workflow) = (bench.collab(), bench.workflow());
        let mut client = Client::join(&collab, workflow, writer("ada")).await;
        client.set("start", "note", "first");
        client.save().await;
        let first = collab.keep(workflow, "the first").await.unwrap();
        assert_eq!((first.name.as_deref(), first.authors[0].name.as_str()), (Some("the first"), "ada"));
        let then = collab.draft(workflow).await.unwrap();
        client.set("start", "note", "second");
        client.edit(|txn| drop(yrs::Map::remove(&crate::client::of(txn, &["nodes"]), txn, "code")));
        client.save().await;
        drop(client);
        let page = |limit, cursor| PageRequest::new(Some(limit), cursor);
        until("a snapshot since the last one has left", || async {
            collab.history(workflow, page(10, None)).await.unwrap().items.len() == 3
        })
        .await;
        let newest = collab.history(workflow, page(1, None)).await.unwrap();
        assert_eq!(newest.items[0].name, None);
        let rest = collab.history(workflow, page(10, newest.next)).await.unwrap();
        assert_eq!(rest.items[0], first, "{}", bench.name);
        assert_eq!(rest.items[1].seq, 0);
        assert_eq!(sorted(&collab.snapshot(workflow, first.id).await.unwrap()), sorted(&then.document));

        let mut client = Client::join(&collab, workflow, writer("bob")).await;
        let restored = collab.restore(workflow, first.id, author("bob")).await.unwrap();
        assert_eq!(sorted(&restored.document), sorted(&then.document), "{}", bench.name);
        client.pump_until("what it was", |client| client.field("start", "note") == "first").await;
        assert_eq!(client.field("code", "type"), "set");

        collab.name(workflow, first.id, Some("other")).await.unwrap();
        collab.name(workflow, newest.items[0].id, Some("newest")).await.unwrap();
        collab.name(workflow, first.id, None).await.unwrap();
        assert!(matches!(collab.name(workflow, first.id, Some("\n")).await, Err(Error::Name)));
        let unknown = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        assert!(matches!(collab.name(workflow, unknown, Some("x")).await, Err(Error::NoSnapshot(_))));
        assert!(matches!(collab.snapshot(workflow, unknown).await, Err(Error::NoSnapshot(_))));
        let names: Vec<_> = collab.history(workflow, page(10, None)).await.unwrap().items;
        let names: Vec<_> = names.iter().filter_map(|snapshot| snapshot.name.as_deref()).collect();
        assert_eq!(names, ["newest"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn named_snapshots_are_kept_and_of_the_others_the_newest_hundred() {
    let bench = crate::sqlite().await;
    let config = Config { snapshot: Duration::ZERO, ..config() };
    let (collab, workflow) = (bench.collab_with(config, None), bench.workflow());
    let mut client = Client::join(&collab, workflow, writer("a")).await;
    client.set("start", "n", -1.0);
    client.save().await;
    let named = collab.keep(workflow, "kept").await.unwrap();
    for n in 0..130 {
        client.set("start", "n", f64::from(n));
        client.save().await;
        until("a snapshot", || async {
            let seq = collab.draft(workflow).await.unwrap().seq;
            collab.history(workflow, PageRequest::new(Some(1), None)).await.unwrap().items[0].seq == seq
        })
        .await;
    }
    let all = collab.history(workflow, PageRequest::new(Some(200), None)).await.unwrap().items;
    assert_eq!(all.len(), 101);
    assert_eq!(all.last().unwrap().id, named.id);
    let then = collab.snapshot(workflow, named.id).await.unwrap();
    assert_eq!(node(&then, "start")["n"], -1);
}
