//! Webhooks: signed, again until they arrive, in order, and never to where they may not go.

use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sha2::{Digest, Sha256};
use weir_base::Clock;
use weir_events::{DeliveryStatus, DomainEvent, Error, Retention, tell};
use weir_outbound::{HttpAccess, Outbound};

use super::receiver::{Behaviour, Got, Receiver, Sending, outbound};
use super::{Bench, FIRST, benches, event, person, tell_all, until};

/// The waits between tries, with what may be added to them.
const WAITS: [u64; 7] = [6, 34, 331, 1_981, 7_921, 19_801, 39_601];

/// An HMAC-SHA-256 written out, so that the product's own is held against another.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

/// Whether a message is signed by this secret, as a receiver finds out.
fn is_signed(got: &Got, secret: &str) -> bool {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let key = base64.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut message = format!("{}.{}.", got.header("webhook-id"), got.header("webhook-timestamp")).into_bytes();
    message.extend_from_slice(&got.body);
    let wanted = format!("v1,{}", base64.encode(hmac(&key, &message)));
    got.header("webhook-signature").split(' ').any(|signature| signature == wanted)
}

#[tokio::test]
async fn an_event_is_posted_signed_and_again_until_it_arrives() {
    for Bench { name, db, _database } in benches().await {
        let receiver = Receiver::start(Duration::ZERO).await;
        let sending = Sending::begin(&db, &receiver);
        let (webhook, secret) = sending.webhook(receiver.url("hook")).await;
        receiver.next("hook", [Behaviour::Answer(500), Behaviour::Answer(429)]);
        let told = event(FIRST, "thing/ä", 1);
        tell_all(&db, std::slice::from_ref(&told)).await;
        let pending = DeliveryStatus::Pending;
        until("the first try", || async {
            sending.count(webhook.id, pending, 1).await == 1 && !receiver.got().is_empty()
        })
        .await;
        until("it is noted", || async { sending.sent(webhook.id).await[0].last_status == Some(500) }).await;
        sending.advance(4);
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(receiver.got().len(), 1, "{name}: it is not time");
        sending.advance(2);
        until("the second try", || async { sending.sent(webhook.id).await[0].last_status == Some(429) }).await;
        sending.advance(34);
        until("it arrives", || async { sending.count(webhook.id, DeliveryStatus::Delivered, 3).await == 1 }).await;

        let got = receiver.got();
        assert_eq!(got.len(), 3, "{name}");
        for message in &got {
            assert_eq!(message.header("webhook-id"), told.id, "{name}: the id stays");
            assert!(is_signed(message, &secret), "{name}: {message:?}");
            assert!(message.header("content-type").starts_with("application/cloudevents+json"), "{name}");
            assert_eq!(message.event(), told.cloud_event(), "{name}");
        }
        let times: Vec<i64> = got.iter().map(|got| got.header("webhook-timestamp").parse().unwrap()).collect();
        assert!(times.is_sorted() && times[2] - times[0] == 40, "{name}: {times:?}");
        let sent = &sending.sent(webhook.id).await[0];
        assert_eq!((sent.last_status, sent.last_error.as_ref(), sent.next_at), (Some(200), None, None), "{name}");
        assert_eq!(sent.response.as_ref().map(String::len), Some(1024), "{name}: no more of an answer is kept");
    }
}

#[tokio::test]
async fn who_hangs_is_cut_off_and_redirects_lead_nowhere() {
    for Bench { name, db, _database } in benches().await {
        let receiver = Receiver::start(Duration::ZERO).await;
        let inside = Receiver::start(Duration::ZERO).await;
        let sending = Sending::begin(&db, &receiver);
        let (hanging, _) = sending.webhook(receiver.url("hang")).await;
        let (redirecting, _) = sending.webhook(receiver.url("redirect")).await;
        receiver.next("hang", [Behaviour::Hang]);
        receiver.next(
            "redirect",
            [
                Behaviour::Redirect(inside.url("secret")),
                Behaviour::Redirect("http://169.254.169.254/latest/meta-data".to_owned()),
            ],
        );
        tell_all(&db, &[event(FIRST, "thing/a", 1)]).await;
        until("both were tried in vain", || async {
            let of = |sent: Vec<weir_events::Delivery>| sent.first().is_some_and(|sent| sent.last_error.is_some());
            of(sending.sent(hanging.id).await) && of(sending.sent(redirecting.id).await)
        })
        .await;
        let error = sending.sent(hanging.id).await[0].last_error.clone().unwrap();
        assert!(error.contains("took too long"), "{name}: {error}");
        let sent = &sending.sent(redirecting.id).await[0];
        assert!(sent.last_error.as_ref().unwrap().contains("redirects are not followed"), "{name}: {sent:?}");
        sending.advance(6);
        let delivered = DeliveryStatus::Delivered;
        until("who hung answers now", || async { sending.count(hanging.id, delivered, 2).await == 1 }).await;
        sending.advance(34);
        until("so does the other", || async { sending.count(redirecting.id, delivered, 3).await == 1 }).await;
        assert!(inside.got().is_empty(), "{name}: a redirect was followed");
    }
}

/// A name server that points into the cloud's inside.
struct Rebinding;

impl Resolve for Rebinding {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses = vec!["169.254.169.254:80".parse().unwrap(), "127.0.0.1:80".parse().unwrap()];
        Box::pin(async move { Ok(Box::new(addresses.into_iter()) as Addrs) })
    }
}

#[tokio::test]
async fn private_addresses_are_refused_as_an_address_and_behind_a_name() {
    for Bench { name, db, _database } in benches().await {
        let outbound = Outbound::with_resolver(HttpAccess::default(), Arc::new(Rebinding)).unwrap();
        let sending = Sending::begin_with(&db, outbound, |_| ());
        let (webhook, _) = sending.webhook("http://hooks.example/in".to_owned()).await;
        tell_all(&db, &[event(FIRST, "thing/a", 1)]).await;
        until("it was tried", || async {
            sending.sent(webhook.id).await.first().is_some_and(|sent| sent.last_error.is_some())
        })
        .await;
        let sent = &sending.sent(webhook.id).await[0];
        let error = sent.last_error.as_ref().unwrap();
        assert!(error.contains("may not be reached"), "{name}: {error}");
        for url in ["http://169.254.169.254/", "http://127.0.0.1/", "http://[::1]/", "ftp://example.com/", "x"] {
            let change = weir_events::WebhookChange { url: Some(url.to_owned()), ..Default::default() };
            let error = sending.webhooks.update(&person(FIRST), webhook.id, None, change).await.unwrap_err();
            assert!(matches!(&error, Error::Invalid(mistakes) if mistakes[0].pointer == "/url"), "{url}: {error}");
        }
    }
}

#[tokio::test]
async fn who_answers_gone_gets_no_more() {
    for Bench { name, db, _database } in benches().await {
        let receiver = Receiver::start(Duration::ZERO).await;
        let sending = Sending::begin(&db, &receiver);
        let (webhook, _) = sending.webhook(receiver.url("hook")).await;
        receiver.next("hook", [Behaviour::Answer(410)]);
        tell_all(&db, &[event(FIRST, "thing/a", 1)]).await;
        until("it is disabled", || async { !sending.webhooks.get(FIRST, webhook.id).await.unwrap().enabled }).await;
        let disabled = sending.webhooks.get(FIRST, webhook.id).await.unwrap();
        assert!(disabled.disabled_because.unwrap().contains("410") && disabled.version == 2, "{name}");
        assert_eq!(sending.count(webhook.id, DeliveryStatus::Failed, 1).await, 1, "{name}");
        let told = db.query("SELECT events FROM outbox ORDER BY position DESC LIMIT 1", Vec::new()).await.unwrap();
        let told: Vec<DomainEvent> = serde_json::from_str(told[0].get(0).unwrap()).unwrap();
        assert_eq!((told[0].kind.as_str(), &told[0].data["enabled"]), ("WebhookUpdated", &false.into()), "{name}");
        tell_all(&db, &[event(FIRST, "thing/a", 2)]).await;
        until("the event was relayed", || async { sending.events.health().relayed == 4 }).await;
        assert_eq!(sending.sent(webhook.id).await.len(), 1, "{name}: nothing more is noted for it");
        assert_eq!(receiver.got().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_later_event_of_a_thing_waits_for_the_earlier_until_that_is_dead() {
    for Bench { name, db, _database } in benches().await {
        let receiver = Receiver::start(Duration::ZERO).await;
        let sending = Sending::begin(&db, &receiver);
        let (webhook, _) = sending.webhook(receiver.url("hook")).await;
        receiver.next("hook", std::iter::repeat_n(Behaviour::Say(500, "no\0"), 1));
        tell_all(&db, &[event(FIRST, "thing/a", 1)]).await;
        until("it was tried", || async { receiver.got().len() == 1 }).await;
        tell_all(&db, &[event(FIRST, "thing/a", 2), event(FIRST, "thing/b", 3)]).await;
        until("the other thing goes ahead", || async { receiver.numbers().contains(&3) }).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(receiver.numbers(), [1, 3], "{name}: 2 waits for 1");
        // From now on nobody is at home for 1.
        receiver.next("hook", std::iter::repeat_n(Behaviour::Answer(503), 7));
        for (tries, wait) in (2_i64..).zip(WAITS) {
            until("it is noted", || async {
                let first = &sending.sent(webhook.id).await[0];
                first.attempts == tries - 1 && first.next_at.is_some_and(|at| at > sending.clock.now())
            })
            .await;
            sending.advance(wait);
            until("it was tried again", || async { sending.sent(webhook.id).await[0].attempts == tries }).await;
        }
        let delivered = DeliveryStatus::Delivered;
        until("2 has its turn", || async { sending.count(webhook.id, delivered, 1).await == 2 }).await;
        assert_eq!(receiver.numbers(), [1, 3, 1, 1, 1, 1, 1, 1, 1, 2], "{name}");
        let dead = sending.sent(webhook.id).await[0].clone();
        assert_eq!((dead.status, dead.attempts, dead.last_status), (DeliveryStatus::Failed, 8, Some(503)), "{name}");
        assert_eq!(sending.deliveries.counts().await.unwrap(), (0, 1), "{name}");

        // It can be sent again: alone, and with all that failed.
        let ann = person(FIRST);
        sending.webhooks.redeliver(&ann, webhook.id, &dead.event_id).await.unwrap();
        sending.deliveries.wake();
        until("it arrives", || async { sending.count(webhook.id, delivered, 1).await == 3 }).await;
        assert_eq!(sending.webhooks.redeliver_failed(&ann, webhook.id).await.unwrap(), 0, "{name}");
        let failed = "UPDATE event_deliveries SET status = 'failed'";
        db.write(weir_db::Statement::new(failed, Vec::new())).await.unwrap();
        assert_eq!(sending.webhooks.redeliver_failed(&ann, webhook.id).await.unwrap(), 3, "{name}");
        let again = sending.webhooks.redeliver(&ann, webhook.id, "nothing").await.unwrap_err();
        assert!(matches!(again, Error::NoDelivery(_)), "{name}: {again}");
        until("all arrive", || async { sending.count(webhook.id, delivered, 1).await == 3 }).await;
        assert_eq!(receiver.got().len(), 14, "{name}");
        let late = sending.clock.now() + Duration::from_secs(31 * 24 * 60 * 60);
        assert_eq!(Retention::default().enforce(&db, late).await.unwrap().deliveries, 3, "{name}");
    }
}

#[tokio::test]
async fn a_rotated_secret_signs_for_one_more_day_and_keys_can_be_changed() {
    for Bench { name, db, _database } in benches().await {
        let receiver = Receiver::start(Duration::ZERO).await;
        let sending = Sending::begin(&db, &receiver);
        let (webhook, old) = sending.webhook(receiver.url("hook")).await;
        let (rotated, new) = sending.webhooks.rotate_secret(&person(FIRST), webhook.id, Some(1)).await.unwrap();
        assert!(old != new && rotated.version == 2, "{name}");
        let signed = |count: usize| {
            let receiver = receiver.clone();
            async move {
                until("it arrives", || async { receiver.got().len() == count }).await;
                let got = receiver.got().pop().unwrap();
                assert_eq!(got.path, "hook");
                (got.clone(), got.header("webhook-signature").split(' ').count())
            }
        };
        tell_all(&db, &[event(FIRST, "thing/a", 1)]).await;
        let (got, signatures) = signed(1).await;
        assert!(is_signed(&got, &old) && is_signed(&got, &new) && signatures == 2, "{name}");
        sending.advance(24 * 60 * 60);
        tell_all(&db, &[event(FIRST, "thing/a", 2)]).await;
        let (got, signatures) = signed(2).await;
        assert!(!is_signed(&got, &old) && is_signed(&got, &new) && signatures == 1, "{name}");

        // Secrets are sealed, and are sealed again under a new master key.
        let sealed = |db: weir_db::Db| async move {
            db.query("SELECT secret FROM webhooks", Vec::new()).await.unwrap()[0].get::<String>(0).unwrap()
        };
        assert!(!sealed(db.clone()).await.contains(&new[6..20]), "{name}");
        assert_eq!(sending.webhooks.reseal().await.unwrap(), 0, "{name}: there is but one key");
        let text = format!("one:{},two:{}", "A".repeat(43) + "=", "B".repeat(42) + "A=");
        let keyring = Arc::new(weir_vault::Keyring::from_text(&text).unwrap());
        let clock = Arc::clone(&sending.clock) as Arc<dyn Clock>;
        let webhooks = weir_events::Webhooks::new(db.clone(), keyring, outbound(&receiver), clock);
        assert_eq!((webhooks.reseal().await.unwrap(), webhooks.reseal().await.unwrap()), (1, 0), "{name}");
        assert!(sealed(db.clone()).await.starts_with("v1.two."), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_the_work_in_order_and_spare_the_receiver() {
    const TOLD: i64 = 120;
    for Bench { name, db, _database } in benches().await {
        let receiver = Receiver::start(Duration::from_millis(5)).await;
        let sending = Sending::begin(&db, &receiver);
        let _another = [sending.run_another(), sending.run_another()];
        let (webhook, _) = sending.webhook(receiver.url("hook")).await;
        for n in 0..TOLD {
            db.write(tell(&[event(FIRST, &format!("thing/{}", n % 7), n)])).await.unwrap();
        }
        sending.events.wake();
        let delivered = DeliveryStatus::Delivered;
        until("all arrive", || async { sending.count(webhook.id, delivered, 1).await == TOLD as usize }).await;
        let numbers = receiver.numbers();
        assert_eq!(numbers.len(), TOLD as usize, "{name}: each once");
        for thing in 0..7 {
            assert!(numbers.iter().filter(|n| *n % 7 == thing).is_sorted(), "{name}: thing/{thing} is out of order");
        }
        assert!(receiver.most_at_once() <= 4, "{name}: {} at once", receiver.most_at_once());
    }
}

#[tokio::test]
async fn a_deleted_workspace_sends_nothing_more() {
    for Bench { name, db, _database } in benches().await {
        let receiver = Receiver::start(Duration::ZERO).await;
        let sending = Sending::begin(&db, &receiver);
        let (webhook, _) = sending.webhook(receiver.url("hook")).await;
        receiver.next("hook", [Behaviour::Answer(500)]);
        tell_all(&db, &[event(FIRST, "thing/a", 1)]).await;
        until("the first try failed", || async {
            sending.sent(webhook.id).await.first().is_some_and(|sent| sent.last_status == Some(500))
        })
        .await;
        let mut deleted = event(FIRST, &format!("workspace/{FIRST}"), 1);
        deleted.kind = "WorkspaceDeleted".to_owned();
        // One portion, with what is told before and after.
        db.write(tell(&[event(FIRST, "thing/b", 2), deleted, event(FIRST, "thing/c", 3)])).await.unwrap();
        sending.events.wake();
        until("nothing is to be sent", || async { sending.sent(webhook.id).await.is_empty() }).await;
        let off = sending.webhooks.get(FIRST, webhook.id).await.unwrap();
        assert!(!off.enabled && off.version == 2, "{name}");
        assert_eq!(off.disabled_because.as_deref(), Some("the workspace was deleted"), "{name}");
        tell_all(&db, &[event(FIRST, "thing/d", 4)]).await;
        sending.advance(60);
        until("all is relayed", || async { sending.events.health().relayed == 5 }).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(receiver.got().len(), 1, "{name}");
        assert!(sending.sent(webhook.id).await.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn what_a_dead_process_was_sending_is_sent_by_another() {
    for Bench { name, db, _database } in benches().await {
        let receiver = Receiver::start(Duration::ZERO).await;
        let sending = Sending::begin(&db, &receiver);
        let (webhook, _) = sending.webhook(receiver.url("hook")).await;
        // As a process leaves it that was killed after it had taken the delivery.
        tell_all(&db, &[event(FIRST, "thing/a", 1)]).await;
        until("it arrives", || async { sending.count(webhook.id, DeliveryStatus::Delivered, 1).await == 1 }).await;
        let until_then = sending.clock.now() + Duration::from_secs(180);
        let taken = "UPDATE event_deliveries SET status = 'pending', claim = receiver, claimed_until = $1";
        db.write(weir_db::Statement::new(taken, weir_db::args![until_then])).await.unwrap();
        sending.advance(170);
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(receiver.got().len(), 1, "{name}: somebody may still be sending it");
        sending.advance(10);
        until("it is sent again", || async { sending.count(webhook.id, DeliveryStatus::Delivered, 2).await == 1 })
            .await;
        assert_eq!(receiver.got().len(), 2, "{name}");
    }
}
