//! Sign-in by a real identity provider.

use serde_json::{Value, json};
use weir_base::{Role, WorkspaceId};
use weir_identity::{Config, Error, OidcConfig, Registration, Tokens};
use weir_testkit::OidcProvider;

use crate::support::{ADMIN, PASSWORD, Setup, World, account, client, worlds};

async fn installations(provider: &OidcProvider, registration: Registration) -> Vec<World> {
    let change = |config: &mut Config| {
        config.registration = registration;
        config.oidc = Some(OidcConfig {
            issuer: provider.issuer(),
            client_id: provider.client_id().to_owned(),
            client_secret: Some(provider.client_secret().to_owned()),
            redirect_url: None,
            scopes: Vec::new(),
        });
    };
    let worlds = worlds(&Setup { change: Some(&change), ..Setup::default() }).await;
    for world in &worlds {
        world.settle().await;
    }
    worlds
}

/// What the provider sends the browser back with.
fn returned(url: &str) -> (String, String) {
    let url: url::Url = url.parse().unwrap();
    assert!(url.as_str().starts_with("https://weir.example.com/auth/oidc/callback?"), "{url}");
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    (value("code"), value("state"))
}

async fn sign_in(world: &World, provider: &OidcProvider, subject: &str, claims: &Value) -> Result<Tokens, Error> {
    let beginning = world.identity.oidc_begin().await.unwrap();
    let (code, state) = returned(&provider.sign_in(beginning.url.as_str(), subject, claims).await);
    world.identity.oidc_finish(&code, &state, &beginning.cookie, &client()).await
}

fn claims(email: &str, verified: bool) -> Value {
    json!({ "email": email, "email_verified": verified, "name": "Ann Miller" })
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_needs_an_invitation_and_is_known_from_then_on() {
    let provider = OidcProvider::start();
    for world in installations(&provider, Registration::Invited).await {
        let ann = claims("ann@example.com", true);
        let refused = sign_in(&world, &provider, "ann|1", &ann).await.unwrap_err();
        assert!(matches!(refused, Error::RegistrationClosed), "{}: {refused:?}", world.name);
        let admin = world.admin().await;
        world.identity.members().invite(&admin, "Ann@example.com", Role::Analyst).await.unwrap();
        let unproven = sign_in(&world, &provider, "ann|1", &claims("ann@example.com", false)).await.unwrap_err();
        assert!(matches!(unproven, Error::Provider(_)), "{unproven:?}");
        let tokens = sign_in(&world, &provider, "ann|1", &ann).await.unwrap();
        let who = world.who(&tokens).await;
        assert_eq!((who.workspace, who.permissions), (WorkspaceId::FIRST, Role::Analyst.permissions()));
        let user = world.identity.me(&who).await.unwrap();
        assert_eq!((user.name.as_str(), user.has_password, user.email_verified), ("Ann Miller", false, true));
        // Another address, or none: the person is the same.
        let again = sign_in(&world, &provider, "ann|1", &claims("else@example.com", false)).await.unwrap();
        assert_eq!(again.user, tokens.user);
        let by_password = world.identity.login("ann@example.com", PASSWORD, &client()).await.unwrap_err();
        assert!(matches!(by_password, Error::InvalidCredentials));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_linked_by_an_address_that_both_sides_know() {
    let provider = OidcProvider::start();
    for world in installations(&provider, Registration::Open).await {
        let own = world.login(ADMIN).await;
        let linked = sign_in(&world, &provider, "admin|1", &claims(ADMIN, true)).await.unwrap();
        assert_eq!(linked.user, own.user, "{}", world.name);
        // Somebody registers with the address of another and waits for them to come.
        world.identity.register(account("ben@example.com", None), &client()).await.unwrap();
        let trapped = sign_in(&world, &provider, "ben|1", &claims("ben@example.com", true)).await.unwrap_err();
        assert!(matches!(trapped, Error::Provider(_)), "{trapped:?}");
        let newcomer = sign_in(&world, &provider, "cy|1", &claims("cy@example.com", true)).await.unwrap();
        let who = world.who(&newcomer).await;
        assert_ne!(who.workspace, WorkspaceId::FIRST);
        assert_eq!(who.permissions, Role::Admin.permissions());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_browser_that_began_can_finish_and_only_once_and_soon() {
    let provider = OidcProvider::start();
    for world in installations(&provider, Registration::Open).await {
        let (one, two) = (world.identity.oidc_begin().await.unwrap(), world.identity.oidc_begin().await.unwrap());
        let person = claims("ann@example.com", true);
        let (code, state) = returned(&provider.sign_in(one.url.as_str(), "ann|1", &person).await);
        let finish = async |code: &str, state: &str, cookie: &str| {
            world.identity.oidc_finish(code, state, cookie, &client()).await
        };
        let (_, other) = returned(&provider.sign_in(two.url.as_str(), "ann|1", &person).await);
        for refused in [
            finish(&code, &state, &two.cookie).await,
            finish(&code, &other, &one.cookie).await,
            finish(&code, "", &one.cookie).await,
            finish(&code, &state, "").await,
            finish(&code, &state, &format!("{}x", one.cookie)).await,
            // The code of one with the verifier of the other.
            finish(&code, &other, &two.cookie).await,
        ] {
            assert!(matches!(refused, Err(Error::Provider(_))), "{}: {refused:?}", world.name);
        }
        let three = world.identity.oidc_begin().await.unwrap();
        let (code, state) = returned(&provider.sign_in(three.url.as_str(), "ann|1", &person).await);
        finish(&code, &state, &three.cookie).await.unwrap();
        assert!(matches!(finish(&code, &state, &three.cookie).await, Err(Error::Provider(_))));
        let four = world.identity.oidc_begin().await.unwrap();
        let (code, state) = returned(&provider.sign_in(four.url.as_str(), "ann|1", &person).await);
        world.pass(10 * 60);
        assert!(matches!(finish(&code, &state, &four.cookie).await, Err(Error::Provider(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_said_to_be() {
    let provider = OidcProvider::start();
    let installations = installations(&provider, Registration::Open).await;
    drop(provider);
    for world in installations {
        let away = world.identity.oidc_begin().await.unwrap_err();
        assert_eq!(away.kind(), weir_base::ErrorKind::Unavailable, "{}: {away:?}", world.name);
    }
}
