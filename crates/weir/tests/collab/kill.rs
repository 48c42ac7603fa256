//! `kill -9`, ten times, while many write: what was acknowledged is there, also when nobody else has it.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use rand::RngExt as _;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use weir_testkit::databases;

use crate::clients::{Clients, names, url};
use crate::weir::Weir;

const KILLS: usize = 10;
const WRITERS: usize = 4;

/// How long a server may need until it acknowledges.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a writer was told.
#[derive(Debug, Deserialize)]
struct Told {
    writer: String,
    saved: i64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills() {
    for database in databases().await {
        let data = tempfile::tempdir().unwrap();
        let mut weir = Weir::start(data.path(), &database.url).await;
        let workflow = weir.workflow().await;
        let mut acknowledged = BTreeMap::new();
        for round in 0..KILLS {
            let new = write_until_killed(weir, &workflow, round).await;
            assert_eq!(new.len(), WRITERS, "{}: all were acknowledged something", database.name);
            acknowledged.extend(new);
            weir = Weir::start(data.path(), &database.url).await;
            let draft = weir.draft(&workflow).await;
            for (writer, saved) in &acknowledged {
                let values = &draft["nodes"][writer]["data"]["params"]["values"];
                let lost: Vec<_> = (0..*saved).filter(|value| values[format!("value_{value}")] != *value).collect();
                assert!(lost.is_empty(), "{}: acknowledged and lost, of {writer}: {lost:?}", database.name);
            }
        }
        let mut yjs = Clients::start();
        yjs.join(&["reader"], &weir, &workflow).await;
        let state = yjs.settled(&["reader"], &weir, &workflow).await;
        assert_eq!(state["nodes"].as_object().unwrap().len(), 1 + KILLS * WRITERS, "{}", database.name);
    }
}

/// Lets new clients write, kills the server some time later; how many values of each were acknowledged.
async fn write_until_killed(weir: Weir, workflow: &str, round: usize) -> BTreeMap<String, i64> {
    let address = format!("{}/collab", url(&weir.address, workflow));
    let mut command = Command::from(weir_testkit::node(include_str!("writers.mjs")));
    command.args([&address, &weir.token]).args(names(WRITERS, &format!("writer_{round}_")));
    let mut writers =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("Node.js starts");
    let mut lines = BufReader::new(writers.stdout.take().unwrap()).lines();
    let enough = rand::rng().random_range(20..400);
    let mut saved = BTreeMap::new();
    let mut weir = Some(weir);
    // They end when the server is gone.
    while let Some(line) = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("writing goes on").unwrap() {
        let told: Told = serde_json::from_str(&line).unwrap();
        saved.insert(told.writer, told.saved);
        let is_enough = saved.len() == WRITERS && saved.values().sum::<i64>() >= enough;
        if let Some(weir) = weir.take_if(|_| is_enough) {
            weir.kill();
        }
    }
    assert!(weir.is_none(), "the writers ended before the server: {saved:?}");
    saved
}
