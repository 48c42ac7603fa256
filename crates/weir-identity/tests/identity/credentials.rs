//! Credentials: on both databases, with tokens of a real server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use weir_base::{
    Actor, Clock, Credential, CredentialId, ErrorKind, ManualClock, PageRequest, Principal, SessionId, Timestamp,
    UserId, WorkspaceId,
};
use weir_db::{Db, Statement, args};
use weir_identity::{CredentialUpdate, Credentials, Error, MIGRATIONS, SealedColumn, reseal};
use weir_outbound::{HttpAccess, Outbound};
use weir_testkit::TestDatabase;
use weir_vault::Keyring;

const OLD_KEY: &str = "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW_KEY: &str = "new:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

/// Credentials in an empty database.
struct Bench {
    credentials: Credentials,
    clock: Arc<ManualClock>,
    db: Db,
    database: TestDatabase,
    who: Principal,
}

async fn benches() -> Vec<Bench> {
    benches_reaching(&[]).await
}

async fn benches_reaching(allow: &[String]) -> Vec<Bench> {
    let mut benches = Vec::new();
    for database in weir_testkit::databases().await {
        let db = Db::connect(&database.url).await.unwrap();
        db.migrate("events", weir_events::MIGRATIONS).await.unwrap();
        db.migrate("identity", MIGRATIONS).await.unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_timestamp_micros(1_790_000_000_000_001).unwrap()));
        let access =
            HttpAccess { allow: allow.iter().map(|text| text.parse().unwrap()).collect(), ..HttpAccess::default() };
        let outbound = Outbound::new(access).unwrap();
        let keyring = Arc::new(Keyring::from_text(OLD_KEY).unwrap());
        let credentials = Credentials::new(db.clone(), keyring, outbound, Arc::clone(&clock) as _);
        let actor = Actor::User { user: UserId::new(), session: SessionId::new() };
        let who = Principal { actor, ..Principal::operator(WorkspaceId::new()) };
        benches.push(Bench { credentials, clock, db, database, who });
    }
    benches
}

impl Bench {
    /// The same credentials as a process with other keys has them.
    fn with_keys(&self, keys: &str) -> Credentials {
        let keyring = Arc::new(Keyring::from_text(keys).unwrap());
        let outbound = Outbound::new(HttpAccess::default()).unwrap();
        Credentials::new(self.db.clone(), keyring, outbound, Arc::clone(&self.clock) as _)
    }

    async fn secret(&self, name: &str) -> Option<Credential> {
        self.credentials.secret(self.who.workspace, name).await.unwrap()
    }

    async fn events(&self) -> Vec<Value> {
        let rows = self.db.query("SELECT events FROM outbox ORDER BY position", Vec::new()).await.unwrap();
        rows.iter().flat_map(|row| serde_json::from_str::<Vec<Value>>(row.get(0).unwrap()).unwrap()).collect()
    }

    async fn sealed_under(&self, key: &str) -> i64 {
        let query = "SELECT count(*) FROM credentials WHERE sealed LIKE $1";
        self.db.query(query, args![format!("v1.{key}.%")]).await.unwrap()[0].get(0).unwrap()
    }
}

fn bearer(token: &str) -> Credential {
    Credential::Bearer { token: token.to_owned() }
}

/// One of each type; every secret in it begins with `s3cret`.
fn one_of_each() -> Vec<(Credential, Value)> {
    let s = |text: &str| text.to_owned();
    vec![
        (bearer("s3cret-bearer"), json!({})),
        (Credential::Basic { username: s("ann"), password: s("s3cret-basic") }, json!({ "username": "ann" })),
        (Credential::ApiKey { header: s("X-Api-Key"), key: s("s3cret-key") }, json!({ "header": "X-Api-Key" })),
        (
            Credential::Oauth2Client {
                token_url: s("https://id.example/token?tenant=s3cret-tenant"),
                client_id: s("weir"),
                client_secret: s("s3cret-client"),
                scopes: vec![s("read")],
            },
            json!({ "token_url": "https://id.example/token", "client_id": "weir", "scopes": ["read"] }),
        ),
        (
            Credential::Smtp { url: s("smtps://ann:s3cret-mail@mail.example:465"), from: s("ann@example.com") },
            json!({ "scheme": "smtps", "host": "mail.example", "port": 465, "user": "ann", "from": "ann@example.com" }),
        ),
        (
            Credential::Database { url: s("postgres://ann:s3cret-db@db.example/shop?password=s3cret-query") },
            json!({ "scheme": "postgres", "host": "db.example", "user": "ann", "database": "shop" }),
        ),
        (
            Credential::Slack { secret: s("https://hooks.slack.com/services/s3cret-hook") },
            json!({ "sends_by": "webhook" }),
        ),
        (Credential::Signing { secret: s("s3cret-signing") }, json!({})),
        (Credential::Custom { fields: BTreeMap::from([(s("pin"), s("s3cret-pin"))]) }, json!({ "fields": ["pin"] })),
    ]
}

#[tokio::test]
async fn a_credential_is_shown_without_its_secret_and_given_to_nodes_with_it() {
    for bench in benches().await {
        for (credential, hints) in one_of_each() {
            let kind = credential.kind();
            let made = bench.credentials.create(&bench.who, kind, &credential).await.unwrap();
            let read = bench.credentials.get(bench.who.workspace, made.id).await.unwrap();
            assert_eq!(read, made, "{}", bench.database.name);
            assert_eq!((read.kind.as_str(), json!(read.hints)), (kind, hints));
            assert_eq!((read.version, read.created_by), (1, bench.who.actor.to_string()));
            if kind != "oauth2_client" {
                assert_eq!(bench.secret(kind).await, Some(credential));
            }
        }
        assert!(!format!("{:?}", bench.credentials).contains("s3cret"));
        assert_eq!(bench.secret("nobody").await, None);
    }
}

#[tokio::test]
async fn the_database_holds_no_secret() {
    for bench in benches().await {
        for (credential, _) in one_of_each() {
            let made = bench.credentials.create(&bench.who, credential.kind(), &credential).await.unwrap();
            let update = CredentialUpdate { name: None, credential: Some(credential) };
            bench.credentials.update(&bench.who, made.id, None, update).await.unwrap();
        }
        let rows = match bench.db.dialect() {
            weir_db::Dialect::Postgres => {
                let all = "SELECT c::text FROM credentials c UNION ALL SELECT o::text FROM outbox o";
                let rows = bench.db.query(all, Vec::new()).await.unwrap();
                rows.iter().map(|row| row.get::<String>(0).unwrap()).collect::<String>().into_bytes()
            }
            weir_db::Dialect::Sqlite => {
                let path = std::path::Path::new(bench.database.url.strip_prefix("sqlite:").unwrap());
                let files = std::fs::read_dir(path.parent().unwrap()).unwrap();
                files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
            }
        };
        let holds = |text: &str| rows.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("X-Api-Key"), "{}: the hints are not where they are looked for", bench.database.name);
        assert!(!holds("s3cret"), "{}: a secret lies open", bench.database.name);
    }
}

#[tokio::test]
async fn names_are_unique_in_their_workspace_whatever_the_case() {
    for bench in benches().await {
        let Bench { credentials, who, .. } = &bench;
        let made = credentials.create(who, "Ärger Shop", &bearer("one")).await.unwrap();
        let taken = credentials.create(who, "ärger shop", &bearer("two")).await.unwrap_err();
        assert!(matches!(&taken, Error::CredentialNameTaken(_)) && taken.kind() == ErrorKind::Conflict, "{taken}");
        assert_eq!(bench.secret("ÄRGER shop").await, Some(bearer("one")));
        let second = credentials.create(who, "second", &bearer("two")).await.unwrap();
        let renamed = |name: &str| CredentialUpdate { name: Some(name.to_owned()), credential: None };
        let taken = credentials.update(who, second.id, None, renamed("ÄRGER SHOP")).await.unwrap_err();
        assert!(matches!(taken, Error::CredentialNameTaken(_)), "{taken}");
        let moved = credentials.update(who, made.id, Some(1), renamed("ärger shop")).await.unwrap();
        assert_eq!((moved.name.as_str(), moved.version), ("ärger shop", 2));
        assert_eq!(bench.secret("ärger shop").await, Some(bearer("one")), "a rename keeps the secret");
        for name in ["", " a", "a ", "a/b", "-", "a\0b", &"x".repeat(101)] {
            let refused = credentials.create(who, name, &bearer("one")).await.unwrap_err();
            assert!(matches!(refused, Error::Invalid { what: "name", .. }), "{name:?}: {refused}");
        }
    }
}

#[tokio::test]
async fn credentials_of_another_workspace_are_not_there() {
    for bench in benches().await {
        let Bench { credentials, who, .. } = &bench;
        let made = credentials.create(who, "shop", &bearer("ours")).await.unwrap();
        let stranger = Principal::operator(WorkspaceId::new());
        let nothing = |error: Error| assert!(matches!(error, Error::NoCredential(id) if id == made.id), "{error}");
        nothing(credentials.get(stranger.workspace, made.id).await.unwrap_err());
        nothing(credentials.delete(&stranger, made.id, None).await.unwrap_err());
        let update = CredentialUpdate { credential: Some(bearer("theirs")), name: None };
        nothing(credentials.update(&stranger, made.id, None, update).await.unwrap_err());
        assert_eq!(credentials.secret(stranger.workspace, "shop").await.unwrap(), None);
        assert!(credentials.list(stranger.workspace, None, &PageRequest::default()).await.unwrap().items.is_empty());
        credentials.create(&stranger, "shop", &bearer("theirs")).await.unwrap();
        assert_eq!(bench.secret("shop").await, Some(bearer("ours")));
    }
}

#[tokio::test]
async fn what_is_moved_to_another_row_does_not_open() {
    for bench in benches().await {
        let Bench { credentials, who, .. } = &bench;
        let ours = credentials.create(who, "ours", &bearer("ours")).await.unwrap();
        let theirs = credentials.create(who, "theirs", &bearer("theirs")).await.unwrap();
        let copy = "UPDATE credentials SET sealed = (SELECT sealed FROM credentials WHERE id = $1) WHERE id = $2";
        bench.db.write(Statement::new(copy, args![theirs.id, ours.id]).exactly(1)).await.unwrap();
        let error = credentials.secret(who.workspace, "ours").await.unwrap_err();
        let tampered = matches!(&error, Error::Vault(error) if matches!(**error, weir_vault::Error::Tampered(_)));
        assert!(tampered, "{error}");
        assert_eq!(error.kind(), ErrorKind::Internal);
    }
}

#[tokio::test]
async fn of_many_who_change_one_version_one_succeeds() {
    for bench in benches().await {
        let made = bench.credentials.create(&bench.who, "shop", &bearer("first")).await.unwrap();
        let updates = |expected: Option<u64>| {
            let changes: Vec<_> = (0..12)
                .map(|number| {
                    let (credentials, who) = (bench.credentials.clone(), bench.who.clone());
                    let update = CredentialUpdate { credential: Some(bearer(&format!("t{number}"))), name: None };
                    tokio::spawn(async move { credentials.update(&who, made.id, expected, update).await })
                })
                .collect();
            async move {
                let mut outcomes = Vec::new();
                for change in changes {
                    outcomes.push(change.await.unwrap());
                }
                outcomes
            }
        };
        let (done, stale): (Vec<_>, Vec<_>) = updates(Some(1)).await.into_iter().partition(Result::is_ok);
        assert_eq!((done.len(), stale.len()), (1, 11), "{}", bench.database.name);
        for error in stale.into_iter().filter_map(Result::err) {
            assert!(matches!(error, Error::Stale { what: "credential", version: 2 }), "{error}");
        }
        assert!(updates(None).await.iter().all(Result::is_ok));
        assert_eq!(bench.credentials.get(bench.who.workspace, made.id).await.unwrap().version, 14);
        assert_eq!(bench.events().await.len(), 14, "an event a change, and none for what was refused");
    }
}

#[tokio::test]
async fn lists_are_by_name_in_pages_and_by_type() {
    for bench in benches().await {
        let Bench { credentials, who, .. } = &bench;
        for name in ["delta", "Alpha", "charlie", "Bravo"] {
            credentials.create(who, name, &bearer("token")).await.unwrap();
        }
        credentials.create(who, "echo", &Credential::Signing { secret: "key".to_owned() }).await.unwrap();
        let mut names = Vec::new();
        let mut cursor = None;
        loop {
            let page = credentials.list(who.workspace, None, &PageRequest::new(Some(2), cursor)).await.unwrap();
            names.extend(page.items.into_iter().map(|item| item.name));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(names, ["Alpha", "Bravo", "charlie", "delta", "echo"]);
        let signing = credentials.list(who.workspace, Some("signing"), &PageRequest::default()).await.unwrap();
        assert_eq!(signing.items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["echo"]);
    }
}

#[tokio::test]
async fn changes_are_told_and_a_deleted_credential_is_gone() {
    for bench in benches().await {
        let Bench { credentials, who, .. } = &bench;
        let made = credentials.create(who, "shop", &bearer("s3cret")).await.unwrap();
        let update = CredentialUpdate { credential: Some(bearer("s3cret2")), name: None };
        credentials.update(who, made.id, Some(1), update).await.unwrap();
        let stale = credentials.delete(who, made.id, Some(1)).await.unwrap_err();
        assert!(matches!(stale, Error::Stale { version: 2, .. }), "{stale}");
        credentials.delete(who, made.id, Some(2)).await.unwrap();
        assert_eq!(bench.secret("shop").await, None);
        assert!(matches!(credentials.delete(who, made.id, None).await, Err(Error::NoCredential(_))));
        let events = bench.events().await;
        let told: Vec<_> = events.iter().map(|event| (event["kind"].as_str().unwrap(), &event["data"])).collect();
        let data = json!({ "name": "shop", "type": "bearer" });
        let changed = json!({ "name": "shop", "type": "bearer", "secret_changed": true });
        assert_eq!(told, [("CredentialCreated", &data), ("CredentialUpdated", &changed), ("CredentialDeleted", &data)]);
        assert!(events.iter().all(|event| event["subject"] == format!("credential/{}", made.id)));
        assert_eq!(bench.sealed_under("old").await, 0);
    }
}

#[tokio::test]
async fn uses_are_noted_once_a_minute() {
    for bench in benches().await {
        let made = bench.credentials.create(&bench.who, "shop", &bearer("token")).await.unwrap();
        let noted = || async { bench.credentials.get(bench.who.workspace, made.id).await.unwrap().last_used_at };
        assert_eq!(noted().await, None);
        bench.secret("shop").await;
        let first = noted().await;
        assert!(first.is_some());
        bench.clock.advance(Duration::from_secs(59));
        bench.secret("shop").await;
        assert_eq!(noted().await, first);
        bench.clock.advance(Duration::from_secs(1));
        bench.secret("shop").await;
        assert!(noted().await > first);
        assert_eq!(bench.credentials.get(bench.who.workspace, made.id).await.unwrap().version, 1);
    }
}

#[tokio::test]
async fn a_shape_that_cannot_be_used_is_refused() {
    let s = |text: &str| text.to_owned();
    let oauth = |token_url: &str, scope: &str| Credential::Oauth2Client {
        token_url: s(token_url),
        client_id: s("id"),
        client_secret: s("secret"),
        scopes: vec![s(scope)],
    };
    let refused = [
        bearer(""),
        bearer("two words"),
        bearer("line\nbreak"),
        Credential::Basic { username: s("a:b"), password: s("x") },
        Credential::Basic { username: s("ann"), password: s("") },
        Credential::ApiKey { header: s("no header"), key: s("x") },
        Credential::ApiKey { header: s("X-Key"), key: s("ümlaut") },
        oauth("ftp://id.example/", "read"),
        oauth("https://user:secret@id.example/", "read"),
        oauth("https://id.example/", "two words"),
        Credential::Smtp { url: s("http://mail.example"), from: s("a@b") },
        Credential::Smtp { url: s("smtp://mail.example"), from: s("nobody") },
        Credential::Database { url: s("mssql://db/x") },
        Credential::Database { url: s("postgres:///x") },
        Credential::Slack { secret: s("token") },
        Credential::Signing { secret: s("") },
        Credential::Signing { secret: "x".repeat(64 * 1024) },
        Credential::Custom { fields: BTreeMap::new() },
        Credential::Custom { fields: BTreeMap::from([(s("a b"), s("x"))]) },
    ];
    let [bench, _] = &benches().await[..] else { panic!("two databases") };
    for credential in refused {
        let clear = serde_json::to_string(&credential).unwrap();
        let error = bench.credentials.create(&bench.who, "shop", &credential).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{clear}: {error}");
    }
    assert!(bench.events().await.is_empty());
}

/// So many rows the rotation has read that breaks off.
static READ: AtomicU32 = AtomicU32::new(0);

#[tokio::test]
async fn a_rotation_that_was_cut_off_is_finished_by_the_next() {
    for bench in benches().await {
        let Bench { credentials, who, db, .. } = &bench;
        for number in 0..250 {
            credentials.create(who, &format!("shop {number}"), &bearer(&format!("token{number}"))).await.unwrap();
        }
        let both = format!("{OLD_KEY},{NEW_KEY}");
        READ.store(0, Ordering::SeqCst);
        let breaking = SealedColumn {
            table: "credentials",
            key: "id",
            sealed: "sealed",
            context_columns: &["workspace_id", "id"],
            context: |row| match READ.fetch_add(1, Ordering::SeqCst) {
                150 => Err(weir_db::Error::Closed),
                _ => Ok(format!("credential/{}/{}", row.get::<WorkspaceId>(0)?, row.get::<CredentialId>(1)?)),
            },
        };
        reseal(db, &Keyring::from_text(&both).unwrap(), &breaking).await.unwrap_err();
        assert_eq!((bench.sealed_under("old").await, bench.sealed_under("new").await), (150, 100));
        let key = Keyring::from_text(OLD_KEY).unwrap().seal(b"key", "signing_key/k1");
        let insert = "INSERT INTO signing_keys (kid, secret, created_at, retires_at) VALUES ($1, $2, $3, $3)";
        db.write(Statement::new(insert, args!["k1", key, bench.clock.now()])).await.unwrap();
        let rotating = bench.with_keys(&both);
        assert_eq!(rotating.secret(who.workspace, "shop 7").await.unwrap(), Some(bearer("token7")));

        let lost = CredentialId::new();
        let copy = "INSERT INTO credentials (id, workspace_id, name, name_key, kind, hints, sealed, version, created_by, \
                    created_at, updated_at) SELECT $1, workspace_id, 'lost', 'lost', kind, hints, 'v1.gone.AAAA.AAAA', \
                    version, created_by, created_at, updated_at FROM credentials WHERE name_key = 'shop 1'";
        db.write(Statement::new(copy, args![lost]).exactly(1)).await.unwrap();
        let done = rotating.reseal_all(who).await.unwrap();
        assert_eq!((done.changed, done.unreadable), (151, 1), "{}", bench.database.name);
        assert_eq!((bench.sealed_under("old").await, bench.sealed_under("new").await), (0, 250));
        let again = rotating.reseal_all(who).await.unwrap();
        assert_eq!((again.changed, again.unreadable), (0, 1));

        let rows = db.query("SELECT secret FROM signing_keys", Vec::new()).await.unwrap();
        let opened = Keyring::from_text(NEW_KEY).unwrap().open(rows[0].get(0).unwrap(), "signing_key/k1").unwrap();
        assert_eq!(opened.as_slice(), b"key");
        let later = bench.with_keys(NEW_KEY);
        for number in 0..250 {
            let secret = later.secret(who.workspace, &format!("shop {number}")).await.unwrap();
            assert_eq!(secret, Some(bearer(&format!("token{number}"))));
        }
        let told = bench.events().await.into_iter().find(|event| event["kind"] == "CredentialsRotated").unwrap();
        assert_eq!((&told["workspace"], &told["data"]["key"]), (&Value::Null, &json!("new")));
    }
}

/// A server of tokens that counts how often it is asked.
#[derive(Clone, Default)]
struct TokenServer {
    asked: Arc<AtomicU32>,
}

async fn give(State(server): State<TokenServer>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let number = server.asked.fetch_add(1, Ordering::SeqCst) + 1;
    // Whoever asks meanwhile must wait, not ask as well.
    tokio::time::sleep(Duration::from_millis(50)).await;
    // `weir:s3cret+%26`, the secret being `s3cret &`.
    let by_header = headers.get(header::AUTHORIZATION).is_some_and(|value| value == "Basic d2VpcjpzM2NyZXQrJTI2");
    let refused =
        |status, code: &str| (status, json!({ "error": code, "error_description": "not s3cret &" }).to_string());
    if body.contains("scope=away") {
        return (StatusCode::BAD_GATEWAY, "<html>".to_owned());
    }
    if body.contains("scope=forbidden") {
        return refused(StatusCode::BAD_REQUEST, "invalid_scope");
    }
    if body.contains("scope=in_body") && !body.contains("client_id=weir&client_secret=s3cret+%26") {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    if !by_header && !body.contains("scope=in_body") {
        return refused(StatusCode::UNAUTHORIZED, "unauthorized_client");
    }
    assert!(body.starts_with("grant_type=client_credentials"), "{body}");
    (
        StatusCode::OK,
        json!({ "access_token": format!("t{number}"), "token_type": "Bearer", "expires_in": "300" }).to_string(),
    )
}

#[tokio::test]
async fn a_client_of_oauth_comes_as_a_token_that_is_fetched_once_until_it_expires() {
    let server = TokenServer::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let elsewhere = (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/token")]);
    let app = Router::new()
        .route("/token", post(give))
        .route("/moved", post(move || async move { elsewhere }))
        .with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let client = |path: &str, scope: &str| Credential::Oauth2Client {
        token_url: format!("http://{address}{path}"),
        client_id: "weir".to_owned(),
        client_secret: "s3cret &".to_owned(),
        scopes: vec![scope.to_owned()],
    };
    for bench in benches_reaching(&[address.to_string()]).await {
        let Bench { credentials, who, clock, .. } = &bench;
        let asked = || server.asked.swap(0, Ordering::SeqCst);
        let made = credentials.create(who, "shop", &client("/token", "read")).await.unwrap();
        let asking: Vec<_> = (0..50)
            .map(|_| {
                let (credentials, workspace) = (credentials.clone(), who.workspace);
                tokio::spawn(async move { credentials.secret(workspace, "shop").await })
            })
            .collect();
        for task in asking {
            assert_eq!(task.await.unwrap().unwrap(), Some(bearer("t1")), "{}", bench.database.name);
        }
        assert_eq!(asked(), 1);
        clock.advance(Duration::from_secs(239));
        bench.secret("shop").await;
        assert_eq!(asked(), 0);
        clock.advance(Duration::from_secs(1));
        bench.secret("shop").await;
        assert_eq!(asked(), 1, "a minute before its end a token is renewed");

        let update = CredentialUpdate { credential: Some(client("/token", "in_body")), name: None };
        credentials.update(who, made.id, None, update).await.unwrap();
        assert_eq!(bench.secret("shop").await, Some(bearer("t2")));
        assert_eq!(asked(), 2, "a changed credential asks anew, a second time with the secret in the body");

        let failing = [
            ("/token", "away", ErrorKind::Unavailable, "status 502"),
            ("/token", "forbidden", ErrorKind::Invalid, "status 400, invalid_scope, not ***"),
            ("/moved", "read", ErrorKind::Invalid, "status 307"),
        ];
        for (path, scope, kind, reason) in failing {
            credentials.create(who, scope, &client(path, scope)).await.unwrap();
            let error = credentials.secret(who.workspace, scope).await.unwrap_err();
            assert_eq!((error.kind(), error.to_string()), (kind, format!("no token from 127.0.0.1: {reason}")));
            asked();
            credentials.secret(who.workspace, scope).await.unwrap_err();
            assert_eq!(asked(), 0, "who comes right after takes the same answer");
            clock.advance(Duration::from_secs(1));
            credentials.secret(who.workspace, scope).await.unwrap_err();
            assert_eq!(asked(), u32::from(path == "/token"));
        }
    }
    for bench in benches().await {
        bench.credentials.create(&bench.who, "inside", &client("/token", "read")).await.unwrap();
        let error = bench.credentials.secret(bench.who.workspace, "inside").await.unwrap_err();
        assert!(matches!(&error, Error::Token(failure) if !failure.is_transient), "{error}");
        assert_eq!(server.asked.load(Ordering::SeqCst), 0, "a private address is not asked");
    }
}
