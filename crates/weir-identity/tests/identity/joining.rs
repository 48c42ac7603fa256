//! How people come to have an account: first, invited, or as they like.

use weir_base::{Principal, Role, WorkspaceId};
use weir_identity::{Config, Error, FirstAdmin, Registered, Registration};

use crate::support::{ADMIN, PASSWORD, Setup, account, client, settled, token_of, worlds};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_start_at_once_one_makes_the_admin() {
    for world in worlds(&Setup::default()).await {
        let other = world.another().await;
        let (one, two) = tokio::join!(
            world.identity.ensure_first_admin(ADMIN, None),
            other.ensure_first_admin("other@example.com", None)
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        let made = |admin: &FirstAdmin| matches!(admin, FirstAdmin::MadeWith(_));
        assert!(made(&one) != made(&two), "{}", world.name);
        assert!(world.identity.ensure_first_admin(ADMIN, Some(PASSWORD)).await.unwrap() == FirstAdmin::Present);
        let workspace = world.identity.workspaces().get(WorkspaceId::FIRST).await.unwrap();
        assert_eq!(workspace.name, "Default");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_to_register_administers_and_the_next_needs_an_invitation() {
    for world in worlds(&Setup::default()).await {
        let first = world.identity.register(account(ADMIN, None), &client()).await.unwrap();
        let Registered::SignedIn(tokens) = first else { panic!("the first is signed in") };
        let who = world.who(&tokens).await;
        assert_eq!(who.permissions, Principal::operator(who.workspace).permissions, "{}", world.name);
        assert_eq!(who.workspace, WorkspaceId::FIRST);
        let second = world.identity.register(account("eve@example.com", None), &client()).await.unwrap_err();
        assert!(matches!(second, Error::RegistrationClosed));
        let told = world.told().await;
        for kind in ["WorkspaceCreated", "UserRegistered", "MemberJoined", "UserLoggedIn"] {
            assert!(told.iter().any(|told| told == kind), "{kind} in {told:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_for_one_address_once_and_for_a_week() {
    for world in settled().await {
        let admin = world.admin().await;
        let members = world.identity.members();
        let invited = members.invite(&admin, "Ann@example.com", Role::Developer).await.unwrap();
        let token = token_of(&invited.link.unwrap());
        let preview = members.preview(&token).await.unwrap();
        assert_eq!((preview.workspace.as_str(), preview.role), ("Default", Role::Developer));
        assert!(!preview.has_account);
        let eve =
            world.identity.register(account("eve@example.com", Some(token.clone())), &client()).await.unwrap_err();
        assert!(matches!(eve, Error::WrongAddress));
        let mut weak = account("ann@example.com", Some(token.clone()));
        weak.password = "password1234".to_owned();
        assert!(matches!(world.identity.register(weak, &client()).await, Err(Error::WeakPassword(_))));
        world.identity.register(account("ann@example.com", Some(token.clone())), &client()).await.unwrap();
        let again = world.identity.register(account("ann@example.com", Some(token.clone())), &client()).await;
        assert!(matches!(again, Err(Error::InvalidLink)), "{}: {again:?}", world.name);
        assert!(matches!(members.preview(&token).await, Err(Error::InvalidLink)));
        let member = members.invite(&admin, "ann@example.com", Role::Viewer).await.unwrap_err();
        assert!(matches!(member, Error::AlreadyMember));

        let late = members.invite(&admin, "ben@example.com", Role::Viewer).await.unwrap();
        world.pass(7 * 24 * 60 * 60);
        let token = token_of(&late.link.unwrap());
        let late = world.identity.register(account("ben@example.com", Some(token)), &client()).await.unwrap_err();
        assert!(matches!(late, Error::InvalidLink));
        let taken = members.invite(&admin, "cy@example.com", Role::Viewer).await.unwrap();
        members.take_back(&admin, taken.invitation.id).await.unwrap();
        assert!(members.invitations(WorkspaceId::FIRST).await.unwrap().is_empty());
        assert!(matches!(members.preview(&token_of(&taken.link.unwrap())).await, Err(Error::InvalidLink)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_invitation_used_by_two_at_once_makes_one_account() {
    for world in settled().await {
        let admin = world.admin().await;
        let invited = world.identity.members().invite(&admin, "ann@example.com", Role::Viewer).await.unwrap();
        let token = token_of(&invited.link.unwrap());
        let new = || account("ann@example.com", Some(token.clone()));
        let other = world.another().await;
        let (here, there) = (client(), client());
        let (one, two) = tokio::join!(world.identity.register(new(), &here), other.register(new(), &there));
        assert!(one.is_ok() != two.is_ok(), "{}: {one:?} {two:?}", world.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_an_account_accepts_an_invitation_when_signed_in() {
    for world in settled().await {
        let admin = world.admin().await;
        let new = weir_identity::NewWorkspace { name: "Elsewhere".to_owned(), slug: None };
        let elsewhere = world.identity.workspaces().create(&admin, new).await.unwrap().id;
        let there = Principal { workspace: elsewhere, ..admin.clone() };
        let (ann, ben) =
            (world.join("ann@example.com", Role::Viewer).await, world.join("ben@example.com", Role::Viewer).await);
        let members = world.identity.members();
        let invited = members.invite(&there, "ann@example.com", Role::Admin).await.unwrap();
        let token = token_of(&invited.link.unwrap());
        assert!(members.preview(&token).await.unwrap().has_account);
        let taken = world.identity.register(account("ann@example.com", Some(token.clone())), &client()).await;
        assert!(matches!(taken, Err(Error::EmailTaken)));
        let wrong = members.accept(&world.who(&ben).await, &token).await.unwrap_err();
        assert!(matches!(wrong, Error::WrongAddress), "{}", world.name);
        let who = world.who(&ann).await;
        assert_eq!(members.accept(&who, &token).await.unwrap().id, elsewhere);
        let twice = members.accept(&who, &token).await.unwrap_err();
        assert!(matches!(twice, Error::InvalidLink));
        let inside = world.identity.authenticate(&ann.access_token, Some(elsewhere), None).await.unwrap();
        assert_eq!(inside.permissions, Role::Admin.permissions());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_open_everybody_gets_a_workspace_and_no_answer_tells_of_others() {
    let open = |config: &mut Config| config.registration = Registration::Open;
    for world in worlds(&Setup { change: Some(&open), ..Setup::default() }).await {
        world.settle().await;
        let computed = world.identity.hashes_computed();
        let new = world.identity.register(account("ann@example.com", None), &client()).await.unwrap();
        let between = world.identity.hashes_computed();
        let taken = world.identity.register(account(ADMIN, None), &client()).await.unwrap();
        assert!(matches!((&new, &taken), (Registered::Accepted, Registered::Accepted)), "{}", world.name);
        assert_eq!(between - computed, world.identity.hashes_computed() - between);
        let ann = world.login("ann@example.com").await;
        let who = world.who(&ann).await;
        assert_ne!(who.workspace, WorkspaceId::FIRST);
        assert_eq!(who.permissions, Role::Admin.permissions());
        let first = world.identity.authenticate(&ann.access_token, Some(WorkspaceId::FIRST), None).await;
        assert!(matches!(first, Err(Error::WorkspaceClosed)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_the_first_may_register_an_invitation_makes_no_account() {
    let first = |config: &mut Config| config.registration = Registration::First;
    for world in worlds(&Setup { change: Some(&first), ..Setup::default() }).await {
        world.settle().await;
        let admin = world.admin().await;
        let invited = world.identity.members().invite(&admin, "ann@example.com", Role::Viewer).await.unwrap();
        let token = token_of(&invited.link.unwrap());
        let refused = world.identity.register(account("ann@example.com", Some(token)), &client()).await;
        assert!(matches!(refused, Err(Error::RegistrationClosed)), "{}", world.name);
    }
}
