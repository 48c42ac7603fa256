//! W4: `kill -9` amid 200 running executions of ten requests each, and a restart.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context as _;
use futures::future::try_join_all;
use serde_json::{Value, json};
use weir_base::ExecutionId;
use weir_db::Db;

use crate::effects::Effects;
use crate::report::{Report, Target};
use crate::store::Home;
use crate::{documents, w1};

const EXECUTIONS: usize = 200;

const STEPS: usize = 10;

/// After this it is given up: what is unfinished then counts as lost.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the store holds while the server is dead.
struct Recorded {
    /// The idempotency keys of the requests whose results were recorded.
    keys: HashSet<String>,
    unfinished: HashSet<String>,
}

pub(crate) async fn run(home: &Home, report: &mut Report) -> anyhow::Result<()> {
    let effects = Effects::start().await?;
    let allow = effects.address.to_string();
    let server = home.serve(&allow).await?;
    let mut client = server.client().await?;
    let workflow = client.publish(&documents::requests(&format!("http://{allow}/effect"), STEPS)).await?;
    let path = format!("/api/v1/workflows/{workflow}/execute");
    let starts = (0..EXECUTIONS).map(|_| async {
        let accepted: Value = server.client().await?.json("POST", &path, Some(&json!({}))).await?;
        accepted["execution_id"].as_str().map(str::to_owned).context("an accepted execution has an id")
    });
    let accepted: HashSet<String> = try_join_all(starts).await?.into_iter().collect();
    effects.reach(EXECUTIONS * STEPS / 2).await;
    server.kill().await?;

    let recorded = recorded(&home.database_url).await?;
    let before = effects.by_key();
    effects.forget_recent();
    let server = home.serve(&allow).await?;
    let resumed = tokio::time::timeout(PATIENCE, effects.hear_of(&recorded.unfinished)).await.is_ok();
    let resumed_after = server.ready_at.elapsed().as_secs_f64();
    let mut client = server.client().await?;
    let finished = tokio::time::timeout(PATIENCE, w1::drained(&mut client)).await;
    let finished_after = server.ready_at.elapsed().as_secs_f64();
    if let Ok(finished) = finished {
        finished?;
    }

    let completed = completed(&mut client).await?;
    let lost = accepted.difference(&completed).count();
    let after = effects.by_key();
    let times = |key: &String| after.get(key).copied().unwrap_or_default();
    let repeated = recorded.keys.iter().filter(|key| Some(times(key)) != before.get(*key).copied()).count();
    let mut section = report.section("W4", Some(home.store));
    section.add("unfinished at the kill", recorded.unfinished.len() as f64, "");
    section.add("steps recorded at the kill", recorded.keys.len() as f64, "");
    section.judge("executions lost", lost as f64, "", Target::AtMost(0.0));
    section.judge("recorded steps repeated", repeated as f64, "", Target::AtMost(0.0));
    section.add("process start to ready, with the recovery", server.ready_after.as_secs_f64(), "s");
    if resumed {
        section.judge("ready to all resumed", resumed_after, "s", Target::AtMost(2.0));
        section.add("ready to all finished", finished_after, "s");
    } else {
        report.note(format!("W4 on {}: not all executions were resumed within {PATIENCE:?}", home.store.name()));
    }
    Ok(())
}

async fn recorded(database_url: &str) -> anyhow::Result<Recorded> {
    let db = Db::connect(database_url).await?;
    let events = "SELECT execution_id, payload FROM execution_events WHERE kind = 'node_completed'";
    let mut keys = HashSet::new();
    for row in db.query(events, Vec::new()).await? {
        let id: ExecutionId = row.get(0)?;
        let event: Value = serde_json::from_str(row.get(1)?)?;
        let path = event["path"].as_str().context("a completed node has a path")?;
        if path.starts_with("step_") {
            keys.insert(format!("{id}/{path}/request"));
        }
    }
    let open = "SELECT id FROM executions WHERE status <> 'completed'";
    let mut unfinished = HashSet::new();
    for row in db.query(open, Vec::new()).await? {
        unfinished.insert(row.get::<ExecutionId>(0)?.to_string());
    }
    db.close().await;
    Ok(Recorded { keys, unfinished })
}

async fn completed(client: &mut crate::client::Client) -> anyhow::Result<HashSet<String>> {
    let mut ids = HashSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/executions?limit=200&status=completed{cursor}");
        let page = client.json("GET", &path, None).await?;
        let items = page["items"].as_array().context("a page has items")?;
        ids.extend(items.iter().filter_map(|item| Some(item["id"].as_str()?.to_owned())));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(ids),
        }
    }
}
