//! Many edit one document at random, come and go, and end with the same, which is also what REST shows.

use serde_json::json;
use weir_testkit::databases;

use crate::clients::{Clients, names};
use crate::weir::Weir;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_end_with_the_same() {
    converge(2, 60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_clients_end_with_the_same() {
    converge(10, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_clients_end_with_the_same() {
    converge(100, 12).await;
}

async fn converge(count: usize, steps: usize) {
    let clients = names(count, "client");
    for database in databases().await {
        let data = tempfile::tempdir().unwrap();
        let weir = Weir::start(data.path(), &database.url).await;
        let workflow = weir.workflow().await;
        let mut yjs = Clients::start();
        yjs.join(&clients, &weir, &workflow).await;
        for _ in 0..2 {
            let seed = rand::random::<u32>();
            yjs.order(json!({ "edit": clients, "steps": steps, "seed": seed })).await;
            yjs.settled(&clients, &weir, &workflow).await;
        }
        // Nothing but the server's log has it now.
        let before = yjs.settled(&clients, &weir, &workflow).await;
        yjs.order(json!({ "leave": clients })).await;
        weir.kill();
        let weir = Weir::start(data.path(), &database.url).await;
        yjs.join(&clients[..1], &weir, &workflow).await;
        let after = yjs.settled(&clients[..1], &weir, &workflow).await;
        assert_eq!(after, before, "{}: what all had seen is not what a new process knows", database.name);
    }
}
