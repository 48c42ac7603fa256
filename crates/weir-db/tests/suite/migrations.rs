//! Tables move forward, once, whoever moves them.

use tokio::task::JoinSet;
use weir_base::ErrorKind;
use weir_db::{Db, Error, Migration, args};

use crate::{ACCOUNTS, databases};

const NOTES: Migration = Migration {
    version: 2,
    name: "notes",
    sqlite: "CREATE TABLE notes (text TEXT NOT NULL); INSERT INTO notes VALUES ('made; twice?');",
    postgres: "CREATE TABLE notes (text text NOT NULL); INSERT INTO notes VALUES ('made; twice?');",
};

const BROKEN: Migration = Migration {
    version: 3,
    name: "broken",
    sqlite: "INSERT INTO notes VALUES ('never'); CREATE TABLE nonsense (;",
    postgres: "INSERT INTO notes VALUES ('never'); CREATE TABLE nonsense (;",
};

async fn notes(db: &Db) -> i64 {
    db.query("SELECT count(*) FROM notes", args![]).await.unwrap()[0].get(0).unwrap()
}

#[tokio::test]
async fn migrations_are_applied_once_and_in_order() {
    for database in weir_testkit::databases().await {
        let db = Db::connect(&database.url).await.unwrap();
        let all = [ACCOUNTS, NOTES];
        assert_eq!(db.pending_migrations("test", &all).await.unwrap().len(), 2);
        db.migrate("test", &all[..1]).await.unwrap();
        assert_eq!(db.pending_migrations("test", &all).await.unwrap()[0].name, "notes");
        db.migrate("test", &all).await.unwrap();
        db.migrate("test", &all).await.unwrap();
        assert!(db.pending_migrations("test", &all).await.unwrap().is_empty());
        assert_eq!(notes(&db).await, 1);
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    for (_database, db) in databases().await {
        let error = db.migrate("test", &[ACCOUNTS, NOTES, BROKEN]).await.unwrap_err();
        assert!(matches!(&error, Error::Migration { version: 3, name: "broken", .. }), "{error}");
        assert_eq!(notes(&db).await, 1);
        assert_eq!(db.pending_migrations("test", &[ACCOUNTS, NOTES, BROKEN]).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_database_made_by_a_newer_weir_is_refused() {
    for (_database, db) in databases().await {
        db.migrate("test", &[ACCOUNTS, NOTES]).await.unwrap();
        let expected = Error::Newer { context: "test".to_owned(), found: 2, known: 1 };
        assert_eq!(db.migrate("test", &[ACCOUNTS]).await.unwrap_err(), expected);
        assert_eq!(db.pending_migrations("test", &[ACCOUNTS]).await.unwrap_err(), expected);
        assert!(expected.to_string().contains("made by a newer weir"));
        assert_eq!(expected.kind(), ErrorKind::Internal);
    }
}

#[tokio::test]
async fn contexts_count_for_themselves() {
    for (_database, db) in databases().await {
        let mine = Migration { version: 1, ..NOTES };
        db.migrate("other", &[mine]).await.unwrap();
        assert_eq!(notes(&db).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_migrate_at_the_same_time() {
    for database in weir_testkit::databases().await {
        let shared = Db::connect(&database.url).await.unwrap();
        let mut racers = JoinSet::new();
        for _ in 0..8 {
            // On SQLite a process shares one handle; on PostgreSQL each stands for a process.
            let db = match shared.postgres() {
                Some(_) => Db::connect(&database.url).await.unwrap(),
                None => shared.clone(),
            };
            racers.spawn(async move { db.migrate("test", &[ACCOUNTS, NOTES]).await });
        }
        while let Some(done) = racers.join_next().await {
            done.unwrap().unwrap();
        }
        assert_eq!(notes(&shared).await, 1);
    }
}
