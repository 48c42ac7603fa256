//! A secret a node was given is nowhere to be read.

use futures::StreamExt as _;
use serde_json::json;
use weir_base::PageRequest;
use weir_core::execution::Status;
use weir_engine::Watched;

use super::rig::{FIRST, Rig, SECRET, chain, params};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_tells_of_its_credential_is_masked_before_it_is_written_or_shown() {
    for rig in Rig::both().await {
        let life = rig.start().await;
        for (how, status) in [
            ("output", Status::Completed),
            ("error", Status::Failed),
            ("panic", Status::Failed),
            ("approval", Status::Waiting),
        ] {
            let held = ("held", "effect", params(json!({ "hold": true })));
            let id = life.start(chain(&[held, ("leak", "leak", params(json!({ "how": how })))]), json!({})).await;
            let mut watch = life.engine.watch(FIRST, id, 0).await.unwrap();
            // From here on the watch has caught up with what is recorded: what is live does not pass it by.
            while !format!("{:?}", watch.next().await).contains("NodeStarted") {}
            let mut shown = Vec::new();
            rig.world.gate.notify_one();
            life.status(id, status).await;
            if status == Status::Waiting {
                let asked = life.engine.executions().approval(FIRST, id, &"leak".into()).await.unwrap();
                assert_eq!(asked.title, "ann:*** by ***", "{}", rig.name);
                shown.push(format!("{asked:?}"));
                life.engine.cancel(super::rig::operator(), id, None).await.unwrap();
            }
            let seen: Vec<_> = watch.map(Result::unwrap).collect().await;
            assert!(seen.iter().any(|seen| matches!(seen, Watched::Live(_))), "{}: nothing live was shown", rig.name);
            shown.push(format!("{seen:?}"));
            let reads = life.engine.executions();
            shown.push(format!("{:?}", reads.journal(FIRST, id, 0, 1_000).await.unwrap()));
            shown.push(format!("{:?}", reads.details(FIRST, id).await.unwrap()));
            shown.push(format!("{:?}", reads.node(FIRST, id, &"leak".into()).await.unwrap()));
            shown.push(format!("{:?}", reads.logs(FIRST, id, &PageRequest::default()).await.unwrap()));
            let shown = shown.join("\n");
            assert!(!shown.contains(SECRET) && !shown.contains("derived-token"), "{} {how}: {shown}", rig.name);
            assert!(shown.contains("ann:*** by ***"), "{} {how}: {shown}", rig.name);
        }
        // The outcome was masked before it went to the objects.
        let mut folders = vec![rig.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                    assert!(!text.contains(SECRET), "{}", path.display());
                }
            }
        }
    }
}
