//! Several processes that have the same document open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_collab::{Collab, Config, Fanout, RedisFanout};
use weir_testkit::{Stop, TestRedis};

use crate::client::Client;
use crate::{PATIENCE, benches, config, node, writer};

fn over(redis: &TestRedis) -> Option<Arc<dyn Fanout>> {
    Some(Arc::new(RedisFanout::connect(&redis.url()).unwrap()))
}

/// Two processes that learn of each other only where `fanout` says so, and when they write.
async fn converge(here: &Collab, there: &Collab, workflow: weir_base::WorkflowId, name: &str) {
    let mut a = Client::join(here, workflow, writer("a")).await;
    let mut b = Client::join(there, workflow, writer("b")).await;
    for round in 0..50 {
        a.set("start", &format!("a{round}"), true);
        b.set("start", &format!("b{round}"), true);
        b.write("code", "b");
        a.write("code", "a");
        if round % 10 == 0 {
            a.save().await;
            b.save().await;
        }
    }
    a.save().await;
    b.save().await;
    let all = |client: &Client| {
        let node = client.state().0[0]["start"].clone();
        (0..50).all(|n| node[format!("a{n}")] == true && node[format!("b{n}")] == true)
    };
    a.pump_until("what b did", all).await;
    b.pump_until("what a did", all).await;
    let begun = Instant::now();
    while a.state() != b.state() {
        assert!(begun.elapsed() < PATIENCE, "{name}: both are to be the same");
        a.pump().await;
        b.pump().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (here, there) = (here.draft(workflow).await.unwrap(), there.draft(workflow).await.unwrap());
    assert_eq!(here.document, there.document, "{name}");
    assert_eq!(node(&here.document, "code")["data"]["params"]["code"].as_str().unwrap().len(), 108);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_find_each_others_edits_in_the_log() {
    for bench in benches().await {
        converge(&bench.collab(), &bench.collab(), bench.workflow(), bench.name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_tell_each_other_over_redis() {
    let config = Config { refresh: None, ..config() };
    for bench in benches().await {
        let redis = TestRedis::shared();
        let (here, there) = (bench.collab_with(config, over(redis)), bench.collab_with(config, over(redis)));
        converge(&here, &there, bench.workflow(), bench.name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_there_soon_and_so_is_presence() {
    let config = Config { refresh: None, ..config() };
    let bench = crate::sqlite().await;
    let (here, there) =
        (bench.collab_with(config, over(TestRedis::shared())), bench.collab_with(config, over(TestRedis::shared())));
    let workflow = bench.workflow();
    let mut a = Client::join(&here, workflow, writer("a")).await;
    a.try_send(vec![1, 6, 1, 9, 1, 2, b'{', b'}']).unwrap();
    let mut b = Client::join(&there, workflow, writer("b")).await;
    b.pump_until("who is there already", |b| !b.awareness.is_empty()).await;
    let begun = Instant::now();
    a.set("start", "note", "soon");
    b.pump_until("the edit", |b| b.field("start", "note") == "soon").await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_takes_nothing_with_it() {
    for bench in benches().await {
        let redis = TestRedis::shared();
        let (here, there) = (bench.collab_with(config(), over(redis)), bench.collab_with(config(), over(redis)));
        let workflow = bench.workflow();
        let mut a = Client::join(&here, workflow, writer("a")).await;
        let mut b = Client::join(&there, workflow, writer("b")).await;
        for round in 0..30 {
            b.set("start", &format!("b{round}"), true);
            a.set("start", &format!("a{round}"), true);
        }
        b.save().await;
        drop(there);
        a.save().await;
        // It comes back at the other process, with what was not acknowledged.
        b.set("start", "offline", true);
        b.connect(&here, workflow, writer("b")).await;
        b.sync().await;
        b.save().await;
        a.pump_until("what was made offline", |a| a.field("start", "offline") == true).await;
        b.pump().await;
        a.pump().await;
        assert_eq!(a.state(), b.state(), "{}", bench.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_redis_comes_back_everybody_reads_what_they_missed() {
    let config = Config { refresh: None, ..config() };
    let mut redis = TestRedis::own();
    let bench = crate::sqlite().await;
    let (here, there) = (bench.collab_with(config, over(&redis)), bench.collab_with(config, over(&redis)));
    let workflow = bench.workflow();
    let mut a = Client::join(&here, workflow, writer("a")).await;
    let mut b = Client::join(&there, workflow, writer("b")).await;
    a.set("start", "note", "before");
    b.pump_until("before", |b| b.field("start", "note") == "before").await;
    redis.stop(Stop::Crash);
    a.set("start", "note", "while it was away");
    a.save().await;
    redis.start();
    b.pump_until("while it was away", |b| b.field("start", "note") == "while it was away").await;
    a.set("start", "note", "after");
    b.pump_until("after", |b| b.field("start", "note") == "after").await;
}
