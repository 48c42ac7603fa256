//! Requests at the addresses of webhooks.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use weir_engine::Started;

use super::proof::Signed;
use super::{Error, HookCheck, Respond, Trigger, TriggerConfig, Triggers, WebhookConfig, acting};
use crate::Execute;

/// Headers that carry secrets of the sender: a workflow does not need them, and its journal must not keep them.
const WITHHELD: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// The longest name of a request, in bytes; the engine keeps it with the execution.
const MAX_REQUEST_ID: usize = 200;

/// A request at an address of a webhook.
#[derive(Debug, Clone)]
pub struct HookRequest {
    /// Such as `POST`.
    pub method: String,
    /// What follows `/hooks/`, decoded.
    pub path: String,
    /// The names and values of the query, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// By lower-case name; several of one name are joined by `, `.
    pub headers: BTreeMap<String, String>,
    /// As it came.
    pub body: Bytes,
}

/// What a request or a form came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The execution it started, or had started before.
    pub started: Started,
    /// By which trigger.
    pub trigger: weir_base::TriggerId,
    /// In which workspace.
    pub workspace: weir_base::WorkspaceId,
    /// When the sender wants to be answered.
    pub respond: Respond,
}

impl Triggers {
    /// Starts the workflow of the webhook at this address.
    ///
    /// # Errors
    /// [`Error::NoAddress`], [`Error::Method`], [`Error::Unproven`], [`Error::Credential`], [`Error::Workflow`].
    pub async fn hook(&self, request: HookRequest) -> Result<Fired, Error> {
        let (trigger, webhook) = self.webhook_at(&request.path).await?;
        if !trigger.enabled {
            return Err(Error::NoAddress(request.path));
        }
        self.prove(&trigger, &webhook, &request).await?;
        self.start(&trigger, &webhook, request, false).await
    }

    /// Starts the draft of the workflow of the webhook at this address, if somebody is testing it.
    ///
    /// # Errors
    /// [`Error::NotListening`], and as [`hook`](Self::hook).
    pub async fn test_hook(&self, request: HookRequest) -> Result<Fired, Error> {
        let (trigger, webhook) = self.webhook_at(&request.path).await?;
        let now = self.0.clock.now();
        if trigger.listening_until.is_none_or(|until| until <= now) {
            return Err(Error::NotListening(request.path));
        }
        self.prove(&trigger, &webhook, &request).await?;
        if !self.0.store.heard(trigger.id, now).await? {
            return Err(Error::NotListening(request.path));
        }
        self.start(&trigger, &webhook, request, true).await
    }

    async fn webhook_at(&self, path: &str) -> Result<(Trigger, WebhookConfig), Error> {
        match self.0.store.at("webhook", path).await? {
            Some(trigger) => match trigger.config.clone() {
                TriggerConfig::Webhook(webhook) => Ok((trigger, webhook)),
                _ => Err(Error::NoAddress(path.to_owned())),
            },
            None => Err(Error::NoAddress(path.to_owned())),
        }
    }

    async fn prove(&self, trigger: &Trigger, webhook: &WebhookConfig, request: &HookRequest) -> Result<(), Error> {
        if !webhook.takes(&request.method) {
            return Err(Error::Method { taken: webhook.methods.join(", ").to_ascii_uppercase() });
        }
        let credential = match webhook.check.credential() {
            Some(name) => self.0.credentials.credential(trigger.workspace, name).await.map_err(Error::Source)?,
            None => None,
        };
        let signed = Signed { headers: &request.headers, body: &request.body, now: self.0.clock.now() };
        webhook.check.verify(credential.as_ref(), signed)
    }

    async fn start(
        &self,
        trigger: &Trigger,
        webhook: &WebhookConfig,
        request: HookRequest,
        draft: bool,
    ) -> Result<Fired, Error> {
        // A test is to run however often the same request is sent.
        let request_id = if draft { None } else { request_id(webhook, &request.headers) };
        let execute = Execute {
            draft,
            idempotency_key: request_id.map(|id| format!("trigger:{}:{id}", trigger.id)),
            trigger: "webhook".to_owned(),
            ..Execute::new(input(request))
        };
        let started = self.0.workflows.execute(&acting(trigger), trigger.workflow, execute).await?;
        self.note_start(trigger.id).await;
        Ok(Fired { started, trigger: trigger.id, workspace: trigger.workspace, respond: webhook.respond })
    }
}

/// What names the request, so that the same one sent again starts nothing.
fn request_id<'r>(webhook: &WebhookConfig, headers: &'r BTreeMap<String, String>) -> Option<Cow<'r, str>> {
    let by_scheme = matches!(webhook.check, HookCheck::StandardWebhooks { .. }).then_some("webhook-id");
    let own = webhook.idempotency_header.as_deref().map(str::to_ascii_lowercase);
    let header = own.as_deref().or(by_scheme).unwrap_or("idempotency-key");
    let id = headers.get(header).filter(|id| !id.is_empty())?;
    Some(if id.len() <= MAX_REQUEST_ID {
        Cow::Borrowed(id)
    } else {
        // A long one names the request as well.
        Cow::Owned(STANDARD.encode(Sha256::digest(id.as_bytes())))
    })
}

/// The input of the execution: `{method, path, query, headers, body}`.
fn input(request: HookRequest) -> Value {
    let kind = request.headers.get("content-type").map_or("", String::as_str);
    let body = body(kind, &request.body);
    let headers = request.headers.into_iter().filter(|(name, _)| !WITHHELD.contains(&name.as_str()));
    let headers: Map<String, Value> = headers.map(|(name, value)| (name, Value::String(value))).collect();
    json!({
        "method": request.method,
        "path": request.path,
        "query": fields(request.query.into_iter()),
        "headers": headers,
        "body": body,
    })
}

/// JSON and forms are read; other text stays text; anything else becomes `{"base64": ...}`.
fn body(kind: &str, bytes: &Bytes) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if (essence == "application/json" || essence.ends_with("+json"))
        && let Ok(value) = serde_json::from_slice(bytes)
    {
        return value;
    }
    if essence == "application/x-www-form-urlencoded" {
        return fields(url::form_urlencoded::parse(bytes).into_owned());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::String(text.to_owned()),
        Err(_) => json!({"base64": STANDARD.encode(bytes)}),
    }
}

/// An object of texts; a name that comes several times has a list.
fn fields(pairs: impl Iterator<Item = (String, String)>) -> Value {
    let mut fields = Map::new();
    for (name, value) in pairs {
        let value = Value::String(value);
        match fields.get_mut(&name) {
            None => {
                fields.insert(name, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_by_its_type() {
        assert_eq!(body("application/json; charset=utf-8", &Bytes::from_static(b"{\"a\":1}")), json!({"a": 1}));
        assert_eq!(body("application/json", &Bytes::from_static(b"{oops")), json!("{oops"));
        let form = body("application/x-www-form-urlencoded", &Bytes::from_static(b"a=1&b=x+y&a=2"));
        assert_eq!(form, json!({"a": ["1", "2"], "b": "x y"}));
        assert_eq!(body("image/png", &Bytes::from_static(&[0xff, 0xfe])), json!({"base64": "//4="}));
        assert_eq!(body("", &Bytes::new()), Value::Null);
    }

    #[test]
    fn a_request_is_known_by_its_id_however_long_that_is() {
        let webhook: WebhookConfig = serde_json::from_value(json!({})).unwrap();
        let id = |id: &str| {
            let headers = BTreeMap::from([("idempotency-key".to_owned(), id.to_owned())]);
            request_id(&webhook, &headers).map(Cow::into_owned)
        };
        assert_eq!(id(""), None);
        assert_eq!(id("delivery-1").as_deref(), Some("delivery-1"));
        let long = "a".repeat(5000);
        assert!(id(&long).is_some_and(|known| known.len() < 100 && Some(known) == id(&long)));
        assert_ne!(id(&long), id(&format!("{long}a")));
    }

    #[test]
    fn secrets_of_the_sender_do_not_reach_the_workflow() {
        let headers = [("authorization", "Bearer sesame"), ("cookie", "a=b"), ("x-kind", "push")];
        let request = HookRequest {
            method: "POST".to_owned(),
            path: "orders".to_owned(),
            query: vec![("page".to_owned(), "2".to_owned())],
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: Bytes::new(),
        };
        let input = input(request);
        assert_eq!(input["headers"], json!({"x-kind": "push"}));
        assert_eq!(input["query"], json!({"page": "2"}));
    }
}
