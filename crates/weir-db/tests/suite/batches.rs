//! A batch is kept whole or not at all.

use weir_base::ErrorKind;
use weir_db::{Batch, Error, Statement, args};

use crate::{count, databases};

const INSERT: &str = "INSERT INTO accounts (name, balance) VALUES ($1, $2)";

fn insert(name: &str) -> Statement {
    Statement::new(INSERT, args![name, 0])
}

#[tokio::test]
async fn a_batch_that_fails_leaves_nothing_behind() {
    for (_database, db) in databases().await {
        db.write(insert("ann")).await.unwrap();
        let error = db.write(vec![insert("bob"), insert("ann"), insert("cid")]).await.unwrap_err();
        assert!(matches!(error, Error::Unique { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(count(&db).await, 1);
        // The database takes the next one.
        db.write(vec![insert("bob"), insert("cid")]).await.unwrap();
        assert_eq!(count(&db).await, 3);
    }
}

#[tokio::test]
async fn an_unmet_expectation_undoes_the_batch() {
    for (_database, db) in databases().await {
        let update = Statement::new("UPDATE accounts SET balance = 1 WHERE name = $1", args!["nobody"]).exactly(1);
        let error = db.write(vec![insert("ann"), update.clone(), insert("bob")]).await.unwrap_err();
        assert_eq!(error, Error::Expectation { statement: 1, expected: 1, found: 0 });
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(count(&db).await, 0);

        db.write(vec![insert("nobody").exactly(1), update]).await.unwrap();
        assert_eq!(count(&db).await, 1);
    }
}

#[tokio::test]
async fn a_broken_reference_is_a_conflict() {
    for (_database, db) in databases().await {
        let error = db.write(Statement::new("INSERT INTO payments VALUES ($1)", args!["nobody"])).await.unwrap_err();
        assert!(matches!(error, Error::Reference { .. }), "{error}");
    }
}

#[tokio::test]
async fn many_rows_of_one_statement_are_counted_together() {
    for (_database, db) in databases().await {
        let rows: Vec<_> = (0..200).map(|n| args![format!("account {n}"), n]).collect();
        let written = db.write(Statement::each(INSERT, rows).exactly(200)).await.unwrap();
        assert_eq!(written.affected(0), 200);
        let some = (0..200).step_by(2).map(|n| args![format!("account {n}"), n * 2]).collect();
        let moved = Statement::each("UPDATE accounts SET balance = $2 WHERE name = $1", some).exactly(99);
        let error = db.write(moved).await.unwrap_err();
        assert_eq!(error, Error::Expectation { statement: 0, expected: 99, found: 100 });
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_encoded_undoes_the_rows_around_it() {
    for (database, db) in databases().await {
        let rows = vec![args!["ann", 1], args!["bob", "not a number"], args!["cid", 1]];
        let error = db.write(Statement::each(INSERT, rows)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal, "{}: {error}", database.name);
        assert_eq!(count(&db).await, 0);
        db.write(insert("ann")).await.unwrap();
    }
}

#[tokio::test]
async fn rows_are_returned() {
    for (_database, db) in databases().await {
        db.write(vec![insert("ann"), insert("bob")]).await.unwrap();
        let claim = "UPDATE accounts SET balance = balance + $1 WHERE name <> $2 RETURNING name, balance";
        let written = db.write(Statement::new(claim, args![5, "bob"]).exactly(1)).await.unwrap();
        let row = &written.rows(0)[0];
        assert_eq!((row.get::<&str>(0).unwrap(), row.get::<i64>(1).unwrap()), ("ann", 5));
        assert_eq!(written.affected(0), 1);

        let none = db.write(Statement::new(claim, args![5, "bob"]).exactly(2)).await.unwrap_err();
        assert_eq!(none, Error::Expectation { statement: 0, expected: 2, found: 1 });
        let rows = db.query("SELECT balance FROM accounts WHERE name = 'ann'", args![]).await.unwrap();
        assert_eq!(rows[0].get::<i64>(0).unwrap(), 5);
    }
}

#[tokio::test]
async fn an_empty_batch_is_kept() {
    for (_database, db) in databases().await {
        assert!(db.write(Batch::new()).await.unwrap().outcomes.is_empty());
        assert!(db.write(Statement::each(INSERT, Vec::new())).await.unwrap().rows(0).is_empty());
    }
}

#[tokio::test]
async fn a_query_cannot_write() {
    for (_database, db) in databases().await {
        let error = db.query("INSERT INTO accounts VALUES ('ann', 0) RETURNING name", args![]).await;
        assert!(error.is_err());
        assert_eq!(count(&db).await, 0);
    }
}

#[tokio::test]
async fn a_closed_database_says_so() {
    for (_database, db) in databases().await {
        let clone = db.clone();
        db.write(insert("ann")).await.unwrap();
        db.close().await;
        db.close().await;
        assert_eq!(clone.write(insert("bob")).await.unwrap_err(), Error::Closed);
        assert_eq!(clone.ping().await.unwrap_err(), Error::Closed);
    }
}

#[tokio::test]
async fn an_unknown_url_is_refused() {
    let error = weir_db::Db::connect("mysql://root@db/weir").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
