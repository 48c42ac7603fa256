//! People are told by mail and in Slack.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use weir_base::{Credential, PageRequest};
use weir_events::{Channel, Delivery, NewRule, RuleId};
use weir_mail::Mailer;
use weir_testkit::{SmtpOptions, SmtpServer};

use super::receiver::{Behaviour, Receiver, Secrets, Sending, outbound};
use super::{Bench, FIRST, benches, event, person, tell_all, until};

async fn rule(sending: &Sending, channel: Channel, conditions: BTreeMap<String, serde_json::Value>) -> RuleId {
    let new =
        NewRule { name: "changes".to_owned(), events: vec!["Thing*".to_owned()], conditions, channel, enabled: true };
    sending.rules.create(&person(FIRST), new).await.unwrap().id
}

async fn sent(sending: &Sending, rule: RuleId) -> Vec<Delivery> {
    sending.rules.deliveries(FIRST, rule, None, &PageRequest::default()).await.unwrap().items
}

#[tokio::test]
async fn a_mail_tells_of_what_fits_and_comes_later_if_the_server_is_busy() {
    for Bench { name, db, _database } in benches().await {
        let server = SmtpServer::start(SmtpOptions::default());
        let mailer = Mailer::connect(server.url(), "Weir <weir@example.com>").unwrap();
        let receiver = Receiver::start(Duration::ZERO).await;
        let sending = Sending::begin_with(&db, outbound(&receiver), |senders| senders.mailer = Some(mailer));
        let channel = Channel::Email { to: vec!["ann@example.org".to_owned(), "bob@example.org".to_owned()] };
        let rule = rule(&sending, channel, BTreeMap::from([("n".to_owned(), json!(2))])).await;
        server.fail_next(451);
        tell_all(&db, &[event(FIRST, "thing/a\nBcc: eve@example.net", 1), event(FIRST, "thing/b\r\nBcc: x", 2)]).await;
        until("the server refuses it", || async {
            sent(&sending, rule).await.first().is_some_and(|sent| sent.last_error.is_some())
        })
        .await;
        sending.advance(6);
        let mail = server.wait_for_mail("ann@example.org").await;
        assert!(mail.subject.starts_with("[Weir] ThingChanged: thing/b") && mail.text.contains("\"n\": 2"), "{mail:?}");
        assert_eq!(mail.to, ["ann@example.org", "bob@example.org"], "{name}: nobody else");
        until("that is noted", || async { sent(&sending, rule).await[0].next_at.is_none() }).await;
        assert_eq!((server.mails().len(), sent(&sending, rule).await.len()), (1, 1), "{name}");
    }
}

#[tokio::test]
async fn slack_is_told_by_a_webhook_or_a_bot() {
    for Bench { name, db, _database } in benches().await {
        let receiver = Receiver::start(Duration::ZERO).await;
        let slack = |secret: String| Credential::Slack { secret };
        let secrets = HashMap::from([
            ("hook".to_owned(), slack(receiver.url("services/T0/B0/k3y"))),
            ("bot".to_owned(), slack("xoxb-t0ken".to_owned())),
            ("other".to_owned(), Credential::Bearer { token: "x".to_owned() }),
        ]);
        let sending = Sending::begin_with(&db, outbound(&receiver), |senders| {
            senders.secrets = Arc::new(Secrets(Mutex::new(secrets)));
            senders.slack_api = Some(receiver.url("api/").parse().unwrap());
        });
        receiver.next(
            "api/chat.postMessage",
            [
                Behaviour::Say(200, r#"{"ok": false, "error": "not_in_channel"}"#),
                Behaviour::Say(200, r#"{"ok": true}"#),
            ],
        );
        let by = |credential: &str, channel: Option<&str>| Channel::Slack {
            credential: credential.to_owned(),
            channel: channel.map(str::to_owned),
        };
        let hook = rule(&sending, by("hook", None), BTreeMap::new()).await;
        let bot = rule(&sending, by("bot", Some("#alerts")), BTreeMap::new()).await;
        let other = rule(&sending, by("other", None), BTreeMap::new()).await;
        let nothing = rule(&sending, by("nothing", None), BTreeMap::new()).await;
        tell_all(&db, &[event(FIRST, "thing/<!channel>", 1)]).await;
        let error = |rule| {
            let sending = &sending;
            async move { sent(sending, rule).await.first().and_then(|sent| sent.last_error.clone()) }
        };
        until("all were tried", || async {
            let refused = error(bot).await.is_some() && error(other).await.is_some() && error(nothing).await.is_some();
            refused && sent(&sending, hook).await[0].next_at.is_none()
        })
        .await;
        assert!(error(bot).await.unwrap().contains("not_in_channel"), "{name}");
        assert!(error(other).await.unwrap().contains("is bearer, not slack"), "{name}");
        assert!(error(nothing).await.unwrap().contains("no credential"), "{name}");
        sending.advance(6);
        until("the bot is heard", || async { sent(&sending, bot).await[0].next_at.is_none() }).await;
        let got = receiver.got();
        let by_hook = got.iter().find(|got| got.path == "services/T0/B0/k3y").unwrap();
        let text = by_hook.event()["text"].as_str().unwrap().to_owned();
        assert!(text.contains("ThingChanged\nthing/&lt;!channel&gt;"), "{name}: {text}");
        let by_bot = got.iter().find(|got| got.path == "api/chat.postMessage").unwrap();
        assert_eq!(by_bot.header("authorization"), "Bearer xoxb-t0ken", "{name}");
        assert_eq!(by_bot.event()["channel"], json!("#alerts"), "{name}");
    }
}
