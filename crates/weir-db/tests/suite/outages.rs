//! PostgreSQL goes away and comes back.

use std::time::Duration;

use weir_base::ErrorKind;
use weir_db::{Db, Error, Statement, args};
use weir_testkit::{Stop, TestPostgres};

use crate::{ACCOUNTS, count};

fn insert(name: &str) -> Statement {
    Statement::new("INSERT INTO accounts (name, balance) VALUES ($1, 0)", args![name]).exactly(1)
}

/// Tries until the server answers again, as callers do.
async fn eventually<T>(what: impl AsyncFn() -> Result<T, Error>) -> T {
    for _ in 0..100 {
        match what().await {
            Ok(value) => return value,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the database did not come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_come_back_after_the_server_stopped_and_started() {
    let mut server = TestPostgres::own();
    let db = Db::connect(&server.fresh_database().await).await.unwrap();
    db.migrate("test", &[ACCOUNTS]).await.unwrap();
    db.write(insert("ann")).await.unwrap();
    let own = db.postgres().unwrap().connection();
    own.session().await.unwrap().script("SELECT 1").await.unwrap();

    for (how, name) in [(Stop::Fast, "bob"), (Stop::Crash, "cid")] {
        server.stop(how);
        assert_eq!(db.ping().await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(db.write(insert(name)).await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(own.session().await.unwrap_err().kind(), ErrorKind::Unavailable);

        server.start();
        eventually(async || db.ping().await).await;
        eventually(async || db.write(insert(name)).await).await;
        eventually(async || own.session().await?.script("SELECT 1").await).await;
    }
    assert_eq!(count(&db).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_by_the_server_is_replaced() {
    let url = TestPostgres::shared().fresh_database().await;
    let db = Db::connect(&url).await.unwrap();
    db.migrate("test", &[ACCOUNTS]).await.unwrap();
    let own = db.postgres().unwrap().connection();
    for turn in 0..5 {
        // Every connection there is to this database, but the one that asks.
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        own.session().await.unwrap().query(cut, &[]).await.unwrap();
        db.ping().await.unwrap();
        // A write that was lost is not run again by itself: it may have been kept.
        let written = db.write(insert(&format!("account {turn}"))).await;
        if let Err(error) = written {
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            db.write(insert(&format!("account {turn}"))).await.unwrap();
        }
    }
    assert_eq!(count(&db).await, 5);
}

#[tokio::test]
async fn requests_on_one_session_travel_together() {
    let url = TestPostgres::shared().fresh_database().await;
    let db = Db::connect(&url).await.unwrap();
    let session = db.postgres().unwrap().connection().session().await.unwrap();
    session.script("CREATE TABLE numbers (n bigint)").await.unwrap();
    let begin = session.script("BEGIN");
    let numbers = vec![1_i64, 2, 3];
    let args: [&(dyn weir_db::postgres::types::ToSql + Sync); 1] = [&numbers];
    let insert = session.execute("INSERT INTO numbers SELECT * FROM unnest($1::bigint[])", &args);
    let commit = session.script("COMMIT");
    let (begun, inserted, committed) = tokio::join!(begin, insert, commit);
    begun.unwrap();
    committed.unwrap();
    assert_eq!(inserted.unwrap(), 3);
}
