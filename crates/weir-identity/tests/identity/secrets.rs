//! What is kept, and what is told, gives nobody anything to sign in with.

use weir_base::{Permission, Role};
use weir_identity::NewApiKey;

use crate::support::{ADMIN, PASSWORD, client, settled, token_of};

const TABLES: [&str; 11] = [
    "users",
    "members",
    "invitations",
    "sessions",
    "refresh_tokens",
    "api_keys",
    "signing_keys",
    "one_time_tokens",
    "login_failures",
    "oidc_links",
    "outbox",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_password_token_or_key_can_be_read_back() {
    for world in settled().await {
        let first = world.login(ADMIN).await;
        let second = world.identity.refresh(&first.refresh_token, &client()).await.unwrap();
        let admin = world.who(&second).await;
        let scopes = [Permission::WorkflowRead].into_iter().collect();
        let new = NewApiKey { name: "deploy".to_owned(), scopes, expires_at: None };
        let (key, text) = world.identity.api_keys().create(&admin, new).await.unwrap();
        let invited = world.identity.members().invite(&admin, "ann@example.com", Role::Viewer).await.unwrap();
        world.identity.request_reset(ADMIN, &client()).await.unwrap();
        world.identity.login(ADMIN, "a mistyped password", &client()).await.unwrap_err();
        let secrets = [
            PASSWORD.to_owned(),
            "a mistyped password".to_owned(),
            first.refresh_token,
            second.refresh_token,
            second.access_token,
            text[key.prefix.len() + 1..].to_owned(),
            token_of(&invited.link.unwrap()),
        ];
        let mut kept = format!("{:?}", world.events().await);
        for table in TABLES {
            let rows = world.db.query(format!("SELECT * FROM {table}"), vec![]).await.unwrap();
            kept.push_str(&format!("{rows:?}"));
        }
        for secret in secrets {
            // A blob is printed as the numbers of its bytes.
            let bytes = format!("{:?}", secret.as_bytes());
            let bytes = bytes.trim_matches(['[', ']']);
            assert!(!kept.contains(&secret) && !kept.contains(bytes), "{}: {secret}", world.name);
        }
    }
}
