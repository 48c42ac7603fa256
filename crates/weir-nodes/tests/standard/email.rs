//! `email` by a real mail server.

use serde_json::json;
use weir_base::Credential;
use weir_core::node_error::ErrorClass;
use weir_mail::Mailer;
use weir_outbound::{HttpAccess, Outbound};
use weir_testkit::{SmtpOptions, SmtpServer};

use crate::support::Bench;

fn smtp(url: &str) -> Credential {
    Credential::Smtp { url: url.to_owned(), from: "Desk <desk@example.com>".to_owned() }
}

#[tokio::test]
async fn a_credential_or_the_installation_says_by_which_server_and_as_whom() {
    let (own, theirs) = (SmtpServer::start(SmtpOptions::default()), SmtpServer::start(SmtpOptions::default()));
    let mailer = Mailer::connect(own.url(), "weir@example.com").unwrap();
    let allow = vec!["127.0.0.0/8".parse().unwrap()];
    let outbound = Outbound::new(HttpAccess { allow, ..HttpAccess::default() }).unwrap();
    let mut bench = Bench::built(outbound, |services| services.mailer = Some(mailer)).await;
    bench.credentials.insert("desk".to_owned(), smtp(theirs.url()));

    let params = json!({"to": "Ann <ann@example.org>", "subject": "Hi", "text": "Hello", "html": "<b>Hello</b>"});
    let output = bench.output("email", params).await;
    assert_eq!(output, json!({"recipients": ["Ann <ann@example.org>"]}));
    let mail = own.wait_for_mail("ann@example.org").await;
    assert_eq!((mail.from.as_str(), mail.subject.as_str()), ("weir@example.com", "Hi"));
    assert_eq!(mail.html.as_deref().map(str::trim_end), Some("<b>Hello</b>"));

    let params = json!({
        "credential": "desk", "to": ["bo@example.org"], "cc": ["cy@example.org"], "subject": "Hi", "text": "Hello",
        "reply_to": "help@example.com",
    });
    let (ctx, node) = (bench.ctx(), bench.node("email"));
    for _ in 0..2 {
        node.run(&ctx, params.clone()).await.unwrap();
    }
    let mails = theirs.mails();
    assert_eq!((mails.len(), mails[0].from.as_str()), (2, "desk@example.com"));
    let id = |raw: &str| raw.lines().find(|line| line.starts_with("Message-ID:")).map(str::to_owned);
    assert!(id(&mails[0].raw).is_some() && id(&mails[0].raw) == id(&mails[1].raw), "{}", mails[1].raw);
    assert_eq!(own.mails().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_sent_says_whether_trying_again_may_help() {
    let server = SmtpServer::start(SmtpOptions::default());
    let mut bench = Bench::new().await;
    bench.credentials.insert("desk".to_owned(), smtp(server.url()));
    let params = json!({"credential": "desk", "to": "ann@example.org", "subject": "Hi", "text": "Hello"});
    for (code, class) in [(451, ErrorClass::Transient), (550, ErrorClass::Refused)] {
        server.fail_next(code);
        assert_eq!(bench.fails("email", params.clone()).await.class, class, "{code}");
    }
    let mut injected = params.clone();
    injected["subject"] = json!("Hi\r\nBcc: eve@example.net");
    let error = bench.fails("email", injected).await;
    assert_eq!((error.class, error.source.as_deref()), (ErrorClass::Invalid, Some("subject")));
    let mut without = params.clone();
    without["credential"] = json!(null);
    let error = bench.fails("email", without).await;
    assert!(error.message.contains("no mail server"), "{}", error.message);
    let mut other = params;
    other["credential"] = json!("token");
    assert!(bench.fails("email", other).await.message.contains("not of type smtp"));
}

#[tokio::test]
async fn a_users_mail_server_must_not_be_inside() {
    let server = SmtpServer::start(SmtpOptions::default());
    let mut bench = Bench::with(Outbound::new(HttpAccess::default()).unwrap()).await;
    let inside = server.url().replace("127.0.0.1", "localhost");
    for (name, url) in [("address", server.url()), ("name", &inside)] {
        bench.credentials.insert(name.to_owned(), smtp(url));
        let params = json!({"credential": name, "to": "ann@example.org", "subject": "Hi", "text": "Hello"});
        let error = bench.fails("email", params).await;
        assert_eq!(error.class, ErrorClass::Refused, "{}", error.message);
    }
    assert!(server.mails().is_empty());
}
