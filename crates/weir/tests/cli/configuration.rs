//! `config`, `doctor`, `completions`, `schema`, `migrate`.

use weir_db::{Db, Statement, args};

use crate::{Place, ended};

#[test]
fn config_tells_where_each_value_came_from_and_no_password() {
    let place = Place::new();
    place.write("weir.toml", "port = 1234\n");
    let mut command = place.command(&["config", "--json", "--data-dir", "elsewhere"]);
    command.env("DATABASE_URL", "postgres://weir:geheim@db/weir").env("WEIR_LOG_LEVEL", "debug");
    let ran = ended(command.output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    let told = ran.json();
    let value = |key: &str| {
        let values = told["values"].as_array().unwrap();
        let found = values.iter().find(|value| value["key"] == key).unwrap();
        (found["value"].as_str().unwrap().to_owned(), found["source"].as_str().unwrap().to_owned())
    };
    assert_eq!(value("database_url"), ("postgres://weir:***@db/weir".to_owned(), "DATABASE_URL".to_owned()));
    assert_eq!(value("port"), ("1234".to_owned(), "weir.toml".to_owned()));
    assert_eq!(value("data_dir"), ("elsewhere".to_owned(), "--data-dir".to_owned()));
    assert_eq!(value("log.level"), ("debug".to_owned(), "WEIR_LOG_LEVEL".to_owned()));
    assert_eq!(value("objects_url"), ("file:elsewhere/objects".to_owned(), "default".to_owned()));
    assert!(!ran.out.contains("geheim"));
}

#[test]
fn every_unknown_name_is_told_with_what_was_meant() {
    let place = Place::new();
    place.write("weir.toml", "prot = 1\n");
    let mut command = place.command(&["config", "--set", "http.alow=x"]);
    let ran = ended(command.env("WEIR_PROT", "1").output().unwrap());
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    for told in ["unknown key prot; did you mean port?", "WEIR_PROT; did you mean WEIR_PORT?", "mean http.allow?"] {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
}

#[test]
fn the_example_is_the_file_in_the_repository() {
    let ran = Place::new().run(&["config", "--example"]);
    assert_eq!(ran.out, include_str!("../../../../weir.example.toml"));
}

#[test]
fn the_doctor_finds_nothing_amiss_and_says_what_to_do_otherwise() {
    let place = Place::new();
    let ran = place.run(&["doctor", "--json", "--set", "port=0"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let names: Vec<_> = ran.json().as_array().unwrap().iter().map(|check| check["check"].clone()).collect();
    assert_eq!(names, ["data directory", "disk space", "disk flushes", "database", "object storage", "port"]);
    assert!(!place.path().join("weir-data").exists(), "looking makes nothing");

    place.write("file", "");
    let ran = place.run(&["doctor", "--data-dir", "file/data"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("FAIL  data directory: cannot write to "), "{}", ran.out);
    assert!(ran.out.contains("choose another folder with --data-dir"), "{}", ran.out);
}

#[test]
fn there_are_completions_a_schema_and_a_version() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let ran = place.run(&["completions", shell]);
        assert!(ran.code == 0 && ran.out.contains("validate"), "{shell}");
    }
    assert_eq!(place.run(&["completions", "cmd"]).code, 2);
    let types = place.run(&["schema"]).json()["$defs"]["Node"]["properties"]["type"]["enum"].clone();
    assert!(types.as_array().unwrap().contains(&"http_request".into()), "{types}");
    assert_eq!(place.run(&["--version"]).out, format!("weir {}\n", env!("CARGO_PKG_VERSION")));
    assert!(place.run(&["run", "--help"]).out.contains("Ctrl-C cancels it"));
    assert!(place.run(&["--help"]).out.contains("4  the execution ran out of time"));
}

#[tokio::test]
async fn a_used_database_is_copied_before_its_tables_change() {
    let place = Place::new();
    let ran = place.run(&["migrate", "--json"]);
    assert_eq!((ran.code, ran.json()["applied"].clone()), (0, true.into()));
    assert!(!place.path().join("weir-data/snapshots").exists(), "there was nothing to copy");
    assert_eq!(place.run(&["migrate", "--check"]).out, "the tables are up to date\n");

    let db = Db::connect(&format!("sqlite:{}/weir-data/weir.db", place.path().display())).await.unwrap();
    let forget = "DELETE FROM schema_migrations WHERE context = 'nodes' AND version = 1";
    db.write(Statement::new(forget, args![])).await.unwrap();
    db.write(Statement::new("DROP TABLE published_events", args![])).await.unwrap();
    db.close().await;

    let ran = place.run(&["migrate", "--check"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, "pending: nodes 1 (published_events)\n"), "{}", ran.err);
    assert_eq!(place.run(&["migrate"]).out, "applied: nodes 1 (published_events)\n");
    assert_eq!(std::fs::read_dir(place.path().join("weir-data/snapshots")).unwrap().count(), 1);
}
