//! The two databases every store must work on.

use tempfile::TempDir;

use crate::TestPostgres;

/// An empty database for one test.
#[derive(Debug)]
pub struct TestDatabase {
    /// `sqlite` or `postgres`, to name it when a test fails.
    pub name: &'static str,
    /// What `weir_db::Db::connect` takes.
    pub url: String,
    /// Goes away with this value.
    _folder: Option<TempDir>,
}

/// An empty SQLite database and an empty PostgreSQL database: a test loops over both.
///
/// # Panics
/// If either is not to be had.
pub async fn databases() -> [TestDatabase; 2] {
    let folder = tempfile::Builder::new().prefix("weir-sqlite-").tempdir().expect("a temporary folder");
    let sqlite = format!("sqlite:{}", folder.path().join("weir.db").display());
    let postgres = TestPostgres::shared().fresh_database().await;
    [
        TestDatabase { name: "sqlite", url: sqlite, _folder: Some(folder) },
        TestDatabase { name: "postgres", url: postgres, _folder: None },
    ]
}
