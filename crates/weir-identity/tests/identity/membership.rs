//! Who may make whom what, and the one admin who stays.

use weir_base::{PageRequest, Permission, Principal, Role, WorkspaceId};
use weir_identity::{Error, MemberUpdate, NewApiKey, Quotas, UserUpdate, WorkspaceUpdate};

use crate::support::{ADMIN, PASSWORD, settled};

const fn to(role: Role) -> MemberUpdate {
    MemberUpdate { role: Some(role), extra: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_can_neither_go_nor_be_demoted() {
    for world in settled().await {
        let admin = world.admin().await;
        let own = admin.actor.user().unwrap();
        let members = world.identity.members();
        assert!(matches!(members.remove(&admin, own).await, Err(Error::LastAdmin)), "{}", world.name);
        assert!(matches!(members.update(&admin, own, None, to(Role::Viewer)).await, Err(Error::LastAdmin)));
        let ann = world.join("ann@example.com", Role::Admin).await;
        members.update(&admin, own, Some(1), to(Role::Viewer)).await.unwrap();
        let who = world.who(&ann).await;
        assert!(matches!(members.remove(&who, ann.user).await, Err(Error::LastAdmin)));
        assert!(matches!(
            members.update(&who, own, Some(1), to(Role::Admin)).await,
            Err(Error::Stale { version: 2, .. })
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_admins_who_remove_each_other_leave_one() {
    for world in settled().await {
        for round in 0..8 {
            let admin = world.admin().await;
            let ann = world.join(&format!("ann{round}@example.com"), Role::Admin).await;
            let ann = world.who(&ann).await;
            let (own, other) = (admin.actor.user().unwrap(), ann.actor.user().unwrap());
            let (here, there) = (world.identity.members(), world.another().await.members());
            let (one, two) = tokio::join!(here.remove(&admin, other), there.update(&ann, own, None, to(Role::Viewer)));
            assert!(one.is_ok() != two.is_ok(), "{}: {one:?} {two:?}", world.name);
            // The admin is to stay for the next round.
            let operator = Principal::operator(WorkspaceId::FIRST);
            if one.is_err() {
                here.update(&operator, own, None, to(Role::Admin)).await.unwrap();
                here.remove(&operator, other).await.unwrap();
            }
        }
        let all = world.identity.members().list(WorkspaceId::FIRST, &PageRequest::default()).await.unwrap();
        assert_eq!(all.items.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_or_takes_rights_that_they_lack() {
    for world in settled().await {
        let admin = world.admin().await;
        let (ann, ben) =
            (world.join("ann@example.com", Role::Developer).await, world.join("ben@example.com", Role::Viewer).await);
        let members = world.identity.members();
        let extra = [Permission::MemberWrite].into_iter().collect();
        members.update(&admin, ann.user, None, MemberUpdate { role: None, extra: Some(extra) }).await.unwrap();
        let ann = world.who(&ann).await;
        assert!(ann.may(Permission::MemberWrite));
        let own = admin.actor.user().unwrap();
        for refused in [
            members.update(&ann, ben.user, None, to(Role::Admin)).await.map(drop),
            members.update(&ann, ann.actor.user().unwrap(), None, to(Role::Admin)).await.map(drop),
            members.update(&ann, own, None, to(Role::Viewer)).await.map(drop),
            members.remove(&ann, own).await,
            members.invite(&ann, "eve@example.com", Role::Admin).await.map(drop),
        ] {
            assert!(matches!(refused, Err(Error::BeyondOwn(_))), "{}: {refused:?}", world.name);
        }
        members.update(&ann, ben.user, None, to(Role::Developer)).await.unwrap();
        let installation = [Permission::InstallationAdmin].into_iter().collect();
        let update = MemberUpdate { role: None, extra: Some(installation) };
        let plain = Principal { permissions: Role::Admin.permissions(), ..admin };
        assert!(matches!(members.update(&plain, ben.user, None, update).await, Err(Error::BeyondOwn(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_comes_back_neither_by_an_invitation_nor_by_a_key() {
    for world in settled().await {
        let admin = world.admin().await;
        let ann = world.join("ann@example.com", Role::Admin).await;
        let who = world.who(&ann).await;
        let scopes = [Permission::WorkflowRead].into_iter().collect();
        let new = NewApiKey { name: "hers".to_owned(), scopes, expires_at: None };
        let (key, _) = world.identity.api_keys().create(&who, new).await.unwrap();
        let members = world.identity.members();
        members.invite(&who, "second.ann@example.com", Role::Admin).await.unwrap();
        members.remove(&admin, ann.user).await.unwrap();
        assert!(members.invitations(WorkspaceId::FIRST).await.unwrap().is_empty(), "{}", world.name);
        assert!(world.identity.api_keys().get(&admin, key.id).await.unwrap().revoked_at.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_installation_is_given_to_nobody_as_a_right_in_a_workspace() {
    for world in settled().await {
        let ann = world.join("ann@example.com", Role::Admin).await;
        let extra = Some([Permission::InstallationAdmin].into_iter().collect());
        let operator = Principal::operator(WorkspaceId::FIRST);
        let refused =
            world.identity.members().update(&operator, ann.user, None, MemberUpdate { role: None, extra }).await;
        assert!(matches!(refused, Err(Error::Invalid { what: "permissions", .. })), "{}: {refused:?}", world.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_of_a_password_at_once_one_is_told_to_look_again() {
    for world in settled().await {
        let admin = world.admin().await;
        let (one, other) = tokio::join!(
            world.identity.change_password(&admin, PASSWORD, "eight loud herons"),
            world.identity.change_password(&admin, PASSWORD, "nine slow herons"),
        );
        let lost = [&one, &other].into_iter().filter(|result| result.is_err()).count();
        assert!(lost <= 1, "{}: {one:?} {other:?}", world.name);
        for result in [one, other] {
            assert!(!matches!(&result, Err(Error::Db(_))), "{}: {result:?}", world.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_operator_stays() {
    for world in settled().await {
        let admin = world.admin().await;
        let own = admin.actor.user().unwrap();
        let users = world.identity.users();
        let out = UserUpdate { is_active: Some(false), ..UserUpdate::default() };
        assert!(
            matches!(users.update(&admin, own, None, out.clone()).await, Err(Error::LastOperator)),
            "{}",
            world.name
        );
        let ann = world.join("ann@example.com", Role::Viewer).await;
        let operator = UserUpdate { is_operator: Some(true), ..UserUpdate::default() };
        users.update(&admin, ann.user, None, operator).await.unwrap();
        assert!(world.who(&ann).await.may(Permission::InstallationAdmin));
        users.update(&admin, own, None, out).await.unwrap();
        let named = UserUpdate { name: Some("Ann".to_owned()), ..UserUpdate::default() };
        let stale = users.update(&admin, ann.user, Some(1), named.clone()).await.unwrap_err();
        assert!(matches!(stale, Error::Stale { what: "user", version: 2 }));
        assert_eq!(users.update(&admin, ann.user, Some(2), named).await.unwrap().name, "Ann");
        assert_eq!(users.list(&PageRequest::default()).await.unwrap().items.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_changed_by_version_and_keeps_its_limits() {
    for world in settled().await {
        let admin = world.admin().await;
        let workspaces = world.identity.workspaces();
        let quotas = Quotas { executions_per_day: Some(1000), stored_bytes: None };
        let update =
            WorkspaceUpdate { name: Some("Ops".to_owned()), slug: Some("ops".to_owned()), quotas: Some(quotas) };
        let changed = workspaces.update(&admin, Some(1), update.clone()).await.unwrap();
        assert_eq!(
            (changed.name.as_str(), changed.slug.as_str(), changed.version),
            ("Ops", "ops", 2),
            "{}",
            world.name
        );
        assert_eq!(workspaces.quotas(WorkspaceId::FIRST).await.unwrap(), quotas);
        assert!(matches!(workspaces.update(&admin, Some(1), update).await, Err(Error::Stale { version: 2, .. })));
        let new = weir_identity::NewWorkspace { name: "Other".to_owned(), slug: Some("ops".to_owned()) };
        assert!(matches!(workspaces.create(&admin, new).await, Err(Error::SlugTaken(_))));
        let mine = workspaces.mine(&admin).await.unwrap();
        assert_eq!((mine.len(), mine[0].role), (1, Role::Admin));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_accounts_and_passwords_for_one_sign_in() {
    for world in settled().await {
        let operator = Principal::operator(WorkspaceId::FIRST);
        let users = world.identity.users();
        let (user, once) = users.create(&operator, "ann@example.com", "Ann", Role::Analyst).await.unwrap();
        let taken = users.create(&operator, "ANN@example.com", "Ann", Role::Analyst).await.unwrap_err();
        assert!(matches!(taken, Error::EmailTaken));
        let tokens = world.identity.login("ann@example.com", &once, &crate::support::client()).await.unwrap();
        assert!(tokens.must_change_password, "{}", world.name);
        let again = users.reset_password(&operator, user.id).await.unwrap();
        assert_ne!(once, again);
        assert!(world.identity.authenticate(&tokens.access_token, None, None).await.is_err());
        world.identity.login("ann@example.com", &again, &crate::support::client()).await.unwrap();
        assert!(world.identity.login(ADMIN, &again, &crate::support::client()).await.is_err());
    }
}
