//! Many clients that edit at random, come and go.

use std::time::Duration;

use serde_json::{Value, json};
use yrs::{Any, Map as _, MapPrelim};

use crate::client::{Client, of};
use crate::{benches, config, member, node, writer};

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn edit(client: &mut Client, dice: &mut Dice, who: usize) {
    match dice.roll(6) {
        0 => client.set("start", "note", format!("{who}: {}", dice.roll(1000))),
        1 => client.write("code", &format!("{who};")),
        2 => client.edit(|txn| {
            let nodes = of(txn, &["nodes"]);
            let id = format!("n{who}-{}", dice.roll(5));
            let fields = [("type", Any::from("set")), ("x", Any::from(dice.roll(100) as i64))];
            nodes.insert(txn, id, MapPrelim::from_iter(fields.map(|(key, value)| (key.to_owned(), value))));
        }),
        3 => client.edit(|txn| {
            let nodes = of(txn, &["nodes"]);
            nodes.remove(txn, &format!("n{who}-{}", dice.roll(5)));
        }),
        4 => client.edit(|txn| {
            let position = of(txn, &["nodes", "end", "position"]);
            position.insert(txn, "x", dice.roll(1000) as i64);
        }),
        _ => client.edit(|txn| {
            let meta = of(txn, &["meta"]);
            meta.insert(txn, "description", format!("{who}: {}", dice.roll(1000)));
        }),
    }
}

async fn converge(clients: usize, rounds: usize) {
    for bench in benches().await {
        let (collab, workflow, mut dice) = (bench.collab(), bench.workflow(), Dice(clients as u64));
        let mut all = Vec::new();
        for who in 0..clients {
            all.push(Client::join(&collab, workflow, writer(&who.to_string())).await);
        }
        for _ in 0..rounds {
            let who = dice.roll(clients as u64) as usize;
            match dice.roll(10) {
                // A time without a connection: edits are made all the same.
                0 => all[who].disconnect(),
                1 | 2 if all[who].connection.is_none() => {
                    all[who].connect(&collab, workflow, writer(&who.to_string())).await;
                }
                3 | 4 => all[who].pump().await,
                _ => edit(&mut all[who], &mut dice, who),
            }
        }
        for (who, client) in all.iter_mut().enumerate() {
            if client.connection.is_none() {
                client.connect(&collab, workflow, writer(&who.to_string())).await;
            }
            client.sync().await;
            client.save().await;
        }
        for client in &mut all {
            client.pump().await;
        }
        let first = all[0].state();
        for client in &all[1..] {
            assert_eq!(client.state(), first, "{}", bench.name);
        }
        let draft = collab.draft(workflow).await.unwrap();
        assert_eq!(
            json!(node(&draft.document, "code")["data"]["params"]["code"]),
            first.0[0]["code"]["data"]["params"]["code"]
        );
        assert_eq!(draft.document["nodes"].as_array().unwrap().len(), first.0[0].as_object().unwrap().len());
        assert_eq!(draft.document["description"], first.0[2]["description"]);
        drop(all);
        collab.close().await;
        let (workflow_, seq, _) = bench.drafts.changes.lock().last().cloned().unwrap();
        assert_eq!((workflow_, seq), (workflow, draft.seq), "{}: the last change is told", bench.name);
        assert_eq!(bench.drafts.drafts.lock()[&workflow], *draft.document);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_end_with_the_same() {
    converge(2, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_clients_end_with_the_same() {
    converge(10, 600).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_clients_end_with_the_same() {
    converge(30, 900).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_open_a_document_at_the_same_moment_are_in_one_room() {
    for bench in benches().await {
        let (collab, workflow) = (bench.collab(), bench.workflow());
        let joining = (0..20).map(|who| Client::join(&collab, workflow, writer(if who == 0 { "a" } else { "b" })));
        let mut clients = futures::future::join_all(joining).await;
        clients[0].set("start", "note", "seen");
        for client in &mut clients[1..] {
            client.pump_until("the edit", |client| client.field("start", "note") == "seen").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_unloaded_and_opened_while_people_come_and_go() {
    for bench in benches().await {
        let config = weir_collab::Config { idle: Duration::from_millis(1), ..config() };
        let (collab, workflow) = (bench.collab_with(config, None), bench.workflow());
        for round in 0..40_u32 {
            let mut client = Client::join(&collab, workflow, writer("a")).await;
            assert_eq!(client.field("start", "round"), if round == 0 { Value::Null } else { json!(round - 1) });
            client.set("start", "round", i64::from(round));
            client.save().await;
            drop(client);
            tokio::time::sleep(Duration::from_millis(u64::from(round) % 7)).await;
        }
        collab.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_each_other_and_who_has_left_is_gone() {
    let bench = crate::sqlite().await;
    let (collab, workflow) = (bench.collab(), bench.workflow());
    let mut a = Client::join(&collab, workflow, writer("a")).await;
    let viewer = member("b", false, weir_collab::Kind::Yjs { saved: false });
    let mut b = Client::join(&collab, workflow, viewer).await;
    let mut frame = vec![1, 17, 1, 9, 1, 13];
    frame.extend(b"{\"cursor\":[]}");
    b.try_send(frame).unwrap();
    let sees = |client: &Client, state: &str| {
        client.awareness.iter().flat_map(|update| update.clients.values()).any(|entry| &*entry.json == state)
    };
    a.pump_until("the other's cursor", |a| sees(a, "{\"cursor\":[]}")).await;
    let mut c = Client::join(&collab, workflow, writer("c")).await;
    c.pump_until("the cursor of one who was there", |c| sees(c, "{\"cursor\":[]}")).await;
    b.disconnect();
    a.pump_until("the other's leaving", |a| sees(a, "null")).await;
}
