//! What starts workflows by itself: moments, requests, events, forms; once each, on both databases.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use weir_base::{
    Actor, Clock as _, Credential, ErrorKind, PageRequest, Permission, Principal, Timestamp, WorkflowId, WorkspaceId,
};
use weir_engine::credential::FixedCredentials;
use weir_engine::executions::Filter;
use weir_events::{DomainEvent, Located, Position, Subscriber};
use weir_workflows::triggers::{Change, Error, HookRequest, NewTrigger, Respond, Trigger, TriggerConfig, Triggers};

use crate::{Bench, FIRST, benches, operator};

/// What the workflows of these tests put out.
const OUTPUT: &str = "{{ JSON.stringify(input) }}";

impl Bench {
    fn triggers(&self) -> Triggers {
        let partner = Credential::Signing { secret: "sesame".to_owned() };
        let credentials = FixedCredentials::from_iter([("partner".to_owned(), partner)]);
        Triggers::new(self.db.clone(), self.workflows.clone(), Arc::new(credentials), Arc::clone(&self.clock) as _)
    }

    /// Lets the time be this.
    fn until(&self, instant: Timestamp) {
        self.clock.advance((instant - self.clock.now()).to_std().unwrap());
    }

    /// A published workflow that puts its input out.
    async fn echo(&self, name: &str) -> WorkflowId {
        let id = self.draft(name).await;
        self.change(id, name, json!(OUTPUT)).await;
        self.workflows.publish(operator(), id, None).await.unwrap();
        id
    }

    /// The triggers and inputs of a workflow's executions, the oldest first, once there are so many.
    async fn started(&self, workflow: WorkflowId, count: usize) -> Vec<(String, Value)> {
        let filter = Filter { workflow_id: Some(workflow), ..Filter::default() };
        for _ in 0..1000 {
            let page = self.engine.executions().list(FIRST, &filter, &PageRequest::default()).await.unwrap();
            if page.items.len() >= count && page.items.iter().all(|execution| execution.status.is_terminal()) {
                let mut started = Vec::new();
                for execution in page.items.iter().rev() {
                    let details = self.engine.executions().details(FIRST, execution.id).await.unwrap();
                    let input = details.output.as_ref().and_then(Value::as_str).unwrap_or("null").to_owned();
                    started.push((execution.trigger.clone(), serde_json::from_str(&input).unwrap()));
                }
                assert_eq!(started.len(), count, "{started:?}");
                return started;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("workflow {workflow} was not started {count} times");
    }
}

fn new(config: Value) -> NewTrigger {
    NewTrigger { name: "Test".to_owned(), config: serde_json::from_value(config).unwrap(), enabled: true }
}

fn request(path: &str, headers: &[(&str, &str)], body: &str) -> HookRequest {
    HookRequest {
        method: "POST".to_owned(),
        path: path.to_owned(),
        query: Vec::new(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn stranger() -> Principal {
    Principal::operator(WorkspaceId::new())
}

/// Runs what is due as two processes at once, until `done`.
fn run_twice<'a>(
    one: &'a Triggers,
    other: &'a Triggers,
    done: impl Future<Output = ()> + 'a,
) -> impl Future<Output = ()> + 'a {
    Box::pin(async move {
        let stop = CancellationToken::new();
        let until = async {
            done.await;
            stop.cancel();
        };
        tokio::join!(one.run(stop.clone()), other.run(stop.clone()), until);
    })
}

#[tokio::test]
async fn a_schedule_fires_once_a_moment_although_two_processes_see_it() {
    for bench in benches().await {
        let (one, other) = (bench.triggers(), bench.triggers());
        let workflow = bench.echo("Scheduled").await;
        let config = json!({"kind": "cron", "schedule": "*/10 * * * *", "missed": "all"});
        let trigger = one.create(operator(), workflow, new(config)).await.unwrap();
        let first = trigger.next_at.unwrap();
        bench.until(first + Duration::from_secs(25 * 60));
        run_twice(&one, &other, async {
            bench.started(workflow, 3).await;
            while one.get(FIRST, trigger.id).await.unwrap().next_at < Some(bench.clock.now()) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let started = bench.started(workflow, 3).await;
        let expected: Vec<_> = (0..3)
            .map(|number| {
                let at: Timestamp = first + Duration::from_secs(number * 600);
                let at = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                ("cron".to_owned(), json!({"scheduled_at": at}))
            })
            .collect();
        assert_eq!(started, expected);
        let after = one.get(FIRST, trigger.id).await.unwrap();
        assert_eq!((after.next_at, after.last_error), (Some(first + Duration::from_secs(1800)), None));
    }
}

#[tokio::test]
async fn a_schedule_that_cannot_start_its_workflow_says_why_and_goes_on() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.echo("Paused").await;
        let config = json!({"kind": "cron", "schedule": "0 * * * *", "missed": "once"});
        let trigger = triggers.create(operator(), workflow, new(config)).await.unwrap();
        bench.workflows.pause(operator(), workflow, None).await.unwrap();
        bench.until(trigger.next_at.unwrap());
        let stop = CancellationToken::new();
        let told = async {
            loop {
                let now = triggers.get(FIRST, trigger.id).await.unwrap();
                if let Some(error) = now.last_error {
                    stop.cancel();
                    return (error, now.next_at);
                }
                tokio::task::yield_now().await;
            }
        };
        let ((), (error, next_at)) = tokio::join!(triggers.run(stop.clone()), told);
        assert!(error.contains("is paused: resume it to run it"), "{error}");
        assert!(next_at > trigger.next_at);
    }
}

#[tokio::test]
async fn a_webhook_starts_its_workflow_once_a_request() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.echo("Hooked").await;
        let config = json!({
            "kind": "webhook", "path": "orders/new", "methods": ["POST"], "respond": "on_finish",
            "idempotency_header": "X-Delivery",
        });
        let trigger = triggers.create(operator(), workflow, new(config)).await.unwrap();
        let headers = [("x-delivery", "1"), ("content-type", "application/json"), ("authorization", "Bearer mine")];
        let fired = triggers.hook(request("orders/new", &headers, r#"{"total": 7}"#)).await.unwrap();
        assert_eq!((fired.respond, fired.started.existing), (Respond::OnFinish, false));
        let again = triggers.hook(request("orders/new", &headers, r#"{"total": 7}"#)).await.unwrap();
        assert_eq!((again.started.id, again.started.existing), (fired.started.id, true));
        let (word, input) = bench.started(workflow, 1).await.remove(0);
        assert_eq!((word.as_str(), &input["body"]), ("webhook", &json!({"total": 7})));
        assert_eq!(input["headers"].get("authorization"), None);

        let wrong = HookRequest { method: "GET".to_owned(), ..request("orders/new", &[], "") };
        assert!(matches!(triggers.hook(wrong).await, Err(Error::Method { .. })));
        assert!(matches!(triggers.hook(request("orders", &[], "")).await, Err(Error::NoAddress(_))));
        let off = Change { enabled: Some(false), ..Change::default() };
        triggers.update(operator(), trigger.id, None, off).await.unwrap();
        assert!(matches!(triggers.hook(request("orders/new", &[], "")).await, Err(Error::NoAddress(_))));
    }
}

#[tokio::test]
async fn a_webhook_lets_in_only_who_signs_as_it_asks() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.echo("Signed").await;
        let with = |credential: &str| {
            let check = json!({"type": "hmac", "credential": credential});
            new(json!({"kind": "webhook", "path": format!("signed-{credential}"), "check": check}))
        };
        triggers.create(operator(), workflow, with("partner")).await.unwrap();
        triggers.create(operator(), workflow, with("gone")).await.unwrap();
        let other = sign("another secret", "body");
        let other = [("x-hub-signature-256", other.as_str())];
        let wrong = triggers.hook(request("signed-partner", &other, "body")).await;
        assert!(matches!(&wrong, Err(error) if error.kind() == ErrorKind::Unauthenticated), "{wrong:?}");
        let missing = triggers.hook(request("signed-partner", &[], "body")).await;
        assert!(matches!(&missing, Err(error) if error.kind() == ErrorKind::Unauthenticated), "{missing:?}");
        let gone = triggers.hook(request("signed-gone", &other, "body")).await;
        assert_eq!(gone.unwrap_err().to_string(), "the webhook's credential \"gone\" is missing");
        let signature = sign("sesame", "body");
        let fired = triggers.hook(request("signed-partner", &[("x-hub-signature-256", &signature)], "body")).await;
        assert!(fired.is_ok(), "{fired:?}");
        bench.started(workflow, 1).await;
    }
}

fn sign(secret: &str, body: &str) -> String {
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

#[tokio::test]
async fn a_test_address_runs_the_draft_once_and_only_while_somebody_listens() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.draft("Tried").await;
        bench.change(workflow, "Tried", json!("the draft ran")).await;
        let config = json!({"kind": "webhook", "path": "try"});
        let trigger = triggers.create(operator(), workflow, new(config)).await.unwrap();
        assert!(matches!(triggers.test_hook(request("try", &[], "")).await, Err(Error::NotListening(_))));
        let until = triggers.listen(operator(), trigger.id).await.unwrap();
        let fired = triggers.test_hook(request("try", &[], "")).await.unwrap();
        let details = bench.engine.wait(FIRST, fired.started.id, Duration::from_secs(30)).await.unwrap();
        assert!(
            matches!(details, weir_engine::Waited::Ended(details) if details.output == Some(json!("the draft ran")))
        );
        assert!(matches!(triggers.test_hook(request("try", &[], "")).await, Err(Error::NotListening(_))));

        triggers.listen(operator(), trigger.id).await.unwrap();
        bench.until(until + Duration::from_secs(120));
        assert!(matches!(triggers.test_hook(request("try", &[], "")).await, Err(Error::NotListening(_))));
        let unpublished = triggers.hook(request("try", &[], "")).await.unwrap_err();
        assert_eq!(unpublished.kind(), ErrorKind::Conflict, "{unpublished}");
    }
}

#[tokio::test]
async fn an_event_that_passes_the_filter_starts_the_workflow_once() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.echo("Listening").await;
        let config = json!({"kind": "event", "events": ["Order*"], "filter": "event.data.total > 10"});
        triggers.create(operator(), workflow, new(config)).await.unwrap();
        let event = |kind: &str, total: u32, who: &Principal| {
            DomainEvent::by(who, kind, "order/1".to_owned(), bench.clock.now(), json!({"total": total}))
        };
        let told = [
            event("OrderPlaced", 11, operator()),
            event("OrderPlaced", 3, operator()),
            event("ParcelSent", 99, operator()),
            event("OrderPlaced", 99, &stranger()),
        ];
        offer(&bench, &triggers, &told).await;
        // As after a crash between the relay's batch and the news of it.
        offer(&bench, &triggers, &told).await;
        run_twice(&triggers, &bench.triggers(), async {
            bench.started(workflow, 1).await;
            while waiting(&bench).await > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        offer(&bench, &triggers, &told).await;
        run_twice(&triggers, &bench.triggers(), async {
            while waiting(&bench).await > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let started = bench.started(workflow, 1).await;
        assert_eq!(started[0].0, "event/1");
        assert_eq!(started[0].1["event"]["id"], json!(told[0].id));
    }
}

#[tokio::test]
async fn workflows_that_start_each_other_by_their_events_are_stopped() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.echo("Round and round").await;
        let config = json!({"kind": "event", "events": ["ExecutionCompleted"]});
        let trigger = triggers.create(operator(), workflow, new(config)).await.unwrap();
        let event = |chain: u32| {
            let subject = format!("execution/{chain}");
            let event = DomainEvent::by(operator(), "ExecutionCompleted", subject, bench.clock.now(), json!({}));
            DomainEvent { trigger: Some(format!("event/{chain}")), ..event }
        };
        offer(&bench, &triggers, &[event(7), event(8)]).await;
        run_twice(&triggers, &bench.triggers(), async {
            while waiting(&bench).await > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let started = bench.started(workflow, 1).await;
        assert_eq!(started[0].0, "event/8");
        let error = triggers.get(FIRST, trigger.id).await.unwrap().last_error;
        assert!(error.as_deref().is_none_or(|error| error.contains("looks like a loop")), "{error:?}");
    }
}

#[tokio::test]
async fn a_trigger_that_cannot_be_read_keeps_no_other_from_firing() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.echo("Beside a damaged one").await;
        let scheduled = json!({"kind": "cron", "schedule": "0 * * * *", "missed": "once"});
        let listening = json!({"kind": "event", "events": ["OrderPlaced"]});
        let damaged = [scheduled.clone(), listening.clone()];
        for config in damaged.iter().chain([&scheduled, &listening]) {
            triggers.create(operator(), workflow, new(config.clone())).await.unwrap();
        }
        let event =
            DomainEvent::by(operator(), "OrderPlaced", "order/1".to_owned(), bench.clock.now(), json!({"total": 1}));
        offer(&bench, &triggers, &[event]).await;
        let damage = "UPDATE triggers SET config = '{}' WHERE id IN \
                      (SELECT id FROM triggers ORDER BY id LIMIT 2)";
        bench.db.write(weir_db::Statement::new(damage, Vec::new())).await.unwrap();
        bench.until(bench.clock.now() + Duration::from_secs(3600));
        run_twice(&triggers, &bench.triggers(), async {
            bench.started(workflow, 2).await;
            while waiting(&bench).await > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn the_triggers_of_a_deleted_workspace_start_nothing_any_more() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.echo("Left behind").await;
        let mut made = Vec::new();
        for config in [
            json!({"kind": "cron", "schedule": "0 * * * *"}),
            json!({"kind": "webhook", "path": "left/behind"}),
            json!({"kind": "event", "events": ["*"]}),
        ] {
            made.push(triggers.create(operator(), workflow, new(config)).await.unwrap().id);
        }
        triggers.listen(operator(), made[1]).await.unwrap();
        let deleted = |who: &Principal| {
            let subject = format!("workspace/{}", who.workspace);
            DomainEvent::by(who, "WorkspaceDeleted", subject, bench.clock.now(), json!({}))
        };
        offer(&bench, &triggers, &[deleted(&stranger())]).await;
        assert!(triggers.get(FIRST, made[0]).await.unwrap().enabled);
        offer(&bench, &triggers, &[deleted(operator())]).await;
        for id in made {
            let trigger = triggers.get(FIRST, id).await.unwrap();
            assert_eq!((trigger.enabled, trigger.next_at, trigger.listening_until), (false, None, None));
        }
        assert_eq!(waiting(&bench).await, 0);
        let called = triggers.hook(request("left/behind", &[], "")).await;
        assert!(matches!(called, Err(Error::NoAddress(_))), "{called:?}");
        let tested = triggers.test_hook(request("left/behind", &[], "")).await;
        assert!(matches!(tested, Err(Error::NotListening(_))), "{tested:?}");
    }
}

#[tokio::test]
async fn a_request_that_started_its_workflow_is_answered_well_although_that_cannot_be_noted() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.echo("Not noted").await;
        let config = json!({"kind": "webhook", "path": "not/noted"});
        triggers.create(operator(), workflow, new(config)).await.unwrap();
        let refuse = match bench.db.dialect() {
            weir_db::Dialect::Sqlite => {
                "CREATE TRIGGER no_notes BEFORE UPDATE OF last_at ON triggers \
                 BEGIN SELECT RAISE(ABORT, 'not now'); END"
            }
            weir_db::Dialect::Postgres => "ALTER TABLE triggers ADD CONSTRAINT no_notes CHECK (last_at IS NULL)",
        };
        bench.db.write(weir_db::Statement::new(refuse, Vec::new())).await.unwrap();
        triggers.hook(request("not/noted", &[], "once")).await.unwrap();
        assert_eq!(bench.started(workflow, 1).await[0].1["body"], json!("once"));
    }
}

/// Keeps what the triggers make of these events, as the relay does.
async fn offer(bench: &Bench, triggers: &Triggers, events: &[DomainEvent]) {
    let located: Vec<Located> =
        events.iter().map(|event| Located { position: Position::START, event: Arc::new(event.clone()) }).collect();
    let statements = triggers.consequences(&located).await.unwrap();
    bench.db.write(weir_db::Batch::from(statements)).await.unwrap();
    triggers.kept();
}

async fn waiting(bench: &Bench) -> i64 {
    let rows = bench.db.query("SELECT COUNT(*) FROM trigger_firings", Vec::new()).await.unwrap();
    rows[0].get(0).unwrap()
}

#[tokio::test]
async fn a_form_takes_what_fits_from_whom_it_is_for() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.echo("Form").await;
        let schema = json!({"type": "object", "required": ["word"], "properties": {"word": {"type": "string"}}});
        let form = |path: &str, access: &str| {
            new(json!({"kind": "form", "path": path, "title": "A word", "schema": schema, "access": access}))
        };
        triggers.create(operator(), workflow, form("open", "public")).await.unwrap();
        triggers.create(operator(), workflow, form("ours", "members")).await.unwrap();
        assert_eq!(triggers.form("open", None).await.unwrap().schema, schema);
        assert!(matches!(triggers.form("ours", None).await, Err(Error::MembersOnly)));
        assert!(matches!(triggers.form("ours", Some(&stranger())).await, Err(Error::NoAddress(_))));
        let reader = Principal { permissions: [Permission::WorkflowRead].into_iter().collect(), ..operator().clone() };
        assert!(matches!(triggers.form("ours", Some(&reader)).await, Err(Error::NoAddress(_))));

        let misfit = triggers.submit("open", None, json!({"word": 7}), None).await.unwrap_err();
        assert!(matches!(&misfit, Error::Answers(mistakes) if mistakes[0].pointer == "/word"), "{misfit:?}");
        let once = triggers.submit("open", None, json!({"word": "yes"}), Some("a")).await.unwrap();
        let twice = triggers.submit("open", None, json!({"word": "yes"}), Some("a")).await.unwrap();
        assert_eq!(once.started.id, twice.started.id);
        assert_eq!(bench.started(workflow, 1).await, [("form".to_owned(), json!({"word": "yes"}))]);
    }
}

#[tokio::test]
async fn a_trigger_of_another_workspace_is_none() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.echo("Ours").await;
        let config = json!({"kind": "webhook"});
        let trigger = triggers.create(operator(), workflow, new(config.clone())).await.unwrap();
        assert!(trigger.config.path().is_some_and(|path| path.len() == 32), "an address nobody guesses is made up");
        let other = stranger();
        let not_found = |result: Result<Trigger, Error>| result.unwrap_err().kind() == ErrorKind::NotFound;
        assert!(not_found(triggers.get(other.workspace, trigger.id).await));
        assert!(not_found(triggers.update(&other, trigger.id, None, Change::default()).await));
        assert!(not_found(triggers.create(&other, workflow, new(config)).await));
        assert_eq!(triggers.delete(&other, trigger.id).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(triggers.listen(&other, trigger.id).await.unwrap_err().kind(), ErrorKind::NotFound);
        let page = triggers.list(other.workspace, None, &PageRequest::default()).await.unwrap();
        assert!(page.items.is_empty());
        triggers.delete(operator(), trigger.id).await.unwrap();
        assert!(not_found(triggers.get(FIRST, trigger.id).await));
    }
}

#[tokio::test]
async fn mistakes_are_told_all_at_once_and_an_address_belongs_to_one() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.echo("Mistaken").await;
        let pointers = async |config: Value| match triggers.create(operator(), workflow, new(config)).await {
            Err(Error::Invalid(mistakes)) => mistakes.into_iter().map(|mistake| mistake.pointer).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let webhook = json!({"kind": "webhook", "path": "a//b", "methods": ["P OST"], "idempotency_header": "a b"});
        assert_eq!(pointers(webhook).await, ["/config/path", "/config/methods/0", "/config/idempotency_header"]);
        assert_eq!(pointers(json!({"kind": "cron", "schedule": "whenever"})).await, ["/config/schedule"]);
        let zone = json!({"kind": "cron", "schedule": "* * * * *", "time_zone": "Berlin"});
        assert_eq!(pointers(zone).await, ["/config/time_zone"]);
        let event = json!({"kind": "event", "events": ["a b"], "filter": "steps.a > 1"});
        assert_eq!(pointers(event).await, ["/config/events", "/config/filter"]);
        let form = json!({"kind": "form", "title": " ", "schema": {"type": "strong"}});
        assert_eq!(pointers(form).await, ["/config/title", "/config/schema/type"]);

        let config = json!({"kind": "webhook", "path": "taken"});
        triggers.create(operator(), workflow, new(config.clone())).await.unwrap();
        assert!(matches!(triggers.create(operator(), workflow, new(config)).await, Err(Error::Taken(_))));
    }
}

#[tokio::test]
async fn a_change_based_on_an_old_version_is_refused_and_each_change_is_told() {
    for bench in benches().await {
        let triggers = bench.triggers();
        let workflow = bench.echo("Changing").await;
        let config = json!({"kind": "cron", "schedule": "0 8 * * *"});
        let trigger = triggers.create(operator(), workflow, new(config)).await.unwrap();
        let off = Change { enabled: Some(false), ..Change::default() };
        let changed = triggers.update(operator(), trigger.id, Some(1), off.clone()).await.unwrap();
        assert_eq!((changed.version, changed.next_at), (2, None));
        assert!(matches!(triggers.update(operator(), trigger.id, Some(1), off).await, Err(Error::Stale { .. })));
        triggers.delete(operator(), trigger.id).await.unwrap();
        let rows = bench.db.query("SELECT events FROM outbox ORDER BY position", Vec::new()).await.unwrap();
        let told: Vec<DomainEvent> = rows
            .iter()
            .flat_map(|row| serde_json::from_str::<Vec<DomainEvent>>(row.get(0).unwrap()).unwrap())
            .filter(|event| event.subject == format!("trigger/{}", trigger.id))
            .collect();
        let kinds: Vec<&str> = told.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["TriggerCreated", "TriggerUpdated", "TriggerDeleted"]);
        assert!(told.iter().all(|event| event.actor == Actor::Operator.to_string()));
    }
}

#[test]
fn a_configuration_with_an_unknown_field_is_refused() {
    for config in [
        json!({"kind": "cron", "schedule": "* * * * *", "timezone": "UTC"}),
        json!({"kind": "webhook", "check": {"type": "bearer", "credential": "a", "token": "b"}}),
        json!({"kind": "carrier_pigeon"}),
    ] {
        assert!(serde_json::from_value::<TriggerConfig>(config.clone()).is_err(), "{config}");
    }
}
