//! The client-credentials grant of OAuth 2.0 (RFC 6749, 4.4): tokens are fetched once and kept until they expire.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use parking_lot::Mutex;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use url::{Url, form_urlencoded};
use weir_base::{Clock, CredentialId, Timestamp};
use weir_outbound::{Answer, Outbound, Request};

const TIMEOUT: Duration = Duration::from_secs(20);
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const MAX_TOKEN_BYTES: usize = 16 * 1024;
const MAX_REASON_CHARS: usize = 200;

/// Servers should say how long a token lives; one that does not is asked again after this time.
const LIFE_IF_NOT_TOLD: TimeDelta = TimeDelta::minutes(5);
const LONGEST_LIFE: TimeDelta = TimeDelta::days(1);

/// A token is renewed this long before it expires, or halfway if it does not live that long.
const MARGIN: TimeDelta = TimeDelta::minutes(1);

/// Whoever waited for the same token takes the same failure, instead of trying one after the other.
const FAILURE_LIFE: TimeDelta = TimeDelta::seconds(1);

/// With so many clients remembered, those nobody is asking for are forgotten.
const MAX_CLIENTS: usize = 1000;

/// Why no token was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no token from {host}: {reason}")]
pub struct TokenFailure {
    /// The host that was asked.
    pub host: String,
    /// What it said, or what failed on the way; never a secret.
    pub reason: String,
    /// Whether asking again later may help.
    pub is_transient: bool,
}

/// Who asks for a token, and where.
pub(super) struct Client {
    pub(super) token_url: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) scopes: Vec<String>,
}

/// The tokens that were given, in memory alone.
pub(super) struct Tokens {
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    clients: Mutex<HashMap<CredentialId, Remembered>>,
}

struct Remembered {
    /// Of the credential; a changed one asks anew.
    version: u64,
    /// Locked while it is being fetched, so that many who need it ask once.
    outcome: Arc<tokio::sync::Mutex<Option<Outcome>>>,
}

struct Outcome {
    result: Result<String, TokenFailure>,
    until: Timestamp,
}

/// A token, and how long it lives.
struct Grant {
    token: String,
    life: TimeDelta,
}

/// Where the client's secret is sent: servers must take the first, some take the second alone.
#[derive(Clone, Copy)]
enum SecretIn {
    Header,
    Body,
}

impl Tokens {
    pub(super) fn new(outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self { outbound, clock, clients: Mutex::default() }
    }

    /// A token that is good for some time yet.
    pub(super) async fn token(&self, id: CredentialId, version: u64, client: &Client) -> Result<String, TokenFailure> {
        let outcome = self.remembered(id, version);
        let mut outcome = outcome.lock().await;
        if let Some(known) = outcome.as_ref().filter(|known| known.until > self.clock.now()) {
            return known.result.clone();
        }
        let granted = self.fetch(client).await;
        let life = granted.as_ref().map_or(FAILURE_LIFE, |grant| grant.life - MARGIN.min(grant.life / 2));
        let result = granted.map(|grant| grant.token);
        *outcome = Some(Outcome { result: result.clone(), until: self.clock.now() + life });
        result
    }

    /// Lets go of the token of a credential that is no more.
    pub(super) fn forget(&self, id: CredentialId) {
        self.clients.lock().remove(&id);
    }

    fn remembered(&self, id: CredentialId, version: u64) -> Arc<tokio::sync::Mutex<Option<Outcome>>> {
        let mut clients = self.clients.lock();
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(&id) {
            clients.retain(|_, client| Arc::strong_count(&client.outcome) > 1);
        }
        let fresh = || Remembered { version, outcome: Arc::default() };
        let client = clients.entry(id).or_insert_with(fresh);
        if client.version != version {
            *client = fresh();
        }
        Arc::clone(&client.outcome)
    }

    async fn fetch(&self, client: &Client) -> Result<Grant, TokenFailure> {
        let url = Url::parse(&client.token_url).map_err(|error| TokenFailure {
            host: String::new(),
            reason: error.to_string(),
            is_transient: false,
        })?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let failure = |reason, is_transient| TokenFailure { host: host.clone(), reason, is_transient };
        let mut answer = self.ask(&url, client, SecretIn::Header).await?;
        if matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED) && knows_no_client(&answer) {
            answer = self.ask(&url, client, SecretIn::Body).await?;
        }
        if answer.is_cut {
            return Err(failure(format!("an answer of more than {MAX_ANSWER_BYTES} bytes"), false));
        }
        if !answer.status.is_success() {
            let later = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
            let is_transient = answer.status.is_server_error() || later.contains(&answer.status);
            return Err(failure(refusal(&answer, &client.client_secret), is_transient));
        }
        read_grant(&answer.body).map_err(|reason| failure(reason.to_owned(), false))
    }

    async fn ask(&self, url: &Url, client: &Client, secret_in: SecretIn) -> Result<Answer, TokenFailure> {
        self.outbound.send(request(url, client, secret_in)).await.map_err(|error| TokenFailure {
            host: url.host_str().unwrap_or_default().to_owned(),
            reason: error.to_string(),
            is_transient: error.is_transient(),
        })
    }
}

fn request(url: &Url, client: &Client, secret_in: SecretIn) -> Request {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if !client.scopes.is_empty() {
        form.append_pair("scope", &client.scopes.join(" "));
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    match secret_in {
        SecretIn::Header => {
            headers.insert(AUTHORIZATION, basic(client));
        }
        SecretIn::Body => {
            form.append_pair("client_id", &client.client_id).append_pair("client_secret", &client.client_secret);
        }
    }
    Request {
        method: Method::POST,
        url: url.clone(),
        headers,
        body: form.finish().into(),
        timeout: TIMEOUT,
        max_body_bytes: MAX_ANSWER_BYTES,
        // A redirect would carry the secret elsewhere.
        follow_redirects: false,
    }
}

/// Both halves are encoded as in a form before they are joined (RFC 6749, 2.3.1).
fn basic(client: &Client) -> HeaderValue {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(&client.client_id), encoded(&client.client_secret));
    // Base64 is always fit for a header.
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

fn knows_no_client(answer: &Answer) -> bool {
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else { return false };
    matches!(body["error"].as_str(), Some("invalid_client" | "invalid_request"))
}

/// What a server says in refusing, cut and with the secret masked.
fn refusal(answer: &Answer, client_secret: &str) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let mut reason = format!("status {}", answer.status.as_u16());
    for member in ["error", "error_description"] {
        if let Some(text) = body[member].as_str() {
            let text = text.replace(client_secret, "***");
            let text = text.chars().filter(|char| !char.is_control()).take(MAX_REASON_CHARS);
            reason.push_str(", ");
            reason.extend(text);
        }
    }
    reason
}

fn read_grant(body: &[u8]) -> Result<Grant, &'static str> {
    #[derive(Deserialize)]
    struct Body {
        access_token: String,
        token_type: Option<String>,
        expires_in: Option<Value>,
    }

    let body: Body = serde_json::from_slice(body).map_err(|_| "an answer without a token in it")?;
    if !body.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err("a token of another type than bearer");
    }
    let fits = (1..=MAX_TOKEN_BYTES).contains(&body.access_token.len())
        && body.access_token.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits {
        return Err("a token that no header can carry");
    }
    // Some servers write the number as a text.
    let told = body.expires_in.and_then(|told| told.as_f64().or_else(|| told.as_str()?.parse().ok()));
    let seconds = told.map(|told| told.clamp(0.0, LONGEST_LIFE.num_seconds() as f64) as i64);
    Ok(Grant { token: body.access_token, life: seconds.map_or(LIFE_IF_NOT_TOLD, TimeDelta::seconds) })
}
