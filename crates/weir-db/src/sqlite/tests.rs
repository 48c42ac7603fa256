//! A full disk, which only the writer's own connection can be made to see.

use crate::{Error, Statement, args};

use super::Sqlite;

async fn limit_pages(sqlite: &Sqlite, pages: u32) {
    let sql = format!("PRAGMA max_page_count = {pages}");
    sqlite.writer.run(move |connection| connection.query_row(&sql, [], |_| Ok(()))).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_full_disk_fails_the_batch_and_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(folder.path().join("weir.db")).await.unwrap();
    let table = Statement::new("CREATE TABLE blobs (raw BLOB NOT NULL)", args![]);
    sqlite.write(table.into()).await.unwrap();
    limit_pages(&sqlite, 16).await;

    let insert = |size: usize| Statement::new("INSERT INTO blobs VALUES ($1)", args![vec![7_u8; size]]);
    let error = sqlite.write(vec![insert(100), insert(1_000_000)].into()).await.unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    assert!(error.to_string().starts_with("the disk is full"), "{error}");

    sqlite.write(insert(100).into()).await.unwrap();
    limit_pages(&sqlite, 100_000).await;
    sqlite.write(insert(1_000_000).into()).await.unwrap();
    let rows = sqlite.query("SELECT count(*) FROM blobs".into(), args![]).await.unwrap();
    assert_eq!(rows[0].get::<i64>(0).unwrap(), 2);
}
