//! Clients that send what they should not.

use serde_json::json;
use weir_collab::{Close, Frame, Kind, MAX_FRAME};
use yrs::sync::{Message, SyncMessage};
use yrs::updates::encoder::Encode as _;
use yrs::{Any, Map as _, MapPrelim, Transact as _};

use crate::client::{Client, of};
use crate::{benches, member, node, writer};

fn update(update: Vec<u8>) -> Vec<u8> {
    Message::Sync(SyncMessage::Update(update)).encode_v1()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewers_edit_is_refused_and_the_others_go_on() {
    for bench in benches().await {
        let (collab, workflow) = (bench.collab(), bench.workflow());
        let mut writer = Client::join(&collab, workflow, writer("w")).await;
        let mut viewer = Client::join(&collab, workflow, member("v", false, Kind::Yjs { saved: false })).await;
        writer.set("start", "note", "seen");
        viewer.pump_until("the writer's edit", |viewer| viewer.field("start", "note") == "seen").await;
        viewer.pump().await;
        assert_eq!(viewer.closed, None, "what a viewer answers to the first step is no edit");
        viewer.set("start", "note", "not allowed");
        viewer.pump_until("the refusal", |viewer| viewer.closed.is_some()).await;
        assert_eq!(viewer.closed.as_ref().map(|close| close.code), Some(1008));
        assert!(viewer.denied.is_some());
        writer.set("start", "other", "goes on");
        writer.save().await;
        let draft = collab.draft(workflow).await.unwrap();
        assert_eq!(node(&draft.document, "start")["note"], "seen");
        assert_eq!(node(&draft.document, "start")["other"], "goes on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_frames_end_their_own_connection() {
    let bench = crate::sqlite().await;
    let (collab, workflow) = (bench.collab(), bench.workflow());
    let mut good = Client::join(&collab, workflow, writer("good")).await;
    let deep = {
        let mut deep = vec![1, 1, 7, 0, 8, 1, 1, b'm', 1];
        deep.extend([117, 1].repeat(200_000));
        deep.extend([126, 0]);
        deep
    };
    let frames: [(Vec<u8>, u16); 9] = [
        (vec![0, 2, 5, 1], 1003),
        (vec![0, 9, 0], 1003),
        (vec![0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x0f], 1003),
        (update(vec![0xff, 0xff, 0xff, 0x7a]), 1003),
        (update(vec![1, 0xff, 0xff, 0xff, 0x7a, 7, 0]), 1003),
        (update(deep), 1003),
        (vec![1, 4, 1, 9, 1, 0xff], 1003),
        (vec![1, 5, 1, 9, 1, 1, b'{'], 1003),
        (vec![0; MAX_FRAME + 1], 1009),
    ];
    for (frame, code) in frames {
        let mut bad = Client::join(&collab, workflow, writer("bad")).await;
        let told = bad.try_send(frame.clone()).unwrap_err();
        assert_eq!(told.code, code, "{:?}", &frame[..frame.len().min(10)]);
        bad.pump_until("the end", |bad| bad.closed.is_some()).await;
        assert_eq!(bad.closed, Some(told));
        good.write("code", "x");
        good.save().await;
    }
    let (text, _out) = collab.join(workflow, member("bad", true, Kind::Json)).await.unwrap();
    assert!(matches!(text.receive(Frame::Text("{".into())), Err(Close { code: 1003, .. })));
    let mut unknown = Client::join(&collab, workflow, writer("newer")).await;
    unknown.try_send(vec![99, 1, 2, 3]).unwrap();
    unknown.try_send(vec![]).unwrap();
    unknown.set("start", "note", "still there");
    unknown.save().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_does_not_grow_beyond_its_limit() {
    let bench = crate::sqlite().await;
    let (collab, workflow) = (bench.collab(), bench.workflow());
    let mut good = Client::join(&collab, workflow, writer("good")).await;
    let mut bad = Client::join(&collab, workflow, writer("bad")).await;
    let mut refused = None;
    for part in 0..20 {
        bad.set("start", &format!("part{part}"), "x".repeat(900_000));
        bad.pump().await;
        if bad.closed.is_some() {
            refused = Some(part);
            break;
        }
        bad.save().await;
    }
    assert_eq!(bad.closed.as_ref().map(|close| close.code), Some(1009));
    assert!((5..=9).contains(&refused.unwrap()), "{refused:?}");
    good.pump().await;
    good.edit(|txn| drop(of(txn, &["nodes", "start"]).remove(txn, "part0")));
    good.save().await;
    good.set("start", "note", "fits");
    good.save().await;
    let draft = collab.draft(workflow).await.unwrap();
    assert_eq!(node(&draft.document, "start")["part0"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn types_nested_beyond_reason_are_taken_back() {
    let bench = crate::sqlite().await;
    let (collab, workflow) = (bench.collab(), bench.workflow());
    let mut good = Client::join(&collab, workflow, writer("good")).await;
    let mut bad = Client::join(&collab, workflow, writer("bad")).await;
    good.set("start", "note", "before");
    bad.edit(|txn| {
        let mut map = of(txn, &["nodes"]);
        for _ in 0..20_000 {
            map = map.insert(txn, "d", MapPrelim::default());
        }
    });
    bad.pump_until("the end", |bad| bad.closed.is_some()).await;
    assert_eq!(bad.closed.as_ref().map(|close| close.code), Some(1007));
    good.set("start", "other", "after");
    good.save().await;
    let draft = collab.draft(workflow).await.unwrap();
    assert_eq!(node(&draft.document, "start")["note"], "before");
    assert_eq!(node(&draft.document, "start")["other"], "after");
    assert_eq!(draft.document["nodes"].as_array().unwrap().len(), 3);
    // Many types that are not nested are fine.
    good.edit(|txn| {
        for n in 0..1_000 {
            let nodes = of(txn, &["nodes"]);
            let node = nodes.insert(txn, format!("n{n}"), MapPrelim::from([("type", "set")]));
            node.insert(txn, "data", MapPrelim::default());
        }
    });
    good.save().await;
    assert_eq!(collab.draft(workflow).await.unwrap().document["nodes"].as_array().unwrap().len(), 1_003);
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_that_come_before_what_they_build_upon_wait_for_it() {
    for bench in benches().await {
        let (collab, workflow) = (bench.collab(), bench.workflow());
        let mut other = Client::join(&collab, workflow, writer("o")).await;
        let mut client = Client::join(&collab, workflow, writer("c")).await;
        let mut updates = Vec::new();
        for round in 0..4 {
            let mut txn = client.doc.transact_mut();
            let map = of(&mut txn, &["nodes", "start"]);
            map.insert(&mut txn, "round", Any::from(f64::from(round)));
            updates.push(txn.encode_update_v1());
        }
        for late in [3, 1, 2] {
            client.sent += 1;
            client.try_send(update(updates[late].clone())).unwrap();
        }
        client.save().await;
        // What waits is there after a crash, too.
        drop(collab);
        drop(client);
        drop(other.connection.take());
        let collab = bench.collab();
        let mut client = Client::join(&collab, workflow, writer("c")).await;
        other.connect(&collab, workflow, writer("o")).await;
        other.sync().await;
        client.sent += 1;
        client.try_send(update(updates[0].clone())).unwrap();
        client.save().await;
        other.pump_until("all of them", |other| other.field("start", "round") == 3.0).await;
        let draft = collab.draft(workflow).await.unwrap();
        assert_eq!(node(&draft.document, "start")["round"], json!(3), "{}", bench.name);
    }
}
