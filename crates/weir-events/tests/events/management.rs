//! Webhooks and rules as people make, change and remove them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use weir_base::{PageRequest, WebhookId, WorkspaceId};
use weir_events::{
    Channel, DeliveryStatus, DomainEvent, Error, NewRule, NewWebhook, RuleChange, RuleId, WebhookChange,
};

use super::receiver::{Receiver, Sending};
use super::{Bench, FIRST, benches, event, person, tell_all, until};

async fn told(sending: &Sending) -> Vec<String> {
    let rows = sending.db.query("SELECT events FROM outbox ORDER BY position", Vec::new()).await.unwrap();
    let events = rows.iter().flat_map(|row| serde_json::from_str::<Vec<DomainEvent>>(row.get(0).unwrap()).unwrap());
    events.map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_webhook_is_made_changed_and_removed_within_its_workspace() {
    for Bench { name, db, _database } in benches().await {
        let receiver = Receiver::start(Duration::ZERO).await;
        let sending = Sending::begin(&db, &receiver);
        let (ann, stranger) = (person(FIRST), person(WorkspaceId::new()));
        let (webhook, secret) = sending.webhook(receiver.url("hook/s3cret")).await;
        assert!(secret.starts_with("whsec_") && webhook.version == 1, "{name}");
        assert_eq!(sending.webhooks.get(FIRST, webhook.id).await.unwrap(), webhook, "{name}");

        // To another workspace it is not there.
        let change = WebhookChange { enabled: Some(false), ..WebhookChange::default() };
        let webhooks = &sending.webhooks;
        let refusals = [
            webhooks.get(stranger.workspace, webhook.id).await.map(drop),
            webhooks.update(&stranger, webhook.id, None, change.clone()).await.map(drop),
            webhooks.rotate_secret(&stranger, webhook.id, None).await.map(drop),
            webhooks.delete(&stranger, webhook.id, None).await,
            webhooks.deliveries(stranger.workspace, webhook.id, None, &PageRequest::default()).await.map(drop),
            webhooks.redeliver(&stranger, webhook.id, "x").await,
            webhooks.redeliver_failed(&stranger, webhook.id).await.map(drop),
            webhooks.get(FIRST, WebhookId::new()).await.map(drop),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, Err(Error::NoWebhook(_))), "{name}: {refusal:?}");
        }
        assert!(webhooks.list(stranger.workspace, &PageRequest::default()).await.unwrap().items.is_empty(), "{name}");

        let stale = webhooks.update(&ann, webhook.id, Some(7), change.clone()).await.unwrap_err();
        assert!(matches!(stale, Error::Stale { version: 1 }), "{name}: {stale}");
        let off = webhooks.update(&ann, webhook.id, Some(1), change).await.unwrap();
        assert!(!off.enabled && off.version == 2 && off.url == webhook.url, "{name}");
        tell_all(&db, &[event(FIRST, "thing/a", 1)]).await;
        until("all is relayed", || async { sending.events.health().relayed == 3 }).await;
        assert!(sending.sent(webhook.id).await.is_empty(), "{name}: it is off");
        let on = WebhookChange { enabled: Some(true), ..WebhookChange::default() };
        webhooks.update(&ann, webhook.id, None, on).await.unwrap();
        tell_all(&db, &[event(stranger.workspace, "thing/b", 1), event(FIRST, "thing/a", 2)]).await;
        until("it arrives", || async { sending.count(webhook.id, DeliveryStatus::Delivered, 1).await == 1 }).await;
        assert_eq!(receiver.numbers(), [2], "{name}: nothing of another workspace, nothing of before");

        webhooks.delete(&ann, webhook.id, None).await.unwrap();
        let gone = webhooks.delete(&ann, webhook.id, None).await.unwrap_err();
        assert!(matches!(gone, Error::NoWebhook(_)), "{name}: {gone}");
        assert_eq!(super::count(&db, "event_deliveries").await, 0, "{name}");
        let kinds: Vec<String> = told(&sending).await.into_iter().filter(|kind| kind.starts_with("Webhook")).collect();
        assert_eq!(kinds, ["WebhookCreated", "WebhookUpdated", "WebhookUpdated", "WebhookDeleted"], "{name}");
        let outbox = db.query("SELECT events FROM outbox", Vec::new()).await.unwrap();
        let secrets = ["s3cret", &secret[6..]];
        assert!(
            outbox.iter().all(|row| secrets.iter().all(|secret| !row.get::<&str>(0).unwrap().contains(secret))),
            "{name}: an event holds a secret"
        );
    }
}

#[tokio::test]
async fn every_mistake_is_told_and_there_is_an_end_to_webhooks() {
    for Bench { name, db, _database } in benches().await {
        let receiver = Receiver::start(Duration::ZERO).await;
        let sending = Sending::begin(&db, &receiver);
        let wrong = NewWebhook {
            url: "https://ann:secret@example.com/".to_owned(),
            description: "x".repeat(501),
            events: vec!["a b".to_owned()],
            enabled: true,
        };
        let error = sending.webhooks.create(&person(FIRST), wrong).await.unwrap_err();
        let Error::Invalid(mistakes) = &error else { panic!("{error}") };
        let pointers: Vec<_> = mistakes.iter().map(|mistake| mistake.pointer).collect();
        assert_eq!(pointers, ["/url", "/description", "/events"], "{name}");
        assert!(!error.to_string().contains("ann:secret"), "{name}: {error}");
        for _ in 0..100 {
            sending.webhook(receiver.url("hook")).await;
        }
        let one_more = NewWebhook {
            url: receiver.url("hook"),
            description: String::new(),
            events: vec!["*".to_owned()],
            enabled: true,
        };
        let error = sending.webhooks.create(&person(FIRST), one_more).await.unwrap_err();
        assert!(matches!(error, Error::TooMany(100)), "{name}: {error}");
        let mut page = PageRequest::new(Some(33), None);
        let mut seen = 0;
        loop {
            let slice = sending.webhooks.list(FIRST, &page).await.unwrap();
            seen += slice.items.len();
            let Some(next) = slice.next else { break };
            page.cursor = Some(next);
        }
        assert_eq!(seen, 100, "{name}");
    }
}

#[tokio::test]
async fn a_rule_is_made_changed_and_removed_within_its_workspace() {
    for Bench { name, db, _database } in benches().await {
        let receiver = Receiver::start(Duration::ZERO).await;
        let sending = Sending::begin(&db, &receiver);
        let (ann, stranger) = (person(FIRST), person(WorkspaceId::new()));
        let new = NewRule {
            name: "failures".to_owned(),
            events: vec!["Execution*".to_owned()],
            conditions: BTreeMap::from([("/error/code".to_owned(), json!(7))]),
            channel: Channel::Email { to: vec!["ann@example.org".to_owned()] },
            enabled: true,
        };
        let rule = sending.rules.create(&ann, new.clone()).await.unwrap();
        let mut failed = event(FIRST, "execution/1", 1);
        failed.kind = "ExecutionFailed".to_owned();
        assert!(!rule.wants(&failed), "{name}");
        failed.data = json!({"error": {"code": 7}});
        assert!(rule.wants(&failed), "{name}");

        let rules = &sending.rules;
        let change =
            RuleChange { name: Some("all".to_owned()), conditions: Some(BTreeMap::new()), ..Default::default() };
        let refusals = [
            rules.get(stranger.workspace, rule.id).await.map(drop),
            rules.update(&stranger, rule.id, None, change.clone()).await.map(drop),
            rules.delete(&stranger, rule.id, None).await,
            rules.deliveries(stranger.workspace, rule.id, None, &PageRequest::default()).await.map(drop),
            rules.redeliver(&stranger, rule.id, "x").await,
            rules.redeliver_failed(&stranger, rule.id).await.map(drop),
            rules.get(FIRST, RuleId::from_uuid(uuid::Uuid::now_v7())).await.map(drop),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, Err(Error::NoRule(_))), "{name}: {refusal:?}");
        }
        let stale = rules.update(&ann, rule.id, Some(2), change.clone()).await.unwrap_err();
        assert!(matches!(stale, Error::Stale { version: 1 }), "{name}: {stale}");
        let changed = rules.update(&ann, rule.id, Some(1), change).await.unwrap();
        assert_eq!((changed.name.as_str(), changed.version, changed.conditions.len()), ("all", 2, 0), "{name}");
        assert_eq!(rules.list(FIRST, &PageRequest::default()).await.unwrap().items, [changed], "{name}");

        let wrong = NewRule {
            name: String::new(),
            events: Vec::new(),
            channel: Channel::Email { to: vec!["ann@example.org\nBcc: x@y".to_owned()] },
            ..new
        };
        let error = rules.create(&ann, wrong).await.unwrap_err();
        let Error::Invalid(mistakes) = &error else { panic!("{error}") };
        let pointers: Vec<_> = mistakes.iter().map(|mistake| mistake.pointer).collect();
        assert_eq!(pointers, ["/events", "/name", "/channel/to"], "{name}");
        rules.delete(&ann, rule.id, Some(2)).await.unwrap();
        let kinds = ["NotificationRuleCreated", "NotificationRuleUpdated", "NotificationRuleDeleted"];
        assert_eq!(told(&sending).await, kinds, "{name}");
    }
}
