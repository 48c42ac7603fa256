//! People who are signed in, for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use weir_base::{Clock as _, ManualClock, Permissions, Principal, Role, SystemClock, UserId, WorkspaceId};
use weir_cache::Cache;
use weir_db::Db;
use weir_identity::{
    Client, Config, FirstAdmin, Identity, NewAccount, NewApiKey, NewWorkspace, Parts, PasswordCost, Registered,
};
use weir_vault::Keyring;

const KEY: &str = "one:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const ADMIN: &str = "admin@example.com";
const PASSWORD: &str = "four brown ducks on 7 rivers";

/// Who may sign in, and the clock by which they do.
#[derive(Clone)]
pub(crate) struct People {
    pub(crate) identity: Identity,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keyring: Arc<Keyring>,
    db: Db,
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) principal: Principal,
    pub(crate) user: UserId,
}

impl People {
    pub(crate) async fn open(db: &Db) -> Self {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let keyring = Arc::new(Keyring::from_text(KEY).unwrap());
        let mut config = Config::new("http://weir.test/".parse().unwrap());
        config.password_cost = PasswordCost { memory_kib: 8, iterations: 1, lanes: 1 };
        let parts = Parts {
            db: db.clone(),
            keyring: Arc::clone(&keyring),
            cache: Cache::memory(1 << 20),
            clock: Arc::clone(&clock) as _,
            mailer: None,
            http: reqwest::Client::new(),
            config,
        };
        Self { identity: Identity::open(parts).await.unwrap(), clock, keyring, db: db.clone() }
    }

    /// The admin of the first workspace, who administers the installation as well.
    pub(crate) async fn admin(&self) -> Person {
        let made = self.identity.ensure_first_admin(ADMIN, Some(PASSWORD)).await.unwrap();
        assert!(matches!(made, FirstAdmin::Made | FirstAdmin::Present));
        self.sign_in(ADMIN).await
    }

    /// Somebody with this role in this workspace and no other.
    pub(crate) async fn member(&self, workspace: WorkspaceId, role: Role) -> Person {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let email = format!("{role}-{}@example.com", COUNT.fetch_add(1, Ordering::Relaxed));
        let inviting = Principal::operator(workspace);
        let invited = self.identity.members().invite(&inviting, &email, role).await.unwrap();
        let link = invited.link.unwrap();
        let token = link.split_once("token=").unwrap().1.to_owned();
        let account = NewAccount {
            email: email.clone(),
            name: "Test Person".to_owned(),
            password: PASSWORD.to_owned(),
            invitation: Some(token),
        };
        let registered = self.identity.register(account, &Client::default()).await.unwrap();
        assert!(matches!(registered, Registered::SignedIn(_)));
        self.sign_in(&email).await
    }

    /// A workspace that none of the others belongs to.
    pub(crate) async fn workspace(&self, name: &str) -> WorkspaceId {
        let operator = Principal::operator(WorkspaceId::FIRST);
        let new = NewWorkspace { name: name.to_owned(), slug: None };
        self.identity.workspaces().create(&operator, new).await.unwrap().id
    }

    /// A key of this person with these permissions.
    pub(crate) async fn key(&self, person: &Person, scopes: Permissions) -> String {
        let new = NewApiKey { name: "test".to_owned(), scopes, expires_at: None };
        self.identity.api_keys().create(&person.principal, new).await.unwrap().1
    }

    /// A token with these claims in place of the real ones, well signed.
    pub(crate) async fn forged(&self, person: &Person, claims: &serde_json::Value) -> String {
        let rows = self.db.query("SELECT kid, secret FROM signing_keys", weir_db::args![]).await.unwrap();
        let (kid, sealed): (String, String) = (rows[0].get(0).unwrap(), rows[0].get(1).unwrap());
        let secret = self.keyring.open(&sealed, &format!("signing_key/{kid}")).unwrap();
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(kid);
        let mut all = claims_of(&person.token);
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        jsonwebtoken::encode(&header, &all, &jsonwebtoken::EncodingKey::from_secret(&secret)).unwrap()
    }

    /// Signs this person in once more; the token.
    pub(crate) async fn again(&self, person: &Person) -> String {
        self.sign_in(&person.email).await.token
    }

    async fn sign_in(&self, email: &str) -> Person {
        let tokens = self.identity.login(email, PASSWORD, &Client::default()).await.unwrap();
        let principal = self.identity.authenticate(&tokens.access_token, None, None).await.unwrap();
        Person { email: email.to_owned(), token: tokens.access_token, principal, user: tokens.user }
    }
}

/// What a token says.
pub(crate) fn claims_of(token: &str) -> serde_json::Value {
    use base64::Engine as _;
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    serde_json::from_slice(&claims).unwrap()
}
