//! Whoever lost a session, a right or a place has lost it by the next request.

use weir_base::{Permission, Principal, Role, WorkspaceId};
use weir_identity::{Denial, Error, MemberUpdate, NewWorkspace, Tokens, UserUpdate};

use crate::support::{ADMIN, World, client, settled};

async fn denied(world: &World, tokens: &Tokens) -> Denial {
    match world.identity.authenticate(&tokens.access_token, None, None).await {
        Err(Error::Unauthenticated(denial)) => denial,
        other => panic!("{}: {other:?}", world.name),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_ends_the_session_at_once() {
    for world in settled().await {
        let (one, two) = (world.login(ADMIN).await, world.login(ADMIN).await);
        let who = world.who(&one).await;
        world.identity.logout(&who).await.unwrap();
        assert_eq!(denied(&world, &one).await, Denial::Revoked);
        world.identity.logout(&who).await.unwrap();
        let third = world.login(ADMIN).await;
        world.who(&two).await;
        let who = world.who(&third).await;
        assert_eq!(world.identity.logout_everywhere(&who).await.unwrap(), 2);
        assert_eq!(denied(&world, &two).await, Denial::Revoked);
        assert_eq!(denied(&world, &third).await, Denial::Revoked);
        let ended = world.told().await.iter().filter(|kind| *kind == "UserLoggedOut").count();
        assert_eq!(ended, 2, "{}", world.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_known_costs_a_process_alone_with_its_database_no_query() {
    for world in settled().await {
        let tokens = world.login(ADMIN).await;
        let before = world.who(&tokens).await;
        world.db.close().await;
        let after = world.identity.authenticate(&tokens.access_token, None, None).await;
        match world.name {
            "sqlite" => assert_eq!(after.unwrap(), before),
            // Another process could have ended the session.
            _ => assert!(matches!(after, Err(Error::Db(_))), "{after:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_ones_own_sessions_can_be_revoked_and_nobody_elses() {
    for world in settled().await {
        let (admin, ann) = (world.login(ADMIN).await, world.join("ann@example.com", Role::Viewer).await);
        let (who, other) = (world.who(&admin).await, world.who(&ann).await);
        let foreign = world.identity.revoke_session(&other, admin.session).await.unwrap_err();
        assert!(matches!(foreign, Error::NoSession(_)));
        world.who(&admin).await;
        let second = world.login(ADMIN).await;
        world.who(&second).await;
        world.identity.revoke_session(&who, second.session).await.unwrap();
        assert_eq!(denied(&world, &second).await, Denial::Revoked, "{}", world.name);
        let again = world.identity.revoke_session(&who, second.session).await.unwrap_err();
        assert!(matches!(again, Error::NoSession(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_deactivated_is_out_at_once() {
    for world in settled().await {
        let admin = world.admin().await;
        let ann = world.join("ann@example.com", Role::Developer).await;
        world.who(&ann).await;
        let update = UserUpdate { is_active: Some(false), ..UserUpdate::default() };
        let changed = world.identity.users().update(&admin, ann.user, Some(1), update).await.unwrap();
        assert!(!changed.is_active);
        assert_eq!(denied(&world, &ann).await, Denial::Revoked, "{}", world.name);
        let refresh = world.identity.refresh(&ann.refresh_token, &client()).await.unwrap_err();
        assert!(matches!(refresh, Error::Unauthenticated(_)));
        let login = world.identity.login("ann@example.com", crate::support::PASSWORD, &client()).await.unwrap_err();
        assert!(matches!(login, Error::InvalidCredentials));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_role_and_a_lost_place_hold_at_the_next_request() {
    for world in settled().await {
        let admin = world.admin().await;
        let ann = world.join("ann@example.com", Role::Developer).await;
        assert!(world.who(&ann).await.may(Permission::WorkflowWrite));
        let update = MemberUpdate { role: Some(Role::Viewer), extra: None };
        let member = world.identity.members().update(&admin, ann.user, Some(1), update).await.unwrap();
        assert_eq!((member.role, member.version), (Role::Viewer, 2));
        assert!(!world.who(&ann).await.may(Permission::WorkflowWrite), "{}", world.name);
        let extra = [Permission::ExecutionRun].into_iter().collect();
        let update = MemberUpdate { role: None, extra: Some(extra) };
        world.identity.members().update(&admin, ann.user, None, update).await.unwrap();
        assert!(world.who(&ann).await.may(Permission::ExecutionRun));
        world.identity.members().remove(&admin, ann.user).await.unwrap();
        let named = world.identity.authenticate(&ann.access_token, Some(WorkspaceId::FIRST), None).await;
        assert!(matches!(named, Err(Error::WorkspaceClosed)));
        let nowhere = world.who(&ann).await;
        assert_eq!(nowhere.permissions.iter().count(), 0);
        assert_ne!(nowhere.workspace, WorkspaceId::FIRST);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_closed_to_others_as_if_it_were_not_there() {
    for world in settled().await {
        let ann = world.join("ann@example.com", Role::Admin).await;
        let admin = world.admin().await;
        let new = NewWorkspace { name: "Elsewhere".to_owned(), slug: None };
        let elsewhere = world.identity.workspaces().create(&admin, new).await.unwrap().id;
        let token = world.login(ADMIN).await.access_token;
        let there = world.identity.authenticate(&token, Some(elsewhere), None).await.unwrap();
        assert_eq!(there.workspace, elsewhere);
        let closed = world.identity.authenticate(&ann.access_token, Some(elsewhere), None).await.unwrap_err();
        let missing = world.identity.authenticate(&ann.access_token, Some(WorkspaceId::new()), None).await.unwrap_err();
        assert!(matches!(closed, Error::WorkspaceClosed), "{}", world.name);
        assert_eq!(closed.to_string(), missing.to_string());

        world.identity.workspaces().delete(&there, None).await.unwrap();
        let gone = world.identity.authenticate(&token, Some(elsewhere), None).await.unwrap_err();
        assert!(matches!(gone, Error::WorkspaceClosed));
        let last = Principal { workspace: WorkspaceId::FIRST, ..there };
        let refused = world.identity.workspaces().delete(&last, None).await.unwrap_err();
        assert!(matches!(refused, Error::LastWorkspace));
    }
}
