//! Processes that share a database and a Redis remember who is who, and hear of each other's changes.

use std::time::Duration;

use weir_base::{Role, WorkspaceId};
use weir_cache::Cache;
use weir_identity::{Identity, Tokens};
use weir_testkit::TestRedis;

use crate::support::{ADMIN, settled};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn what_one_process_ends_is_over_in_the_other() {
    let redis = TestRedis::own();
    for world in settled().await.iter().filter(|world| world.db.postgres().is_some()) {
        let caches = [cache(&redis).await, cache(&redis).await];
        let one = world.with_cache(caches[0].clone()).await;
        let other = world.with_cache(caches[1].clone()).await;
        let admin = world.login(ADMIN).await;
        let viewer = world.join("viewer@example.com", Role::Viewer).await;
        for process in [&one, &other] {
            for tokens in [&admin, &viewer, &admin, &viewer] {
                assert!(is_let_in(process, tokens).await);
            }
        }
        assert!(caches.iter().all(|cache| cache.stats().memory_hits >= 4), "they do not remember");

        let who = one.authenticate(&admin.access_token, None, None).await.unwrap();
        let user = other.authenticate(&viewer.access_token, None, None).await.unwrap().actor.user().unwrap();
        one.members().remove(&who, user).await.unwrap();
        let shut_out = async || {
            let within = other.authenticate(&viewer.access_token, Some(WorkspaceId::FIRST), None).await;
            within.is_err()
        };
        within_patience(shut_out).await;

        other.logout(&who).await.unwrap();
        within_patience(async || !is_let_in(&one, &admin).await).await;
        assert!(!is_let_in(&other, &admin).await);
    }
}

async fn cache(redis: &TestRedis) -> Cache {
    Cache::connect(&redis.url(), 1 << 20).await.unwrap()
}

async fn is_let_in(process: &Identity, tokens: &Tokens) -> bool {
    process.authenticate(&tokens.access_token, None, None).await.is_ok()
}

/// Waits for what another process is told.
async fn within_patience(condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the other process was not told");
}
