//! The ways out: how an event is told to a webhook, by mail and in Slack.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;
use weir_base::{Credential, Timestamp, WorkspaceId};
use weir_mail::{Mailer, Message};
use weir_outbound::{Answer, Outbound, Request};
use weir_vault::Keyring;

use crate::signature::signatures;
use crate::webhooks::Sealed;
use crate::{Channel, DomainEvent, NotificationRule};

/// How long a receiver may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How much of an answer is kept, in bytes.
const KEPT: usize = 1024;

/// The longest data of an event that a message to people shows, in bytes.
const SHOWN: usize = 2000;

/// Where Slack takes messages of bots.
const SLACK_API: &str = "https://slack.com/api/";

/// Where secrets come from that a rule names.
pub trait SecretSource: Send + Sync {
    /// The credential of this name in a workspace.
    ///
    /// # Errors
    /// Says why there is none to be had, without any secret.
    fn secret<'a>(&'a self, workspace: WorkspaceId, name: &'a str) -> BoxFuture<'a, Result<Credential, String>>;
}

/// What events are sent by.
#[derive(Clone)]
pub struct Senders {
    /// Opens the secrets of webhooks.
    pub keyring: Arc<Keyring>,
    /// Reaches webhooks and Slack.
    pub outbound: Outbound,
    /// Sends mail, if the installation can.
    pub mailer: Option<Mailer>,
    /// Knows the credentials that rules name.
    pub secrets: Arc<dyn SecretSource>,
    /// Where Slack takes messages of bots, if not where everybody's Slack does.
    pub slack_api: Option<Url>,
}

/// What came of one try.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Why it did not arrive.
    pub(crate) error: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) response: Option<String>,
    /// The receiver wants no more.
    pub(crate) gone: bool,
}

impl Sent {
    pub(crate) fn failed(error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), ..Self::default() }
    }

    fn answered(answer: &Answer) -> Self {
        let status = answer.status;
        let body = String::from_utf8_lossy(&answer.body).replace('\0', "\u{fffd}");
        let error = match status {
            status if status.is_success() => None,
            StatusCode::GONE => Some("answered 410: it wants no more events".to_owned()),
            status if status.is_redirection() => Some(format!("answered {status}: redirects are not followed")),
            status => Some(format!("answered {status}")),
        };
        Self { error, status: Some(status.as_u16()), response: Some(body), gone: status == StatusCode::GONE }
    }
}

impl Senders {
    /// Posts an event to a webhook, signed.
    pub(crate) async fn post(&self, to: &Sealed, event: &DomainEvent, now: Timestamp) -> Sent {
        let Ok(url) = Url::parse(&to.webhook.url) else { return Sent::failed("the address is no URL") };
        let secrets = match to.secrets(&self.keyring, now) {
            Ok(secrets) => secrets,
            Err(error) => return Sent::failed(error.to_string()),
        };
        let body = event.cloud_event().to_string();
        let seconds = now.timestamp();
        let signature = signatures(secrets.iter().map(String::as_str), &event.id, seconds, body.as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/cloudevents+json; charset=utf-8"));
        for (name, value) in [
            ("webhook-id", event.id.clone()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signature),
        ] {
            let Ok(value) = HeaderValue::from_str(&value) else {
                return Sent::failed(format!("the event's id cannot be sent as {name}"));
            };
            headers.insert(HeaderName::from_static(name), value);
        }
        self.send(url, headers, body).await
    }

    /// Tells people of an event.
    pub(crate) async fn notify(&self, rule: &NotificationRule, event: &DomainEvent) -> Sent {
        match &rule.channel {
            Channel::Email { to } => self.mail(rule, to, event).await,
            Channel::Slack { credential, channel } => self.slack(rule, credential, channel.as_deref(), event).await,
        }
    }

    async fn mail(&self, rule: &NotificationRule, to: &[String], event: &DomainEvent) -> Sent {
        let Some(mailer) = &self.mailer else { return Sent::failed("no mail server is configured") };
        let subject: String = format!("[Weir] {}: {}", event.kind, event.subject)
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .take(200)
            .collect();
        let message = Message {
            to: to.to_vec(),
            subject,
            text: format!("{}\n\nYou get this by the notification rule {:?} of Weir.\n", text(event), rule.name),
            id: Some(format!("{}/{}", rule.id, event.id)),
            ..Message::default()
        };
        match mailer.send(&message).await {
            Ok(()) => Sent::default(),
            Err(error) => Sent::failed(error.to_string()),
        }
    }

    async fn slack(
        &self,
        rule: &NotificationRule,
        credential: &str,
        channel: Option<&str>,
        event: &DomainEvent,
    ) -> Sent {
        let secret = match self.secrets.secret(rule.workspace, credential).await {
            Ok(Credential::Slack { secret }) => secret,
            Ok(other) => return Sent::failed(format!("credential {credential:?} is {}, not slack", other.kind())),
            Err(error) => return Sent::failed(error),
        };
        let escaped = text(event).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        let (hook, is_bot) = match Url::parse(&secret) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => (Ok(url), false),
            _ => {
                let Ok(mut token) = HeaderValue::from_str(&format!("Bearer {secret}")) else {
                    return Sent::failed(format!("credential {credential:?} is neither a token nor a URL"));
                };
                token.set_sensitive(true);
                headers.insert(AUTHORIZATION, token);
                let api = self.slack_api.clone().map_or_else(|| Url::parse(SLACK_API), Ok);
                (api.and_then(|api| api.join("chat.postMessage")), true)
            }
        };
        let hook = match hook {
            Ok(hook) => hook,
            Err(error) => return Sent::failed(format!("the address of Slack is no URL: {error}")),
        };
        if is_bot && channel.is_none() {
            return Sent::failed("the rule names no channel, which a bot needs");
        }
        let mut body = json!({"text": escaped});
        if let Some(channel) = channel {
            body["channel"] = json!(channel);
        }
        let mut sent = self.send(hook, headers, body.to_string()).await;
        if is_bot && sent.error.is_none() {
            // Slack answers 200 to what it refuses.
            let answer: Option<Value> = sent.response.as_deref().and_then(|text| serde_json::from_str(text).ok());
            let refused = answer.filter(|answer| answer["ok"] == json!(false));
            sent.error = refused.map(|answer| format!("Slack refused it: {}", answer["error"]));
        }
        // What Slack says may repeat what it was told; nobody needs it.
        sent.response = None;
        // A channel that was removed is no reason to disable the rule.
        sent.gone = false;
        sent
    }

    async fn send(&self, url: Url, headers: HeaderMap, body: String) -> Sent {
        let request = Request {
            method: Method::POST,
            url,
            headers,
            body: body.into(),
            timeout: TIMEOUT,
            max_body_bytes: KEPT,
            follow_redirects: false,
        };
        match self.outbound.send(request).await {
            Ok(answer) => Sent::answered(&answer),
            Err(error) => Sent::failed(error.to_string()),
        }
    }
}

/// An event as people read it.
fn text(event: &DomainEvent) -> String {
    let mut text = format!("{}\n{}\nat {}\nby {}", event.kind, event.subject, event.at.to_rfc3339(), event.actor);
    if let Some(workspace) = event.workspace {
        // Writing to a string cannot fail.
        let _ = write!(text, "\nin workspace {workspace}");
    }
    if event.data != Value::Null && event.data != json!({}) {
        let data = serde_json::to_string_pretty(&event.data).unwrap_or_default();
        let cut = data.floor_char_boundary(SHOWN);
        let _ = write!(text, "\n\n{}{}", &data[..cut], if cut < data.len() { "\n..." } else { "" });
    }
    text
}
