//! A program that speaks JSON, a Yjs client and REST work on one draft: each sees what the others do.

use serde_json::{Value, json};
use weir_testkit::databases;

use crate::clients::Clients;
use crate::socket::Socket;
use crate::weir::Weir;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_and_yjs_clients_see_what_the_others_do() {
    for database in databases().await {
        let data = tempfile::tempdir().unwrap();
        let weir = Weir::start(data.path(), &database.url).await;
        let workflow = weir.workflow().await;
        let mut yjs = Clients::start();
        yjs.join(&["ann"], &weir, &workflow).await;
        let (mut program, welcome) = Socket::connect(&weir, &workflow, &weir.token).await;
        assert_eq!(welcome["payload"]["document"]["nodes"][0]["id"], "start");
        assert_eq!(welcome["payload"]["can_write"], true);
        let (mut other, _) = Socket::connect(&weir, &workflow, &weir.token).await;
        program.told(|frame| frame["type"] == "user_joined").await;

        // What a program does, all others see.
        let node = json!({ "id": "work", "type": "script", "data": { "params": { "code": "return 1" } } });
        program.update("1", "add_node", json!({ "node": node })).await;
        let broadcast = other.told(is_broadcast("add_node")).await;
        assert_eq!(broadcast["payload"]["node"]["data"], node["data"]);
        assert_eq!(broadcast["workflow_id"], workflow);
        let edge = json!({ "id": "e", "source": "start", "target": "work" });
        program.update("2", "add_edge", json!({ "edge": edge })).await;
        program.update("3", "set_meta", json!({ "changes": { "description": "Made by all" } })).await;
        let state = yjs.settled(&["ann"], &weir, &workflow).await;
        assert_eq!(state["edges"]["e"]["target"], "work");
        assert_eq!(state["meta"]["description"], "Made by all");

        // What a Yjs client does, programs are told as operations.
        yjs.run("ann", "nodes.get('work').set('position', new Y.Map([['x', 10], ['y', 20]]))").await;
        let moved = program.told(is_broadcast("move_node")).await;
        assert_eq!(moved["payload"], json!({ "id": "work", "position": { "x": 10, "y": 20 } }));
        yjs.run("ann", "nodes.get('work').get('data').get('params').get('code').insert(8, ' + 1')").await;
        let updated = other.told(is_broadcast("update_node")).await;
        assert_eq!(updated["payload"]["changes"]["data"]["params"]["code"], "return 1 + 1");

        // Both write into one text, neither knowing of the other.
        yjs.run(
            "ann",
            "provider.disconnect(); nodes.get('work').get('data').get('params').get('code').insert(0, '// sum\\n')",
        )
        .await;
        let changes = json!({ "data": { "params": { "code": "return 1 + 1 + 2" } } });
        program.update("4", "update_node", json!({ "id": "work", "changes": changes })).await;
        weir.patch(&workflow, &json!({ "name": "By REST" })).await;
        yjs.run("ann", "provider.connect()").await;
        program.told(|frame| frame["payload"]["changes"]["data"]["params"]["code"] == "// sum\nreturn 1 + 1 + 2").await;
        let state = yjs.settled(&["ann"], &weir, &workflow).await;
        assert_eq!(state["meta"]["name"], "By REST");

        program.update("5", "remove_node", json!({ "id": "work" })).await;
        other.told(is_broadcast("remove_node")).await;
        let state = yjs.settled(&["ann"], &weir, &workflow).await;
        assert_eq!(state["edges"], json!({}), "{}: the node's edges went with it", database.name);
    }
}

fn is_broadcast(operation: &str) -> impl Fn(&Value) -> bool {
    move |frame| frame["type"] == "broadcast" && frame["operation"] == operation
}
