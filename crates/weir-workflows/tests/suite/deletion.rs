//! What is deleted is out of sight, comes back for 30 days, and is gone afterwards.

use std::time::Duration;

use weir_base::{Clock, ErrorKind, PageRequest};
use weir_workflows::{Execute, Filter, Status};

use crate::{FIRST, benches, operator};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test]
async fn a_deleted_workflow_is_out_of_sight_until_it_is_brought_back() {
    for bench in benches().await {
        let id = bench.active("Gone").await;
        bench.active("There").await;
        assert_eq!(bench.workflows.delete(operator(), id, Some(1)).await.unwrap_err().kind(), ErrorKind::Stale);
        bench.workflows.delete(operator(), id, None).await.unwrap();
        for error in [
            bench.workflows.get(FIRST, id).await.err(),
            bench.workflows.delete(operator(), id, None).await.err(),
            bench.workflows.execute(operator(), id, Execute::new(serde_json::json!({}))).await.err(),
            bench.workflows.versions().get(FIRST, id, 1).await.err(),
            bench.workflows.versions().find(FIRST, "Gone").await.err(),
            bench.workflows.versions().find(FIRST, &id.to_string()).await.err(),
        ] {
            assert_eq!(error.unwrap().kind(), ErrorKind::NotFound);
        }
        let page = PageRequest::default();
        let here = bench.workflows.list(FIRST, &Filter::default(), &page).await.unwrap().items;
        assert_eq!(here.iter().map(|summary| summary.name.as_str()).collect::<Vec<_>>(), ["There"]);
        let deleted = Filter { deleted: true, ..Filter::default() };
        let gone = bench.workflows.list(FIRST, &deleted, &page).await.unwrap().items;
        assert_eq!((gone.len(), gone[0].id), (1, id));

        let back = bench.workflows.undelete(operator(), id).await.unwrap();
        assert_eq!((back.summary.status, back.summary.deleted_at), (Status::Active, None));
        assert_eq!(bench.workflows.undelete(operator(), id).await.unwrap(), back);
        assert_eq!(bench.workflows.get(FIRST, id).await.unwrap(), back);
    }
}

#[tokio::test]
async fn after_thirty_days_a_deleted_workflow_is_gone() {
    for bench in benches().await {
        let id = bench.active("Old").await;
        bench.active("Kept").await;
        bench.workflows.delete(operator(), id, None).await.unwrap();
        bench.clock.advance(DAY * 30);
        assert_eq!(bench.workflows.purge_deleted(bench.clock.now()).await.unwrap(), 0);
        bench.clock.advance(Duration::from_secs(1));
        assert_eq!(bench.workflows.undelete(operator(), id).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(bench.workflows.purge_deleted(bench.clock.now()).await.unwrap(), 1);
        assert_eq!(bench.workflows.undelete(operator(), id).await.unwrap_err().kind(), ErrorKind::NotFound);
        let left = bench.db.query("SELECT count(*) FROM workflow_versions", Vec::new()).await.unwrap();
        assert_eq!(left[0].get::<i64>(0).unwrap(), 1);
        assert_eq!(bench.workflows.purge_deleted(bench.clock.now()).await.unwrap(), 0);
    }
}
