//! Signing in with a password.

use weir_base::Principal;
use weir_identity::{Denial, Error, PasswordCost};

use crate::support::{ADMIN, PASSWORD, Setup, World, client, settled, worlds};

#[tokio::test(flavor = "multi_thread")]
async fn a_password_signs_in_whatever_the_case_of_the_address() {
    for world in settled().await {
        let tokens = world.identity.login(" Admin@Example.COM ", PASSWORD, &client()).await.unwrap();
        let who = world.identity.authenticate(&tokens.access_token, None, client().address).await.unwrap();
        assert_eq!(who.actor.user(), Some(tokens.user), "{}", world.name);
        assert_eq!(who.address, client().address);
        let sessions = world.identity.sessions(&who).await.unwrap();
        assert_eq!(sessions.len(), 1);
        assert!(sessions[0].current);
        assert_eq!(sessions[0].user_agent.as_deref(), Some("a test"));
        assert_eq!(sessions[0].address.as_deref(), Some("192.0.2.7"));
        assert_eq!(world.identity.me(&who).await.unwrap().last_login_at, Some(world.now()));
        let told = world.events().await;
        let login = told.iter().find(|event| event.kind == "UserLoggedIn").unwrap();
        assert_eq!(login.address.as_deref(), Some("192.0.2.7"));
        assert_eq!(login.subject, format!("user/{}", tokens.user));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_costs_a_hash_and_is_answered_like_a_wrong_password() {
    for world in settled().await {
        let computed = || world.identity.hashes_computed();
        let before = computed();
        let wrong = world.identity.login(ADMIN, "not the password", &client()).await.unwrap_err();
        let between = computed();
        let unknown = world.identity.login("nobody@example.com", "not the password", &client()).await.unwrap_err();
        assert!(matches!(wrong, Error::InvalidCredentials));
        assert_eq!(wrong.to_string(), unknown.to_string());
        assert_eq!(between - before, 1);
        assert_eq!(computed() - between, 1, "{}: no hash was computed for an unknown address", world.name);
        let oversized = "x".repeat(100_000);
        let long = world.identity.login(ADMIN, &oversized, &client()).await.unwrap_err();
        assert!(matches!(long, Error::InvalidCredentials));
        assert_eq!(computed() - between, 2);
        let failed = world.told().await.iter().filter(|kind| *kind == "LoginFailed").count();
        assert_eq!(failed, 3);
    }
}

/// Fails to sign in; answers when the next attempt is looked at, if this one was not.
async fn fail(world: &World, email: &str) -> Option<i64> {
    match world.identity.login(email, "not the password", &client()).await.unwrap_err() {
        Error::InvalidCredentials => None,
        Error::LockedOut { until } => Some((until - world.now()).num_seconds()),
        error => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_failures_lock_an_address_for_a_minute_and_each_further_one_for_twice_as_long() {
    for world in settled().await {
        for email in ["nobody@example.com", ADMIN] {
            for _ in 0..5 {
                assert_eq!(fail(&world, email).await, None, "{} {email}", world.name);
            }
            for wait in [60, 120, 240, 480, 900, 900] {
                assert_eq!(fail(&world, email).await, Some(wait), "{} {email}", world.name);
                world.pass(wait.unsigned_abs() - 1);
                assert_eq!(fail(&world, email).await, Some(1));
                world.pass(1);
                assert_eq!(fail(&world, email).await, None);
            }
        }
        let locked = world.identity.login(ADMIN, PASSWORD, &client()).await.unwrap_err();
        assert!(matches!(locked, Error::LockedOut { .. }), "even with the password");
        world.pass(900);
        world.login(ADMIN).await;
        assert_eq!(fail(&world, ADMIN).await, None, "a success forgives");
        assert_eq!(fail(&world, ADMIN).await, None);
        assert!(world.told().await.contains(&"UserLockedOut".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_the_same_time_are_not_more_than_one_after_the_other() {
    for world in settled().await {
        let guesses: Vec<_> = (0..20)
            .map(|_| {
                let identity = world.identity.clone();
                tokio::spawn(async move { identity.login(ADMIN, "not the password", &client()).await.unwrap_err() })
            })
            .collect();
        let mut looked_at = 0;
        for guess in guesses {
            looked_at += u32::from(matches!(guess.await.unwrap(), Error::InvalidCredentials));
        }
        assert_eq!(looked_at, 5, "{}", world.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_of_another_cost_is_made_anew_at_the_next_login() {
    let dearer = |config: &mut weir_identity::Config| {
        config.password_cost = PasswordCost { memory_kib: 128, iterations: 2, lanes: 1 };
    };
    for world in worlds(&Setup { change: Some(&dearer), ..Setup::default() }).await {
        world.settle().await;
        let hash = || async {
            let rows = world.db.query("SELECT password_hash FROM users", vec![]).await.unwrap();
            rows[0].get::<String>(0).unwrap()
        };
        assert!(hash().await.starts_with("$argon2id$v=19$m=128,t=2,p=1$"), "{}", hash().await);
        let cheaper = world.another().await;
        cheaper.login(ADMIN, PASSWORD, &client()).await.unwrap();
        assert!(hash().await.contains("$m=64,t=1,p=1$"), "{}", hash().await);
        cheaper.login(ADMIN, PASSWORD, &client()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_change_the_password_may_do_nothing_before() {
    for world in worlds(&Setup::default()).await {
        let made = world.identity.ensure_first_admin(ADMIN, None).await.unwrap();
        let weir_identity::FirstAdmin::MadeWith(once) = made else { panic!("no password was given") };
        let tokens = world.identity.login(ADMIN, &once, &client()).await.unwrap();
        assert!(tokens.must_change_password);
        let who = world.who(&tokens).await;
        assert_eq!(who.permissions.iter().count(), 0, "{}", world.name);
        world.identity.change_password(&who, &once, PASSWORD).await.unwrap();
        let who = world.who(&tokens).await;
        assert!(who.permissions == Principal::operator(who.workspace).permissions);
        assert!(!world.login(ADMIN).await.must_change_password);
        let old = world.identity.login(ADMIN, &once, &client()).await.unwrap_err();
        assert!(matches!(old, Error::InvalidCredentials));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_changed_only_by_who_knows_it() {
    for world in settled().await {
        let (here, there) = (world.login(ADMIN).await, world.login(ADMIN).await);
        world.who(&there).await;
        let who = world.who(&here).await;
        let wrong = world.identity.change_password(&who, "not the password", "nine loud magpies").await.unwrap_err();
        assert!(matches!(wrong, Error::WrongPassword));
        let weak = world.identity.change_password(&who, PASSWORD, "password1234").await.unwrap_err();
        assert!(matches!(weak, Error::WeakPassword(_)));
        let same = world.identity.change_password(&who, PASSWORD, PASSWORD).await.unwrap_err();
        assert!(matches!(same, Error::WeakPassword(_)));
        world.identity.change_password(&who, PASSWORD, "nine loud magpies").await.unwrap();
        world.who(&here).await;
        let ended = world.identity.authenticate(&there.access_token, None, None).await.unwrap_err();
        assert!(matches!(ended, Error::Unauthenticated(Denial::Revoked)), "{}", world.name);
    }
}
