//! A server of the tests that events are posted to, and what sends to it.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use weir_base::{Clock, Credential, ManualClock, Page, WebhookId, WorkspaceId};
use weir_db::Db;
use weir_events::{
    Deliveries, Delivery, DeliveryStatus, Events, NewWebhook, NotificationRules, SecretSource, Senders, Webhook,
    Webhooks,
};
use weir_outbound::{HttpAccess, Outbound};
use weir_vault::Keyring;

use super::{FIRST, Relaying, manual_clock, person};

/// What the server does with a message.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    Answer(u16),
    Say(u16, &'static str),
    Redirect(String),
    Hang,
}

/// A message that came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

#[derive(Default)]
struct Happened {
    got: Vec<Got>,
    /// What is done next at a path; then 200 is answered.
    next: HashMap<String, VecDeque<Behaviour>>,
    at_once: usize,
    most_at_once: usize,
}

/// A server that does as it is told.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    happened: Arc<Mutex<Happened>>,
    /// How long each answer takes.
    pause: Duration,
}

impl Receiver {
    pub(crate) async fn start(pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self { address: listener.local_addr().unwrap(), happened: Arc::default(), pause };
        let app = Router::new().route("/{*path}", post(receive)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(crate) fn next(&self, path: &str, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.happened.lock().unwrap().next.entry(path.to_owned()).or_default().extend(behaviours);
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.happened.lock().unwrap().got.clone()
    }

    /// The numbers of the events that came, in order.
    pub(crate) fn numbers(&self) -> Vec<i64> {
        self.got().iter().map(|got| got.event()["data"]["n"].as_i64().unwrap()).collect()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.happened.lock().unwrap().most_at_once
    }
}

async fn receive(
    State(receiver): State<Receiver>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let behaviour = {
        let mut happened = receiver.happened.lock().unwrap();
        happened.got.push(Got { path: path.clone(), headers, body });
        happened.at_once += 1;
        happened.most_at_once = happened.most_at_once.max(happened.at_once);
        let next = happened.next.get_mut(&path).and_then(VecDeque::pop_front);
        next.unwrap_or(Behaviour::Answer(200))
    };
    tokio::time::sleep(receiver.pause).await;
    if matches!(behaviour, Behaviour::Hang) {
        std::future::pending::<()>().await;
    }
    receiver.happened.lock().unwrap().at_once -= 1;
    match behaviour {
        Behaviour::Answer(status) => (StatusCode::from_u16(status).unwrap(), "thanks ".repeat(1000)).into_response(),
        Behaviour::Say(status, text) => (StatusCode::from_u16(status).unwrap(), text).into_response(),
        Behaviour::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Behaviour::Hang => StatusCode::OK.into_response(),
    }
}

/// The credentials of the tests.
#[derive(Default)]
pub(crate) struct Secrets(pub(crate) Mutex<HashMap<String, Credential>>);

impl SecretSource for Secrets {
    fn secret<'a>(&'a self, _: WorkspaceId, name: &'a str) -> BoxFuture<'a, Result<Credential, String>> {
        let found = self.0.lock().unwrap().get(name).cloned();
        Box::pin(async move { found.ok_or_else(|| format!("there is no credential {name:?}")) })
    }
}

/// Everything that sends events, over one database.
pub(crate) struct Sending {
    pub(crate) db: Db,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) events: Events,
    pub(crate) webhooks: Webhooks,
    pub(crate) rules: NotificationRules,
    pub(crate) deliveries: Deliveries,
    stop: CancellationToken,
    _relaying: Relaying,
}

impl Sending {
    /// Sends to this receiver, which may be reached although it is not public, and to nobody else.
    pub(crate) fn begin(db: &Db, receiver: &Receiver) -> Self {
        Self::begin_with(db, outbound(receiver), |_| ())
    }

    pub(crate) fn begin_with(db: &Db, outbound: Outbound, change: impl FnOnce(&mut Senders)) -> Self {
        let clock = manual_clock();
        let keyring = Arc::new(Keyring::from_text(&format!("one:{}", "A".repeat(43) + "=")).unwrap());
        let mut senders = Senders {
            keyring: Arc::clone(&keyring),
            outbound: outbound.clone(),
            mailer: None,
            secrets: Arc::new(Secrets::default()),
            slack_api: None,
        };
        change(&mut senders);
        let dynamic = || Arc::clone(&clock) as Arc<dyn Clock>;
        let deliveries = Deliveries::new(db.clone(), senders, dynamic());
        let events = Events::new(db.clone(), dynamic());
        let stop = CancellationToken::new();
        let sending = Self {
            db: db.clone(),
            webhooks: Webhooks::new(db.clone(), keyring, outbound, dynamic()),
            rules: NotificationRules::new(db.clone(), dynamic()),
            _relaying: Relaying::begin(&events, vec![Arc::new(deliveries.clone())]),
            events,
            deliveries,
            clock,
            stop,
        };
        sending.run_another();
        sending
    }

    /// Another process that sends.
    pub(crate) fn run_another(&self) -> tokio::task::JoinHandle<()> {
        let (deliveries, stop) = (self.deliveries.clone(), self.stop.clone());
        tokio::spawn(async move { deliveries.run(stop).await })
    }

    pub(crate) async fn webhook(&self, url: String) -> (Webhook, String) {
        let new = NewWebhook {
            url,
            description: "a test".to_owned(),
            events: vec!["ThingChanged".to_owned()],
            enabled: true,
        };
        self.webhooks.create(&person(FIRST), new).await.unwrap()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.deliveries.wake();
    }

    /// The deliveries of a webhook, the oldest first.
    pub(crate) async fn sent(&self, webhook: WebhookId) -> Vec<Delivery> {
        let page = weir_base::PageRequest::new(Some(200), None);
        let Page { mut items, .. } = self.webhooks.deliveries(FIRST, webhook, None, &page).await.unwrap();
        items.reverse();
        items
    }

    /// How many of its deliveries have this status, and were tried so often.
    pub(crate) async fn count(&self, webhook: WebhookId, status: DeliveryStatus, attempts: i64) -> usize {
        let sent = self.sent(webhook).await;
        let alike =
            |it: &&Delivery| it.status == status && it.attempts == attempts && it.updated_at <= self.clock.now();
        sent.iter().filter(alike).count()
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Reaches this receiver, and public addresses.
pub(crate) fn outbound(receiver: &Receiver) -> Outbound {
    let allow = vec![receiver.address.to_string().parse().unwrap()];
    Outbound::new(HttpAccess { allow, ..HttpAccess::default() }).unwrap()
}
