//! Values come back as they were given.

use chrono::SubsecRound;
use uuid::Uuid;
use weir_base::{ErrorKind, ExecutionId, Timestamp};
use weir_db::{Error, Migration, Statement, Value, args};

use crate::databases;

const EVERYTHING: Migration = Migration {
    version: 2,
    name: "everything",
    sqlite: "CREATE TABLE everything (id BLOB PRIMARY KEY, truth INTEGER, big INTEGER, fraction REAL, words TEXT, raw BLOB, at INTEGER, small INTEGER) STRICT",
    postgres: "CREATE TABLE everything (id uuid PRIMARY KEY, truth boolean, big bigint, fraction double precision, words text, raw bytea, at timestamptz, small integer)",
};

const INSERT: &str =
    "INSERT INTO everything (id, truth, big, fraction, words, raw, at, small) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const SELECT: &str = "SELECT truth, big, fraction, words, raw, at, small, id FROM everything WHERE id = $1";

#[tokio::test]
async fn every_type_comes_back_as_it_was_given() {
    for (database, db) in databases().await {
        db.migrate("test", &[crate::ACCOUNTS, EVERYTHING]).await.unwrap();
        let id = ExecutionId::new();
        let now = chrono::Utc::now();
        let row = args![id, true, i64::MIN, 0.1, "grüße", vec![0_u8, 255], now, 7];
        db.write(Statement::new(INSERT, row)).await.unwrap();

        let rows = db.query(SELECT, args![id]).await.unwrap();
        let row = &rows[0];
        assert!(row.get::<bool>(0).unwrap(), "{}", database.name);
        assert_eq!(row.get::<i64>(1).unwrap(), i64::MIN);
        assert_eq!(row.get::<f64>(2).unwrap().to_bits(), 0.1_f64.to_bits());
        assert_eq!(row.get::<&str>(3).unwrap(), "grüße");
        assert_eq!(row.get::<Vec<u8>>(4).unwrap(), [0, 255]);
        assert_eq!(row.get::<Timestamp>(5).unwrap(), now.trunc_subsecs(6));
        assert_eq!(row.get::<i64>(6).unwrap(), 7);
        assert_eq!(row.get::<ExecutionId>(7).unwrap(), id);
        assert_eq!(row.get::<Uuid>(7).unwrap(), id.as_uuid());
    }
}

#[tokio::test]
async fn nothing_comes_back_as_nothing() {
    for (_database, db) in databases().await {
        db.migrate("test", &[crate::ACCOUNTS, EVERYTHING]).await.unwrap();
        let id = Uuid::now_v7();
        let mut row = vec![Value::Null; 8];
        row[0] = id.into();
        db.write(Statement::new(INSERT, row)).await.unwrap();

        let rows = db.query(SELECT, args![id]).await.unwrap();
        let row = &rows[0];
        assert_eq!(row.get::<Option<bool>>(0).unwrap(), None);
        assert_eq!(row.get::<Option<i64>>(1).unwrap(), None);
        assert_eq!(row.get::<Option<f64>>(2).unwrap(), None);
        assert_eq!(row.get::<Option<String>>(3).unwrap(), None);
        assert_eq!(row.get::<Option<Vec<u8>>>(4).unwrap(), None);
        assert_eq!(row.get::<Option<Timestamp>>(5).unwrap(), None);
        assert_eq!(row.get::<i64>(1).unwrap_err().kind(), ErrorKind::Internal);
    }
}

#[tokio::test]
async fn instants_before_1970_and_at_the_edge_of_microseconds_survive() {
    for (_database, db) in databases().await {
        db.migrate("test", &[crate::ACCOUNTS, EVERYTHING]).await.unwrap();
        for micros in [-1, 0, 1, -62_135_596_800_000_000, 253_402_300_799_999_999] {
            let (id, at) = (Uuid::now_v7(), Timestamp::from_timestamp_micros(micros).unwrap());
            db.write(Statement::new("INSERT INTO everything (id, at) VALUES ($1, $2)", args![id, at])).await.unwrap();
            let rows = db.query("SELECT at FROM everything WHERE id = $1", args![id]).await.unwrap();
            assert_eq!(rows[0].get::<Timestamp>(0).unwrap(), at);
        }
    }
}

#[tokio::test]
async fn a_nul_character_travels_inside_json_and_is_refused_bare() {
    for (_database, db) in databases().await {
        db.migrate("test", &[crate::ACCOUNTS, EVERYTHING]).await.unwrap();
        let (id, json) = (Uuid::now_v7(), r#"{"b":1.0,"a":"x\u0000y"}"#);
        db.write(Statement::new("INSERT INTO everything (id, words) VALUES ($1, $2)", args![id, json])).await.unwrap();
        let rows = db.query("SELECT words FROM everything WHERE id = $1", args![id]).await.unwrap();
        assert_eq!(rows[0].get::<String>(0).unwrap(), json);

        let bare = Statement::new("UPDATE everything SET words = $1", args!["x\0y"]);
        assert_eq!(db.write(bare).await.unwrap_err(), Error::Nul);
    }
}

#[tokio::test]
async fn placeholders_may_come_in_any_order_and_more_than_once() {
    for (_database, db) in databases().await {
        let sql = "INSERT INTO accounts (balance, name) VALUES ($2, $1) ON CONFLICT (name) DO UPDATE SET balance = $2";
        db.write(Statement::new(sql, args!["ann", 1])).await.unwrap();
        db.write(Statement::new(sql, args!["ann", 2])).await.unwrap();
        let rows = db.query("SELECT name, balance FROM accounts", args![]).await.unwrap();
        assert_eq!((rows[0].get::<&str>(0).unwrap(), rows[0].get::<i64>(1).unwrap()), ("ann", 2));
    }
}

#[tokio::test]
async fn a_wrong_number_of_arguments_is_refused() {
    for (_database, db) in databases().await {
        let sql = "INSERT INTO accounts (name, balance) VALUES ($1, $2)";
        let error = db.write(Statement::new(sql, args!["ann"])).await.unwrap_err();
        assert_eq!(error, Error::Arguments { sql: sql.to_owned(), expected: 2, given: 1 });
        let error = db.query("SELECT 1 WHERE $1 = 'x'", args![]).await.unwrap_err();
        assert!(matches!(error, Error::Arguments { expected: 1, given: 0, .. }), "{error}");
    }
}
