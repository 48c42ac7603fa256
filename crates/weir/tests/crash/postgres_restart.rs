//! PostgreSQL crashes and comes back while executions run; the server stays up.

use weir_testkit::{Stop, TestPostgres};

use crate::effects::{self, Effects};
use crate::weir::Weir;

const EXECUTIONS: usize = 50;
const STEPS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_go_on_after_the_database_was_stopped_and_started() {
    let mut postgres = TestPostgres::own();
    let database = postgres.fresh_database().await;
    let data = tempfile::tempdir().unwrap();
    let effects = Effects::start().await;
    let server = Weir::start(data.path(), Some(&database), &effects);
    let workflow = server.publish(&effects::workflow(&effects, STEPS)).await;
    assert_eq!(server.execute(&workflow, EXECUTIONS).await.len(), EXECUTIONS);
    effects.reach(EXECUTIONS).await;
    postgres.stop(Stop::Crash);
    postgres.start();
    assert_eq!(server.drained().await, [("completed".to_owned(), EXECUTIONS)]);
    assert_eq!(effects.by_key().len(), EXECUTIONS * STEPS, "every effect happened");
}
