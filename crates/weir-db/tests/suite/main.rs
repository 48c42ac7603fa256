//! What both databases must do, tested on both.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod batches;
mod groups;
mod migrations;
mod outages;
mod sqlite;
mod values;

use weir_db::{Db, Migration};
use weir_testkit::TestDatabase;

/// Both databases, empty but for one table.
async fn databases() -> Vec<(TestDatabase, Db)> {
    let mut opened = Vec::new();
    for database in weir_testkit::databases().await {
        let db = Db::connect(&database.url).await.unwrap();
        db.migrate("test", &[ACCOUNTS]).await.unwrap();
        opened.push((database, db));
    }
    opened
}

const ACCOUNTS: Migration = Migration {
    version: 1,
    name: "accounts",
    sqlite: "CREATE TABLE accounts (name TEXT PRIMARY KEY, balance INTEGER NOT NULL) STRICT;
             CREATE TABLE payments (account TEXT NOT NULL REFERENCES accounts (name)) STRICT;",
    postgres: "CREATE TABLE accounts (name text PRIMARY KEY, balance bigint NOT NULL);
               CREATE TABLE payments (account text NOT NULL REFERENCES accounts (name));",
};

/// The number of accounts.
async fn count(db: &Db) -> i64 {
    db.query("SELECT count(*) FROM accounts", Vec::new()).await.unwrap()[0].get(0).unwrap()
}
