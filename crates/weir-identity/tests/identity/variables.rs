//! Variables: on both databases.

use std::sync::Arc;

use serde_json::{Value, json};
use weir_base::{ErrorKind, PageRequest, Principal, SystemClock, WorkspaceId};
use weir_db::{Db, Statement, args};
use weir_identity::{Error, MAX_VARIABLE_BYTES, MAX_VARIABLES, MIGRATIONS, Variables};
use weir_testkit::TestDatabase;

/// Variables in an empty database.
struct Bench {
    variables: Variables,
    db: Db,
    database: TestDatabase,
    who: Principal,
}

async fn benches() -> Vec<Bench> {
    let mut benches = Vec::new();
    for database in weir_testkit::databases().await {
        let db = Db::connect(&database.url).await.unwrap();
        db.migrate("events", weir_events::MIGRATIONS).await.unwrap();
        db.migrate("identity", MIGRATIONS).await.unwrap();
        let variables = Variables::new(db.clone(), Arc::new(SystemClock));
        benches.push(Bench { variables, db, database, who: Principal::operator(WorkspaceId::new()) });
    }
    benches
}

#[tokio::test]
async fn variables_are_set_read_and_removed_by_version() {
    for Bench { variables, who, db, database } in benches().await {
        let first = variables.set(&who, "region", json!({ "name": "eu\0" }), Some(0)).await.unwrap();
        assert_eq!(variables.get(who.workspace, "region").await.unwrap(), first, "{}", database.name);
        let stale = variables.set(&who, "region", json!(1), Some(0)).await.unwrap_err();
        assert!(matches!(stale, Error::Stale { what: "variable", version: 1 }), "{stale}");
        let second = variables.set(&who, "region", json!([1, 2.5]), Some(1)).await.unwrap();
        assert_eq!((second.version, second.created_at), (2, first.created_at));
        variables.set(&who, "$limit_2", json!(null), None).await.unwrap();
        let all = variables.all(who.workspace).await.unwrap();
        assert_eq!(Value::Object(all), json!({ "$limit_2": null, "region": [1, 2.5] }));

        assert!(matches!(variables.delete(&who, "region", Some(1)).await, Err(Error::Stale { version: 2, .. })));
        variables.delete(&who, "region", Some(2)).await.unwrap();
        let gone = variables.get(who.workspace, "region").await.unwrap_err();
        assert!(matches!(&gone, Error::NoVariable(_)) && gone.kind() == ErrorKind::NotFound, "{gone}");
        assert!(matches!(variables.set(&who, "region", json!(1), Some(2)).await, Err(Error::Stale { version: 0, .. })));

        let rows = db.query("SELECT events FROM outbox ORDER BY position", Vec::new()).await.unwrap();
        let told: Vec<Value> = rows.iter().map(|row| serde_json::from_str(row.get(0).unwrap()).unwrap()).collect();
        let kinds: Vec<_> = told.iter().map(|events| events[0]["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["VariableSet", "VariableSet", "VariableSet", "VariableDeleted"]);
        assert_eq!(
            (&told[0][0]["subject"], &told[0][0]["data"]),
            (&json!("variable/region"), &json!({ "name": "region" }))
        );
    }
}

#[tokio::test]
async fn variables_of_another_workspace_are_not_there() {
    for Bench { variables, who, .. } in benches().await {
        variables.set(&who, "region", json!("eu"), None).await.unwrap();
        let stranger = Principal::operator(WorkspaceId::new());
        assert!(matches!(variables.get(stranger.workspace, "region").await, Err(Error::NoVariable(_))));
        assert!(matches!(variables.delete(&stranger, "region", None).await, Err(Error::NoVariable(_))));
        variables.set(&stranger, "region", json!("us"), Some(0)).await.unwrap();
        assert_eq!(variables.all(who.workspace).await.unwrap()["region"], "eu");
        assert_eq!(variables.list(stranger.workspace, &PageRequest::default()).await.unwrap().items.len(), 1);
    }
}

#[tokio::test]
async fn of_many_who_set_one_version_one_succeeds() {
    for Bench { variables, who, database, .. } in benches().await {
        for expected in [Some(0), Some(1), None] {
            let setting: Vec<_> = (0..12)
                .map(|number| {
                    let (variables, who) = (variables.clone(), who.clone());
                    tokio::spawn(async move { variables.set(&who, "count", json!(number), expected).await })
                })
                .collect();
            let mut done = 0;
            for set in setting {
                match set.await.unwrap() {
                    Ok(_) => done += 1,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Stale, "{error}"),
                }
            }
            assert_eq!(done, if expected.is_some() { 1 } else { 12 }, "{} {expected:?}", database.name);
        }
        assert_eq!(variables.get(who.workspace, "count").await.unwrap().version, 14);
    }
}

#[tokio::test]
async fn names_are_identifiers_and_values_have_bounds() {
    for Bench { variables, who, db, .. } in benches().await {
        for name in ["", "1a", "a-b", "a b", "ä", "a\0", "__proto__", &"x".repeat(101)] {
            let refused = variables.set(&who, name, json!(1), None).await.unwrap_err();
            assert!(matches!(refused, Error::Invalid { what: "name", .. }), "{name:?}: {refused}");
            assert!(matches!(variables.get(who.workspace, name).await, Err(Error::NoVariable(_))), "{name:?}");
        }
        let text = |bytes: usize| json!("x".repeat(bytes - 2));
        variables.set(&who, "long", text(MAX_VARIABLE_BYTES), None).await.unwrap();
        let refused = variables.set(&who, "longer", text(MAX_VARIABLE_BYTES + 1), None).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge, "{refused}");
        for number in 1..16 {
            variables.set(&who, &format!("long{number}"), text(MAX_VARIABLE_BYTES), None).await.unwrap();
        }
        let full = variables.set(&who, "short", json!(1), None).await.unwrap_err();
        assert!(matches!(full, Error::TooManyVariables), "{full}");
        variables.set(&who, "long", json!(1), None).await.unwrap();
        variables.set(&who, "short", json!(1), None).await.unwrap();

        let other = Principal::operator(WorkspaceId::new());
        let rows = (0..MAX_VARIABLES).map(|number| args![other.workspace, format!("v{number}")]).collect();
        let insert = "INSERT INTO variables (workspace_id, name, value, version, created_at, updated_at) \
                      SELECT $1, $2, '1', 1, created_at, created_at FROM variables WHERE name = 'short'";
        db.write(Statement::each(insert, rows)).await.unwrap();
        assert!(matches!(variables.set(&other, "more", json!(1), None).await, Err(Error::TooManyVariables)));
        variables.set(&other, "v1", json!(2), None).await.unwrap();
        let page = variables.list(other.workspace, &PageRequest::new(Some(2), None)).await.unwrap();
        assert_eq!(page.items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["v0", "v1"]);
        let next = variables.list(other.workspace, &PageRequest::new(Some(1), page.next)).await.unwrap();
        assert_eq!(next.items[0].name, "v10");
        assert_eq!(variables.all(other.workspace).await.unwrap().len(), MAX_VARIABLES);
    }
}
