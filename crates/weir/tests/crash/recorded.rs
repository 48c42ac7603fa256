//! What the store holds while the server is dead: the idempotency keys of the effects whose results were recorded.

use std::collections::HashSet;

use weir_base::ExecutionId;
use weir_db::Db;

/// The keys of all effects whose results are in the journal.
pub(crate) async fn recorded(database_url: &str) -> HashSet<String> {
    let db = Db::connect(database_url).await.unwrap();
    let sql = "SELECT execution_id, payload FROM execution_events WHERE kind = 'node_completed'";
    let rows = db.query(sql, Vec::new()).await.unwrap();
    let keys = rows
        .iter()
        .filter_map(|row| {
            let id: ExecutionId = row.get(0).unwrap();
            let event: serde_json::Value = serde_json::from_str(row.get(1).unwrap()).unwrap();
            let path = event["path"].as_str().unwrap().to_owned();
            path.starts_with("step_").then(|| format!("{id}/{path}/request"))
        })
        .collect();
    db.close().await;
    keys
}
