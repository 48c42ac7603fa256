//! `database` against real servers and files.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_base::Credential;
use weir_core::node_error::{ErrorClass, NodeError};
use weir_outbound::{HttpAccess, Outbound};
use weir_testkit::{TestMariaDb, TestPostgres};

use crate::support::Bench;

/// A bench with a fresh database of each sort.
async fn bench() -> Bench {
    let mut bench = Bench::new().await;
    for (name, url) in [
        ("postgres", TestPostgres::shared().fresh_database().await),
        ("mysql", TestMariaDb::shared().fresh_database().await),
        ("sqlite", "sqlite:shop.db".to_owned()),
    ] {
        bench.credentials.insert(name.to_owned(), Credential::Database { url });
    }
    bench
}

const ALL: [&str; 3] = ["postgres", "mysql", "sqlite"];

async fn change(bench: &Bench, credential: &str, sql: &str, params: Value) -> Value {
    let params = json!({"credential": credential, "sql": sql, "params": params, "allow_writes": true});
    bench.output("database", params).await
}

async fn ask(bench: &Bench, credential: &str, sql: &str, params: Value) -> Value {
    bench.output("database", json!({"credential": credential, "sql": sql, "params": params})).await
}

async fn fails(bench: &Bench, credential: &str, sql: &str) -> NodeError {
    bench.fails("database", json!({"credential": credential, "sql": sql})).await
}

#[tokio::test]
async fn values_go_in_by_params_and_come_out_as_rows() {
    let bench = bench().await;
    for name in ALL {
        change(&bench, name, "create table item (id bigint primary key, label varchar(200))", json!([])).await;
        let nasty = "x'); drop table item; -- \" \\ ` ä";
        let inserted = change(
            &bench,
            name,
            "insert into item values ($1, $2), ($3, $2)",
            json!([1, nasty, 9_007_199_254_740_993_i64]),
        )
        .await;
        assert_eq!((&inserted["affected"], &inserted["row_count"]), (&json!(2), &json!(0)), "{name}");
        let sql = "select id, label from item where label = :label and id >= :least order by id";
        let found = ask(&bench, name, sql, json!({"label": nasty, "least": 1})).await;
        assert_eq!(
            found["rows"],
            json!([{"id": 1, "label": nasty}, {"id": "9007199254740993", "label": nasty}]),
            "{name}"
        );
        assert_eq!((&found["affected"], &found["truncated"]), (&Value::Null, &json!(false)), "{name}");
        assert_eq!(found["columns"][0]["name"], "id");
        let key = change(&bench, name, "insert into item values (5, :idempotency_key)", json!({})).await;
        assert_eq!(key["affected"], 1, "{name}");
        let none = ask(&bench, name, "select id from item where label is null", json!({})).await;
        assert_eq!((&none["rows"], &none["row_count"]), (&json!([]), &json!(0)), "{name}");
    }
}

#[tokio::test]
async fn without_leave_nothing_is_changed_and_the_database_itself_sees_to_it() {
    let bench = bench().await;
    for name in ALL {
        change(&bench, name, "create table item (id int primary key)", json!([])).await;
        for sql in ["insert into item values (1)", "drop table item", "create table other (id int)"] {
            let error = fails(&bench, name, sql).await;
            assert_eq!(error.class, ErrorClass::Refused, "{name} {sql}: {}", error.message);
        }
    }
    // These begin like queries that read, and only the database knows better.
    change(
        &bench,
        "postgres",
        "create function sneak() returns int language sql as 'insert into item values (7) returning id'",
        json!([]),
    )
    .await;
    for sql in [
        "with gone as (insert into item values (1) returning id) select * from gone",
        "select sneak()",
        "select * into other from item",
        "explain analyze insert into item values (2)",
    ] {
        let error = fails(&bench, "postgres", sql).await;
        assert_eq!(error.class, ErrorClass::Refused, "{sql}: {}", error.message);
    }
    change(&bench, "mysql", "create sequence counter", json!([])).await;
    let error = fails(&bench, "mysql", "select nextval(counter)").await;
    assert_eq!(error.class, ErrorClass::Refused, "{}", error.message);
    let error = fails(&bench, "sqlite", "with one(id) as (select 1) insert into item select id from one").await;
    assert_eq!(error.class, ErrorClass::Refused, "{}", error.message);
    for name in ALL {
        assert_eq!(ask(&bench, name, "select id from item", json!([])).await["row_count"], 0, "{name}");
    }
}

#[tokio::test]
async fn nothing_of_a_session_is_left_for_the_next_query() {
    let bench = bench().await;
    let setting = "select set_config('default_transaction_read_only', 'off', false) as r, set_config('work_mem', '1MB', false) as m";
    ask(&bench, "postgres", setting, json!([])).await;
    change(&bench, "postgres", "select set_config('work_mem', '2MB', false)", json!([])).await;
    let row =
        ask(&bench, "postgres", "select current_setting('work_mem') as m, pg_backend_pid() as pid", json!([])).await;
    assert!(!["1MB", "2MB"].contains(&row["rows"][0]["m"].as_str().unwrap()), "{row}");
    let again = ask(&bench, "postgres", "select pg_backend_pid() as pid", json!([])).await;
    assert_eq!(row["rows"][0]["pid"], again["rows"][0]["pid"], "the connection is used again");
    ask(&bench, "mysql", "select @x := 5 as x", json!([])).await;
    let row = ask(&bench, "mysql", "select @x as x, connection_id() as id", json!([])).await;
    assert_eq!(row["rows"][0]["x"], Value::Null);
    let again = ask(&bench, "mysql", "select connection_id() as id", json!([])).await;
    assert_eq!(row["rows"][0]["id"], again["rows"][0]["id"], "the connection is used again");
}

#[tokio::test]
async fn the_types_of_postgresql_have_their_values() {
    let bench = bench().await;
    change(&bench, "postgres", "create type mood as enum ('glad', 'sad')", json!([])).await;
    let sql = "select true as t, 5::smallint as i2, 0.1::real as f4, 'NaN'::float8 as nan, 12.50::numeric as n, \
               0.00001234::numeric as small, -123456789012345678.9::numeric as big, 100000::numeric as round, \
               timestamptz '2026-01-02 03:04:05.6+02' as tz, timestamp '2026-01-02 03:04:05' as ts, \
               date '2026-01-02' as d, time '03:04:05.5' as tm, interval '1 year 2 months 3 days 04:05:06.7' as iv, \
               'infinity'::timestamptz as inf, '\\x0102'::bytea as b, '{\"a\":[1,null]}'::jsonb as j, '[1]'::json as j1, \
               array[1,2,null] as a, array['x','y\"z'] as texts, 'glad'::mood as mood, \
               '018f0000-0000-7000-8000-000000000001'::uuid as u, null::int as nothing, 'c'::varchar as c";
    let found = ask(&bench, "postgres", sql, json!([])).await;
    assert_eq!(
        found["rows"][0],
        json!({
            "t": true, "i2": 5, "f4": 0.1, "nan": "NaN", "n": 12.5, "small": 0.00001234,
            "big": "-123456789012345678.9", "round": 100_000, "tz": "2026-01-02T01:04:05.600Z",
            "ts": "2026-01-02T03:04:05", "d": "2026-01-02", "tm": "03:04:05.500", "iv": "P1Y2M3DT4H5M6.7S",
            "inf": "infinity", "b": "AQI=", "j": {"a": [1, null]}, "j1": [1], "a": [1, 2, null],
            "texts": ["x", "y\"z"], "mood": "glad", "u": "018f0000-0000-7000-8000-000000000001", "nothing": null,
            "c": "c",
        })
    );
    assert_eq!(found["columns"][2], json!({"name": "f4", "type": "float4"}));
    let sql = "select $1::int + 1 as i, $2::text[] as texts, $3::jsonb as j, $4::bytea as b, $5::timestamptz as tz, \
               $6::numeric as n, $7::mood as mood, $8::bool as flag, $9::int[] as grid";
    let params =
        json!([41, ["a\"b", null, "\\"], {"k": [1]}, "AQI=", "2026-01-02T03:04:05Z", "0.10", "sad", true, [1]]);
    let found = ask(&bench, "postgres", sql, params).await;
    assert_eq!(
        found["rows"][0],
        json!({"i": 42, "texts": ["a\"b", null, "\\"], "j": {"k": [1]}, "b": "AQI=", "tz": "2026-01-02T03:04:05Z",
               "n": 0.1, "mood": "sad", "flag": true, "grid": [1]})
    );
    let error = fails(&bench, "postgres", "select point(1, 2)").await;
    assert!(error.message.contains("::text"), "{}", error.message);
}

#[tokio::test]
async fn the_types_of_mysql_and_sqlite_have_their_values() {
    let bench = bench().await;
    change(
        &bench,
        "mysql",
        "create table kind (i tinyint, u bigint unsigned, d decimal(20,2), f float, g double, t varchar(20), b varbinary(4), \
         dt datetime(3), ts timestamp null, dd date, tm time, e enum('x','y'))",
        json!([]),
    )
    .await;
    let sql = "insert into kind values ($1, $2, $3, $4, $5, $6, unhex('0102ff'), $7, $8, $9, $10, 'y')";
    let params = json!([
        1,
        18_446_744_073_709_551_615_u64,
        "12.50",
        0.1,
        0.1,
        "grüße",
        "2026-01-02 03:04:05.5",
        "2026-01-02 03:04:05",
        "2026-01-02",
        "-25:00:01"
    ]);
    change(&bench, "mysql", sql, params).await;
    assert_eq!(
        ask(&bench, "mysql", "select * from kind", json!([])).await["rows"][0],
        json!({"i": 1, "u": "18446744073709551615", "d": 12.5, "f": 0.1, "g": 0.1, "t": "grüße", "b": "AQL/",
               "dt": "2026-01-02T03:04:05.500000", "ts": "2026-01-02T03:04:05Z", "dd": "2026-01-02", "tm": "-25:00:01",
               "e": "y"})
    );
    change(&bench, "sqlite", "create table made (id integer)", json!([])).await;
    let sql = "select :i as i, :r as r, :t as t, :n as n, :j as j, x'0102' as b, :f as f";
    let params = json!({"i": 5, "r": 1.5, "t": "grüße", "n": null, "j": {"k": [1]}, "f": true});
    assert_eq!(
        ask(&bench, "sqlite", sql, params).await["rows"][0],
        json!({"i": 5, "r": 1.5, "t": "grüße", "n": null, "j": "{\"k\":[1]}", "b": "AQI=", "f": 1})
    );
}

#[tokio::test]
async fn an_answer_ends_where_its_limits_are() {
    let bench = bench().await;
    change(&bench, "sqlite", "create table made (id integer)", json!([])).await;
    let numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 900) select i from n";
    for name in ALL {
        let params = json!({"credential": name, "sql": numbers, "max_rows": 450});
        let found = bench.output("database", params).await;
        assert_eq!((&found["row_count"], &found["truncated"]), (&json!(450), &json!(true)), "{name}");
        assert_eq!(found["rows"][449], json!({"i": 450}), "{name}");
        let whole = bench.output("database", json!({"credential": name, "sql": numbers, "max_rows": 900})).await;
        assert_eq!((&whole["row_count"], &whole["truncated"]), (&json!(900), &json!(false)), "{name}");
    }
    // 20 rows of a mebibyte.
    for (name, text) in
        [("postgres", "repeat('x', 1048576)"), ("mysql", "repeat('x', 1048576)"), ("sqlite", "hex(zeroblob(524288))")]
    {
        let sql = format!(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20) select i, {text} as t from n"
        );
        let found = ask(&bench, name, &sql, json!([])).await;
        assert_eq!((&found["row_count"], &found["truncated"]), (&json!(15), &json!(true)), "{name}");
    }
    for (param, value) in
        [("max_rows", json!(0)), ("statement_timeout_seconds", json!(0)), ("max_rows", json!(1_000_000))]
    {
        let error = bench.fails("database", json!({"credential": "sqlite", "sql": "select 1", param: value})).await;
        assert_eq!(error.source.as_deref(), Some(param));
    }
    let error = fails(&bench, "sqlite", "select 1 as a, 2 as a").await;
    assert!(error.message.contains("two columns"), "{}", error.message);
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_stopped_where_it_runs() {
    let bench = bench().await;
    change(&bench, "sqlite", "create table made (id integer)", json!([])).await;
    let forever = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as c from n";
    for (name, sql) in [
        ("postgres", "select pg_sleep(60)"),
        ("mysql", "select sleep(60), benchmark(1e12, md5('x'))"),
        ("sqlite", forever),
    ] {
        let begun = Instant::now();
        let params = json!({"credential": name, "sql": sql, "statement_timeout_seconds": 0.5});
        let error = bench.fails("database", params).await;
        assert_eq!(error.class, ErrorClass::Timeout, "{name}: {}", error.message);
        assert!(error.message.contains("0.5 s"), "{name}: {}", error.message);
        // Before the client's own patience of five seconds more ends.
        assert!(begun.elapsed() < Duration::from_secs(5), "{name}: {:?}", begun.elapsed());
    }
    // Who is cancelled goes at once.
    let ctx = bench.ctx();
    ctx.cancelled.cancel();
    let error = bench.node("database").run(&ctx, json!({"credential": "sqlite", "sql": forever})).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Cancelled);
}

#[tokio::test]
async fn one_statement_and_no_expression_is_a_query() {
    let bench = bench().await;
    change(&bench, "sqlite", "create table made (id integer)", json!([])).await;
    for name in ALL {
        for (sql, told) in [
            ("select 1; select 2", "more than one statement"),
            ("select {{ input.id }}", "no expressions"),
            ("select :missing", ":missing"),
            ("selec 1", "may not begin with SELEC"),
            ("set role postgres", "may not begin with SET"),
            ("commit", "may not begin with COMMIT"),
            ("select nothing from nowhere", "nowhere"),
        ] {
            let error = fails(&bench, name, sql).await;
            assert!(error.message.contains(told), "{name} {sql}: {}", error.message);
            assert!(!error.class.is_retried(), "{name} {sql}");
        }
    }
}

#[tokio::test]
async fn a_database_inside_is_not_reached_and_no_error_shows_its_password() {
    let mut bench = Bench::with(Outbound::new(HttpAccess::default()).unwrap()).await;
    let postgres = TestPostgres::shared().fresh_database().await;
    let mysql = TestMariaDb::shared().fresh_database().await;
    let aside = postgres.replace("127.0.0.1", "db.example.com") + "?hostaddr=127.0.0.1";
    let socket = "postgres://ann:s3cret@%2Ftmp/shop".to_owned();
    for url in [
        postgres.clone(),
        postgres.replace("127.0.0.1", "localhost"),
        mysql.clone(),
        mysql.replace("127.0.0.1", "[::1]"),
        "postgres://ann:s3cret@169.254.169.254/shop".to_owned(),
        "mysql://ann:s3cret@10.0.0.1/shop".to_owned(),
        aside,
        socket,
    ] {
        bench.credentials.insert("db".to_owned(), Credential::Database { url: url.clone() });
        let error = fails(&bench, "db", "select 1").await;
        assert!(matches!(error.class, ErrorClass::Refused | ErrorClass::Invalid), "{url}: {}", error.message);
        assert!(
            error.message.contains("http.allow") || error.message.contains("must name one host"),
            "{}",
            error.message
        );
    }
    let mut bench = Bench::new().await;
    let port = mysql.rsplit(':').next().unwrap().to_owned();
    for (url, class) in [
        (format!("mysql://weir:s3cret@127.0.0.1:{port}"), ErrorClass::Refused),
        ("mysql://ann:s3cret@127.0.0.1:1/shop".to_owned(), ErrorClass::Transient),
        ("postgres://ann:s3cret@127.0.0.1:1/shop".to_owned(), ErrorClass::Transient),
        ("postgres://ann:s3cret@127.0.0.1:port/shop".to_owned(), ErrorClass::Invalid),
        ("mysql://ann:s3cret@127.0.0.1:port/shop".to_owned(), ErrorClass::Invalid),
        ("oracle://ann:s3cret@127.0.0.1/shop".to_owned(), ErrorClass::Invalid),
    ] {
        bench.credentials.insert("db".to_owned(), Credential::Database { url: url.clone() });
        let error = fails(&bench, "db", "select 1").await;
        assert_eq!(error.class, class, "{url}: {}", error.message);
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    assert!(fails(&bench, "token", "select 1").await.message.contains("not of type database"));
}

#[tokio::test]
async fn sqlite_files_are_those_of_the_folder_and_no_others() {
    let mut bench = Bench::new().await;
    let folder = bench.folder.path().to_owned();
    std::fs::create_dir(folder.join("databases/team")).unwrap();
    std::os::unix::fs::symlink(folder.join("weir.db"), folder.join("databases/link.db")).unwrap();
    std::os::unix::fs::symlink(&folder, folder.join("databases/out")).unwrap();
    let own = folder.join("weir.db").display().to_string();
    for name in ["../weir.db", "link.db", "out/weir.db", "team/../../weir.db", own.as_str(), "/etc/passwd", "team", ""]
    {
        for url in [format!("sqlite:{name}"), format!("sqlite://{name}")] {
            bench.credentials.insert("db".to_owned(), Credential::Database { url: url.clone() });
            for allow_writes in [false, true] {
                let params = json!({"credential": "db", "sql": "select 1", "allow_writes": allow_writes});
                let error = bench.fails("database", params).await;
                assert_eq!(error.class, ErrorClass::Refused, "{url}: {}", error.message);
            }
        }
    }
    for url in ["sqlite:team/shop.db".to_owned(), format!("sqlite:{}/databases/team/shop.db", folder.display())] {
        bench.credentials.insert("db".to_owned(), Credential::Database { url });
        change(&bench, "db", "create table if not exists item (id integer)", json!([])).await;
        change(&bench, "db", "insert into item values (1)", json!([])).await;
        assert!(
            ask(&bench, "db", "select count(*) as c from item", json!([])).await["rows"][0]["c"].as_u64() >= Some(1)
        );
    }
    bench.credentials.insert("db".to_owned(), Credential::Database { url: "sqlite:none.db".to_owned() });
    assert_eq!(fails(&bench, "db", "select 1").await.class, ErrorClass::Invalid);
    for sql in ["attach 'weir.db' as w", "vacuum into 'copy.db'", "pragma query_only = off"] {
        let params = json!({"credential": "db", "sql": sql, "allow_writes": true});
        assert_eq!(bench.fails("database", params).await.class, ErrorClass::Refused, "{sql}");
    }
}

#[tokio::test]
async fn a_deadlock_is_worth_another_try() {
    let bench = bench().await;
    change(&bench, "postgres", "create table item (id int primary key, n int)", json!([])).await;
    change(&bench, "postgres", "insert into item values (1, 0), (2, 0)", json!([])).await;
    let crossing = |first: i32, second: i32| {
        let sql = "with one as (update item set n = n + 1 where id = $1 returning pg_sleep(0.3)), \
                   pause as materialized (select count(*) as c from one) \
                   update item set n = n + 1 from pause where id = $2 and pause.c = 1";
        let params = json!({"credential": "postgres", "sql": sql, "params": [first, second], "allow_writes": true});
        bench.run("database", params)
    };
    let (one, two) = tokio::join!(crossing(1, 2), crossing(2, 1));
    let [Err(error), Ok(_)] = (if one.is_err() { [one, two] } else { [two, one] }) else { panic!("one deadlocks") };
    assert_eq!(error.class, ErrorClass::Transient, "{}", error.message);
}
