//! What goes by mail, over a real server: invitations, resets, proofs of addresses.

use weir_base::Role;
use weir_identity::{Config, Denial, Error, Registered, Registration};
use weir_testkit::{SmtpOptions, SmtpServer};

use crate::support::{ADMIN, PASSWORD, Setup, account, client, token_of, worlds};

const NEW_PASSWORD: &str = "nine loud magpies";

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_reset_by_a_link_that_is_good_once_and_for_half_an_hour() {
    let server = SmtpServer::start(SmtpOptions::default());
    for (number, world) in worlds(&Setup { mail: Some(&server), ..Setup::default() }).await.iter().enumerate() {
        world.settle().await;
        let admin = format!("ann{number}@example.com");
        let operator = weir_base::Principal::operator(weir_base::WorkspaceId::FIRST);
        world.identity.users().create(&operator, &admin, "Ann", Role::Viewer).await.unwrap();
        let signed_in = world.login(ADMIN).await;
        world.identity.request_reset("nobody@example.com", &client()).await.unwrap();
        world.identity.request_reset(&admin, &client()).await.unwrap();
        let token = token_of(&server.wait_for_mail(&admin).await.text);
        let weak = world.identity.reset(&token, "password1234", &client()).await.unwrap_err();
        assert!(matches!(weak, Error::WeakPassword(_)));
        world.identity.reset(&token, NEW_PASSWORD, &client()).await.unwrap();
        let again = world.identity.reset(&token, "eleven red kites", &client()).await.unwrap_err();
        assert!(matches!(again, Error::InvalidLink), "{}", world.name);
        let tokens = world.identity.login(&admin, NEW_PASSWORD, &client()).await.unwrap();
        assert!(!tokens.must_change_password);
        world.who(&signed_in).await;
        assert!(server.mails().iter().all(|mail| !mail.to.contains(&"nobody@example.com".to_owned())));

        // The sessions of before end with a reset, and a link that is too old does not reset.
        let sent = server.mails().len();
        world.identity.request_reset(ADMIN, &client()).await.unwrap();
        world.identity.close().await;
        let mails = server.mails();
        let token = token_of(&mails.last().unwrap().text);
        assert_eq!(mails.len(), sent + 1);
        world.pass(30 * 60);
        let late = world.identity.reset(&token, NEW_PASSWORD, &client()).await.unwrap_err();
        assert!(matches!(late, Error::InvalidLink));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_ends_all_sessions_and_lifts_the_lock() {
    let server = SmtpServer::start(SmtpOptions::default());
    for world in worlds(&Setup { mail: Some(&server), ..Setup::default() }).await {
        world.settle().await;
        let signed_in = world.login(ADMIN).await;
        world.who(&signed_in).await;
        for _ in 0..5 {
            world.identity.login(ADMIN, "not the password", &client()).await.unwrap_err();
        }
        let sent = server.mails().len();
        for _ in 0..6 {
            world.identity.request_reset(ADMIN, &client()).await.unwrap();
        }
        world.identity.close().await;
        let mails = server.mails();
        assert_eq!(mails.len() - sent, 3, "{}: nobody is flooded", world.name);
        let token = token_of(&mails.last().unwrap().text);
        world.identity.reset(&token, NEW_PASSWORD, &client()).await.unwrap();
        let ended = world.identity.authenticate(&signed_in.access_token, None, None).await.unwrap_err();
        assert!(matches!(ended, Error::Unauthenticated(Denial::Revoked)));
        world.identity.login(ADMIN, NEW_PASSWORD, &client()).await.unwrap();
        let other = token_of(&mails[sent].text);
        let other = world.identity.reset(&other, "eleven red kites", &client()).await.unwrap_err();
        assert!(matches!(other, Error::InvalidLink), "the other links went with it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_registers_proves_the_address_before_signing_in() {
    let server = SmtpServer::start(SmtpOptions::default());
    let open = |config: &mut Config| config.registration = Registration::Open;
    for (number, world) in worlds(&Setup { mail: Some(&server), change: Some(&open) }).await.into_iter().enumerate() {
        world.settle().await;
        let email = format!("ann{number}@example.com");
        let registered = world.identity.register(account(&email, None), &client()).await.unwrap();
        assert!(matches!(registered, Registered::Accepted));
        let early = world.identity.login(&email, PASSWORD, &client()).await.unwrap_err();
        assert!(matches!(early, Error::InvalidCredentials), "{}", world.name);
        let mail = server.wait_for_mail(&email).await;
        let token = token_of(&mail.text);
        assert!(matches!(world.identity.verify_email("nonsense", &client()).await, Err(Error::InvalidLink)));
        assert!(matches!(world.identity.reset(&token, NEW_PASSWORD, &client()).await, Err(Error::InvalidLink)));
        world.identity.verify_email(&token, &client()).await.unwrap();
        assert!(matches!(world.identity.verify_email(&token, &client()).await, Err(Error::InvalidLink)));
        world.login(&email).await;
        let again = world.identity.register(account(&email, None), &client()).await.unwrap();
        assert!(matches!(again, Registered::Accepted));
        world.identity.close().await;
        let last = server.mails().pop().unwrap();
        assert_eq!((last.to[0].as_str(), last.subject.as_str()), (email.as_str(), "You have an account"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_comes_by_mail_and_as_a_link_only_when_the_mail_does_not_go() {
    let server = SmtpServer::start(SmtpOptions::default());
    for (number, world) in worlds(&Setup { mail: Some(&server), ..Setup::default() }).await.into_iter().enumerate() {
        world.settle().await;
        let admin = world.admin().await;
        let email = format!("ann{number}@example.com");
        let invited = world.identity.members().invite(&admin, &email, Role::Analyst).await.unwrap();
        assert!(invited.link.is_none());
        let mail = server.wait_for_mail(&email).await;
        assert!(mail.text.contains("https://weir.example.com/invitation?token="), "{}", mail.text);
        let token = token_of(&mail.text);
        world.identity.register(account(&email, Some(token)), &client()).await.unwrap();
        world.login(&email).await;
        server.fail_next(554);
        let invited = world.identity.members().invite(&admin, "ben@example.com", Role::Analyst).await.unwrap();
        assert!(invited.link.is_some(), "{}", world.name);
    }
}
