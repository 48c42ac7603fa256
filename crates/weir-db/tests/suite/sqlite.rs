//! What only SQLite has: a file of its own.

use weir_base::ErrorKind;
use weir_db::{Db, Error, Statement, args};

use crate::{ACCOUNTS, count};

#[tokio::test]
async fn a_database_is_opened_once_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("data/weir.db").display());
    let db = Db::connect(&url).await.unwrap();
    let error = Db::connect(&url).await.unwrap_err();
    assert_eq!(error, Error::InUse { path: folder.path().join("data/weir.db.lock") });
    db.close().await;
    Db::connect(&url).await.unwrap();
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("weir.db").display());
    let db = Db::connect(&url).await.unwrap();
    db.migrate("test", &[ACCOUNTS]).await.unwrap();
    db.write(Statement::new("INSERT INTO accounts VALUES ('ann', 0)", args![])).await.unwrap();
    db.close().await;
    assert!(!folder.path().join("weir.db-wal").exists(), "the last connection folds the log in");

    let db = Db::connect(&url).await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_snapshot_is_a_database_and_never_overwrites_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let db = Db::connect(&format!("sqlite:{}", file("weir.db").display())).await.unwrap();
    db.migrate("test", &[ACCOUNTS]).await.unwrap();
    db.write(Statement::new("INSERT INTO accounts VALUES ('ann', 0)", args![])).await.unwrap();
    db.sqlite().unwrap().snapshot(&file("copy.db")).await.unwrap();
    db.write(Statement::new("INSERT INTO accounts VALUES ('bob', 0)", args![])).await.unwrap();

    let error = db.sqlite().unwrap().snapshot(&file("copy.db")).await.unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
    let copy = Db::connect(&format!("sqlite:{}", file("copy.db").display())).await.unwrap();
    assert_eq!((count(&copy).await, count(&db).await), (1, 2));
}

#[tokio::test]
async fn a_path_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Db::connect(&format!("sqlite:{}/weir.db", file.display())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("file/weir.db"), "{error}");
}
