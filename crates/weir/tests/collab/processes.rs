//! Two processes, one database, one Redis: a document is one, whoever dies.

use serde_json::json;
use weir_testkit::{Stop, TestPostgres, TestRedis};

use crate::clients::{Clients, names, url};
use crate::weir::Weir;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_two_processes_end_with_the_same_also_when_one_is_killed() {
    let database = TestPostgres::shared().fresh_database().await;
    let redis = TestRedis::own();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = Weir::start_with(folders[0].path(), &database, &redis.url()).await;
    let second = Weir::start_with(folders[1].path(), &database, &redis.url()).await;
    let workflow = second.workflow().await;
    let (left, right) = (names(5, "left"), names(5, "right"));
    let all = [&left[..], &right].concat();
    let mut yjs = Clients::start();
    yjs.join(&left, &first, &workflow).await;
    yjs.join(&right, &second, &workflow).await;
    yjs.order(json!({ "edit": all, "steps": 30, "seed": 1 })).await;
    let state = yjs.settled(&all, &second, &workflow).await;
    assert_eq!(first.draft(&workflow).await, state);

    yjs.tell(&json!({ "edit": all, "steps": 60, "seed": 2 })).await;
    first.kill();
    // It ends when all have made their edits, those of the killed one without a connection.
    yjs.answer().await;
    for name in &left {
        let code = format!("provider.serverUrl = '{}'", url(&second.address, &workflow));
        yjs.run(name, &code).await;
    }
    yjs.settled(&all, &second, &workflow).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_meet_again_after_redis_was_away() {
    let database = TestPostgres::shared().fresh_database().await;
    let mut redis = TestRedis::own();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = Weir::start_with(folders[0].path(), &database, &redis.url()).await;
    let second = Weir::start_with(folders[1].path(), &database, &redis.url()).await;
    let workflow = first.workflow().await;
    let mut yjs = Clients::start();
    yjs.join(&["left"], &first, &workflow).await;
    yjs.join(&["right"], &second, &workflow).await;
    redis.stop(Stop::Crash);
    yjs.order(json!({ "edit": ["left", "right"], "steps": 40, "seed": 3 })).await;
    redis.start();
    let state = yjs.settled(&["left", "right"], &second, &workflow).await;
    assert_eq!(first.draft(&workflow).await, state);
}
