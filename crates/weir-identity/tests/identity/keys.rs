//! API keys.

use std::time::Duration;

use weir_base::{PageRequest, Permission, Permissions, Principal, Role, WorkspaceId};
use weir_identity::{Denial, Error, MemberUpdate, NewApiKey, NewWorkspace};

use crate::support::{ADMIN, World, settled};

fn key(scopes: &[Permission]) -> NewApiKey {
    NewApiKey { name: "deploy".to_owned(), scopes: scopes.iter().copied().collect(), expires_at: None }
}

async fn denied(world: &World, text: &str) -> Denial {
    match world.identity.authenticate(text, None, None).await {
        Err(Error::Unauthenticated(denial)) => denial,
        other => panic!("{}: {other:?}", world.name),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_allows_its_scopes_and_no_more_than_its_owner_may() {
    for world in settled().await {
        let admin = world.admin().await;
        let ann = world.join("ann@example.com", Role::Developer).await;
        let who = world.who(&ann).await;
        let beyond = world.identity.api_keys().create(&who, key(&[Permission::MemberWrite])).await.unwrap_err();
        assert!(matches!(beyond, Error::BeyondOwn(Permission::MemberWrite)));
        let empty = world.identity.api_keys().create(&who, key(&[])).await.unwrap_err();
        assert!(matches!(empty, Error::Invalid { what: "scopes", .. }));
        let scopes = [Permission::ExecutionRun, Permission::WorkflowWrite];
        let (made, text) = world.identity.api_keys().create(&who, key(&scopes)).await.unwrap();
        assert!(text.starts_with(&made.prefix) && text.len() == 71, "{text}");
        let by_key = world.identity.authenticate(&text, None, None).await.unwrap();
        assert_eq!(by_key.permissions, scopes.into_iter().collect::<Permissions>(), "{}", world.name);
        assert_eq!(by_key.actor.to_string(), format!("key:{}", made.id));
        let stored = world.db.query("SELECT * FROM api_keys", vec![]).await.unwrap();
        assert!(!format!("{stored:?}").contains(&text[28..]), "the secret is kept nowhere");

        let demoted = MemberUpdate { role: Some(Role::Analyst), extra: None };
        world.identity.members().update(&admin, ann.user, None, demoted).await.unwrap();
        let by_key = world.identity.authenticate(&text, None, None).await.unwrap();
        assert_eq!(by_key.permissions, [Permission::ExecutionRun].into_iter().collect());
        let ann_now = world.who(&ann).await;
        let wider = world.identity.api_keys().create(&ann_now, key(&[Permission::WorkflowWrite])).await.unwrap_err();
        assert!(matches!(wider, Error::BeyondOwn(_)), "nobody makes a key that is wider than they are");

        world.identity.members().remove(&admin, ann.user).await.unwrap();
        let out = world.identity.authenticate(&text, None, None).await.unwrap_err();
        assert!(matches!(out, Error::Unauthenticated(Denial::Revoked)), "{out:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_expired_or_not_quite_right_opens_nothing() {
    for world in settled().await {
        let admin = world.admin().await;
        let keys = world.identity.api_keys();
        let (made, text) = keys.create(&admin, key(&[Permission::WorkflowRead])).await.unwrap();
        world.identity.authenticate(&text, None, None).await.unwrap();
        let last = if text.ends_with('A') { "E" } else { "A" };
        assert_eq!(denied(&world, &format!("{}{last}", &text[..70])).await, Denial::Forged);
        assert_eq!(denied(&world, &text[..70]).await, Denial::Malformed);
        assert_eq!(denied(&world, "weir_").await, Denial::Malformed);
        keys.revoke(&admin, made.id).await.unwrap();
        assert_eq!(denied(&world, &text).await, Denial::Revoked, "{}", world.name);
        keys.revoke(&admin, made.id).await.unwrap();
        let revoked = world.told().await.iter().filter(|kind| *kind == "ApiKeyRevoked").count();
        assert_eq!(revoked, 1, "revoking twice tells once");

        let past = NewApiKey { expires_at: Some(world.now()), ..key(&[Permission::WorkflowRead]) };
        assert!(matches!(keys.create(&admin, past).await, Err(Error::Invalid { what: "expires_at", .. })));
        let soon = world.now() + Duration::from_secs(60);
        let short = NewApiKey { expires_at: Some(soon), ..key(&[Permission::WorkflowRead]) };
        let (_, text) = keys.create(&admin, short).await.unwrap();
        world.pass(59);
        world.identity.authenticate(&text, None, None).await.unwrap();
        world.pass(1);
        assert_eq!(denied(&world, &text).await, Denial::Expired);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_is_noted_at_most_once_a_minute() {
    for world in settled().await {
        let admin = world.admin().await;
        let keys = world.identity.api_keys();
        let (made, text) = keys.create(&admin, key(&[Permission::WorkflowRead])).await.unwrap();
        let first = world.now();
        world.identity.authenticate(&text, None, None).await.unwrap();
        world.pass(59);
        world.identity.authenticate(&text, None, None).await.unwrap();
        assert_eq!(keys.get(&admin, made.id).await.unwrap().last_used_at, Some(first), "{}", world.name);
        world.pass(1);
        world.identity.authenticate(&text, None, None).await.unwrap();
        assert_eq!(keys.get(&admin, made.id).await.unwrap().last_used_at, Some(world.now()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_makes_keys_that_end_with_it_at_the_latest() {
    for world in settled().await {
        let admin = world.admin().await;
        let keys = world.identity.api_keys();
        let soon = world.now() + std::time::Duration::from_secs(3600);
        let short = NewApiKey { expires_at: Some(soon), ..key(&[Permission::KeyOwn, Permission::WorkflowRead]) };
        let (short, text) = keys.create(&admin, short).await.unwrap();
        let program = world.identity.authenticate(&text, None, None).await.unwrap();
        let (for_ever, _) = keys.create(&program, key(&[Permission::WorkflowRead])).await.unwrap();
        assert_eq!(for_ever.expires_at, short.expires_at, "{}", world.name);
        let wider = keys.create(&program, key(&[Permission::WorkflowWrite])).await.unwrap_err();
        assert!(matches!(wider, Error::BeyondOwn(_)), "{wider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_seen_and_revoked_by_their_owner_and_by_admins_of_their_workspace() {
    for world in settled().await {
        let admin = world.admin().await;
        let (ann, ben) = (
            world.join("ann@example.com", Role::Developer).await,
            world.join("ben@example.com", Role::Developer).await,
        );
        let (ann, ben) = (world.who(&ann).await, world.who(&ben).await);
        let keys = world.identity.api_keys();
        let (made, text) = keys.create(&ann, key(&[Permission::WorkflowRead])).await.unwrap();
        assert!(matches!(keys.get(&ben, made.id).await, Err(Error::NoApiKey(_))));
        assert!(matches!(keys.revoke(&ben, made.id).await, Err(Error::NoApiKey(_))));
        let count = |who: Principal| {
            let keys = keys.clone();
            async move { keys.list(&who, &PageRequest::default()).await.unwrap().items.len() }
        };
        assert_eq!(
            (count(ann.clone()).await, count(ben).await, count(admin.clone()).await),
            (1, 0, 1),
            "{}",
            world.name
        );

        let new = NewWorkspace { name: "Elsewhere".to_owned(), slug: None };
        let elsewhere = world.identity.workspaces().create(&admin, new).await.unwrap().id;
        let token = world.login(ADMIN).await.access_token;
        let there = world.identity.authenticate(&token, Some(elsewhere), None).await.unwrap();
        assert!(matches!(keys.get(&there, made.id).await, Err(Error::NoApiKey(_))), "of another workspace");
        assert!(matches!(keys.revoke(&there, made.id).await, Err(Error::NoApiKey(_))));
        assert_eq!(count(there).await, 0);
        let foreign = world.identity.authenticate(&text, Some(elsewhere), None).await.unwrap_err();
        assert!(matches!(foreign, Error::WorkspaceClosed));
        world.identity.authenticate(&text, Some(WorkspaceId::FIRST), None).await.unwrap();
        keys.revoke(&admin, made.id).await.unwrap();
        assert_eq!(denied(&world, &text).await, Denial::Revoked);
    }
}
