//! Undo is Yjs' own: it takes back what this client did, and nothing of the others.

use serde_json::{Value, json};

use crate::clients::{Clients, url};
use crate::weir::Weir;

const WORKERS: [&str; 2] = ["ann", "ben"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undo_takes_back_only_what_this_client_did() {
    let data = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", data.path().join("weir.db").display());
    let weir = Weir::start(data.path(), &database).await;
    let workflow = weir.workflow().await;
    let mut yjs = Clients::start();
    // As a browser does it: by a ticket instead of a token.
    for name in WORKERS {
        let params = json!({ "ticket": weir.ticket(&workflow).await });
        yjs.order(json!({ "join": [name], "url": url(&weir.address, &workflow), "params": params })).await;
    }
    let undo = "kept.undo = new Y.UndoManager([nodes, edges, meta], { captureTimeout: 0 })";
    for name in WORKERS {
        yjs.run(name, undo).await;
    }

    // Ann makes a node and writes code; Ben writes into the same code, and moves the node that was there before.
    let make = "const params = new Y.Map([['code', new Y.Text('return 1')]])
        nodes.set('work', new Y.Map([['type', 'script'], ['data', new Y.Map([['params', params]])]]))";
    yjs.run("ann", make).await;
    yjs.settled(&WORKERS, &weir, &workflow).await;
    yjs.run("ann", "nodes.get('work').get('data').get('params').get('code').insert(8, ' + 2')").await;
    yjs.settled(&WORKERS, &weir, &workflow).await;
    yjs.run("ben", "nodes.get('work').get('data').get('params').get('code').insert(0, '// ours\\n')").await;
    yjs.run("ben", "nodes.get('start').set('position', new Y.Map([['x', 5], ['y', 7]]))").await;
    let before = yjs.settled(&WORKERS, &weir, &workflow).await;
    assert_eq!(code(&before), "// ours\nreturn 1 + 2");

    yjs.run("ann", "kept.undo.undo()").await;
    let undone = yjs.settled(&WORKERS, &weir, &workflow).await;
    assert_eq!(code(&undone), "// ours\nreturn 1");
    assert_eq!(undone["nodes"]["start"], before["nodes"]["start"]);

    yjs.run("ann", "kept.undo.redo()").await;
    assert_eq!(yjs.settled(&WORKERS, &weir, &workflow).await, before);

    yjs.run("ben", "kept.undo.undo()").await;
    let undone = yjs.settled(&WORKERS, &weir, &workflow).await;
    assert_eq!(undone["nodes"]["start"].get("position"), None);
    assert_eq!(code(&undone), code(&before));
}

fn code(state: &Value) -> &str {
    state["nodes"]["work"]["data"]["params"]["code"].as_str().unwrap()
}
