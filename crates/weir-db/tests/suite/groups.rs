//! Many writers at once.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use weir_db::{Db, Dialect, Error, Statement, args};

use crate::{count, databases};

const WRITERS: i64 = 64;

/// Every writer starts at once and writes `batches` batches of its own.
async fn storm(db: &Db, batches: i64) {
    let barrier = Arc::new(Barrier::new(usize::try_from(WRITERS).unwrap()));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (db, barrier) = (db.clone(), Arc::clone(&barrier));
        writers.spawn(async move {
            barrier.wait().await;
            for batch in 0..batches {
                let name = format!("writer {writer} batch {batch}");
                let insert = "INSERT INTO accounts (name, balance) VALUES ($1, $2)";
                db.write(Statement::new(insert, args![name, batch]).exactly(1)).await.unwrap();
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_batch_of_many_writers_is_kept() {
    for (_database, db) in databases().await {
        storm(&db, 10).await;
        assert_eq!(count(&db).await, WRITERS * 10);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_puts_many_batches_into_one_commit() {
    for (_database, db) in databases().await {
        if db.dialect() == Dialect::Sqlite {
            storm(&db, 10).await;
            let stats = db.stats();
            assert_eq!(stats.batches, 640);
            assert!(stats.commits < stats.batches / 4, "{stats:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_batch_in_a_group_leaves_the_others() {
    for (_database, db) in databases().await {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let db = db.clone();
            writers.spawn(async move {
                let insert = "INSERT INTO accounts (name, balance) VALUES ($1, $2)";
                let mut batch = vec![Statement::new(insert, args![format!("writer {writer}"), 0])];
                // Every other batch fails after it has written.
                if writer % 2 == 1 {
                    batch.push(Statement::new("UPDATE accounts SET balance = 1 WHERE name = 'x'", args![]).exactly(1));
                }
                (writer, db.write(batch).await)
            });
        }
        while let Some(done) = writers.join_next().await {
            match done.unwrap() {
                (writer, Ok(_)) => assert_eq!(writer % 2, 0),
                (writer, Err(error)) => {
                    assert_eq!(error, Error::Expectation { statement: 1, expected: 1, found: 0 });
                    assert_eq!(writer % 2, 1);
                }
            }
        }
        assert_eq!(count(&db).await, WRITERS / 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_lock_rows_in_opposite_orders_all_succeed() {
    for (_database, db) in databases().await {
        let names = ["ann", "bob"];
        for name in names {
            db.write(Statement::new("INSERT INTO accounts VALUES ($1, 0)", args![name])).await.unwrap();
        }
        let mut writers = JoinSet::new();
        for writer in 0..4_usize {
            let db = db.clone();
            writers.spawn(async move {
                let (first, second) = (names[writer % 2], names[(writer + 1) % 2]);
                let add = "UPDATE accounts SET balance = balance + 1 WHERE name = $1";
                for _ in 0..3 {
                    let batch = vec![
                        Statement::new(add, args![first]).exactly(1),
                        Statement::new(add, args![second]).exactly(1),
                    ];
                    db.write(batch).await.unwrap();
                }
            });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
        let rows = db.query("SELECT balance FROM accounts", args![]).await.unwrap();
        assert!(rows.iter().all(|row| row.get::<i64>(0).unwrap() == 12));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_given_up_leaves_the_database_usable() {
    for (_database, db) in databases().await {
        for turn in 0..50_u64 {
            let insert = "INSERT INTO accounts (name, balance) VALUES ($1, 0)";
            let batch = vec![
                Statement::new(insert, args![format!("a {turn}")]).exactly(1),
                Statement::new(insert, args![format!("b {turn}")]).exactly(1),
            ];
            // Given up at another point each time, by chance; either outcome is fine, half a batch is not.
            let _ = tokio::time::timeout(std::time::Duration::from_micros(turn * 40), db.write(batch)).await;
        }
        storm(&db, 1).await;
        let rows = db.query("SELECT count(*) FROM accounts WHERE name LIKE 'a %'", args![]).await.unwrap();
        let a: i64 = rows[0].get(0).unwrap();
        let rows = db.query("SELECT count(*) FROM accounts WHERE name LIKE 'b %'", args![]).await.unwrap();
        assert_eq!(a, rows[0].get::<i64>(0).unwrap());
    }
}
