//! `http_request`: asks another system.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName};
use reqwest::{Method, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use weir_base::Credential;
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::node_type::{Category, DEFAULT_MAX_ATTEMPTS, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::files::ExecutionFiles;
use weir_engine::node::{NodeCtx, NodeType, typed_params};
use weir_outbound::{Error, MAX_REDIRECTS, Outbound, Redirect};

use crate::http::answer::{self, Expected};
use crate::http::request_body::Body;
use crate::http::{header, node_error};
use crate::params::{Text, params_schema};

/// The longest URL, in bytes.
const MAX_URL: usize = 16 * 1024;

/// The most headers of a request.
const MAX_HEADERS: usize = 100;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What the connection decides on, not the workflow.
const CONNECTION_HEADERS: [&str; 6] = ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te"];

pub(crate) struct HttpRequest {
    pub(crate) outbound: Outbound,
    pub(crate) files: ExecutionFiles,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The method.
    #[serde(default)]
    method: Verb,
    /// The address, with `http` or `https`. Only public hosts are reachable unless the setting `http.allow` says more.
    #[schemars(length(min = 1))]
    url: String,
    /// Added to the URL's query; a list repeats the name, `null` leaves it out.
    #[serde(default)]
    query: BTreeMap<String, Option<Texts>>,
    /// Headers; secrets do not belong here but into a credential.
    #[serde(default)]
    headers: BTreeMap<String, Text>,
    /// What is sent.
    body: Option<Body>,
    /// The name of the credential to authenticate with.
    credential: Option<String>,
    /// Whether redirects are followed, at most 10.
    #[serde(default = "default_follow_redirects")]
    follow_redirects: bool,
    /// The statuses that are fine, such as `[200, "400-499"]`; by default 200 to 399. Others make the node fail.
    accept_status: Option<Vec<Statuses>>,
    /// What becomes of the answer's body.
    #[serde(default)]
    response: Expected,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    #[default]
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
    Options,
}

/// One value or several.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Texts {
    One(Text),
    Several(Vec<Text>),
}

/// A status, or a range of them such as `"200-299"`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Statuses {
    One(#[schemars(range(min = 100, max = 599))] u16),
    Range(#[schemars(regex(pattern = r"^[1-5]\d\d-[1-5]\d\d$"))] String),
}

fn default_follow_redirects() -> bool {
    true
}

#[async_trait]
impl NodeType for HttpRequest {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "http_request",
            category: Category::Integration,
            label: "HTTP request",
            description: "Sends a request to another system. Its output is `{status, headers, body, file}`; an answer \
                          over 256 KiB becomes a file.",
            icon: "globe",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Single,
            pure: false,
            default_timeout_seconds: Some(60.0),
            default_max_attempts: DEFAULT_MAX_ATTEMPTS,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        tokio::select! {
            biased;
            () = ctx.cancelled.cancelled() => Err(NodeError::new(ErrorClass::Cancelled, "the request was cancelled")),
            outcome = Box::pin(self.exchange(ctx, &params)) => outcome,
        }
    }
}

impl HttpRequest {
    async fn exchange(&self, ctx: &NodeCtx, params: &Params) -> Result<Outcome, NodeError> {
        let accepted = params.accepted()?;
        let response = self.send(ctx, params).await?;
        let status = response.status().as_u16();
        if !accepted.iter().any(|statuses| statuses.contains(&status)) {
            return Err(answer::failure(response, ctx.now).await);
        }
        let max_bytes = self.outbound.max_response_bytes();
        answer::read(response, params.response, max_bytes, &self.files, ctx).await.map(Outcome::done)
    }

    /// The answer at the end of all redirects.
    async fn send(&self, ctx: &NodeCtx, params: &Params) -> Result<Response, NodeError> {
        let mut url = params.address()?;
        let mut method = params.method.method();
        let mut headers = params.headers(ctx).await?;
        let mut body = params.body.as_ref();
        for _ in 0..=MAX_REDIRECTS {
            let client = self.outbound.client_for(&url).map_err(|refusal| node_error(&refusal.into()))?;
            let mut request = client.request(method.clone(), url.clone());
            if let Some(body) = body {
                request = body.attach(request, &mut headers, &self.files, ctx).await?;
            }
            let host = url.host_str().unwrap_or_default();
            let sent = request.headers(headers.clone()).send().await;
            let response = sent.map_err(|error| node_error(&Error::of_request(host, &error)))?;
            let redirect = Redirect::of(&response, &url, &method).filter(|_| params.follow_redirects);
            let Some(redirect) = redirect else { return Ok(response) };
            redirect.trim(&mut headers, &url);
            if redirect.asks_anew {
                method = Method::GET;
                body = None;
            }
            url = redirect.url;
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        Err(node_error(&Error::Redirects { host, limit: MAX_REDIRECTS }))
    }
}

impl Params {
    fn address(&self) -> Result<Url, NodeError> {
        let invalid = |what: String| NodeError::invalid(what).with_source("url");
        if self.url.len() > MAX_URL {
            return Err(invalid(format!("the URL is longer than {MAX_URL} bytes")));
        }
        let mut url = Url::parse(&self.url).map_err(|error| invalid(format!("the URL cannot be read: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("the URL has a user or password in it: name a credential instead".to_owned()));
        }
        if !self.query.is_empty() {
            let mut query = url.query_pairs_mut();
            for (name, values) in &self.query {
                match values {
                    None => {}
                    Some(Texts::One(value)) => {
                        query.append_pair(name, &value.to_string());
                    }
                    Some(Texts::Several(values)) => {
                        query.extend_pairs(values.iter().map(|value| (name, value.to_string())));
                    }
                }
            }
        }
        // Where `query` held nothing but nulls.
        if url.query() == Some("") {
            url.set_query(None);
        }
        Ok(url)
    }

    /// The headers to send. What must not reach another host is marked as sensitive.
    async fn headers(&self, ctx: &NodeCtx) -> Result<HeaderMap, NodeError> {
        let invalid = |what: String| NodeError::invalid(what).with_source("headers");
        if self.headers.len() > MAX_HEADERS {
            return Err(invalid(format!(
                "there are {} headers, but at most {MAX_HEADERS} are sent",
                self.headers.len()
            )));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let (name, mut value) = header(name, &value.to_string())?;
            if CONNECTION_HEADERS.contains(&name.as_str()) {
                return Err(invalid(format!("the header {name} cannot be set")));
            }
            value.set_sensitive(name == AUTHORIZATION || name == COOKIE || name == "proxy-authorization");
            headers.insert(name, value);
        }
        if self.method.is_unsafe() && !headers.contains_key(IDEMPOTENCY_KEY) {
            let (name, value) = header(IDEMPOTENCY_KEY.as_str(), &ctx.idempotency_key("request"))?;
            headers.insert(name, value);
        }
        if let Some(name) = &self.credential {
            let (name, mut value) = match ctx.credential(name).await? {
                Credential::Bearer { token } => header("authorization", &format!("Bearer {token}"))?,
                Credential::Basic { username, password } => {
                    header("authorization", &format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))?
                }
                Credential::ApiKey { header: name, key } => header(&name, &key)?,
                other => {
                    let kind = other.kind();
                    let message = format!(
                        "the credential {name:?} is of type {kind}: a request takes one of type bearer, basic or api_key"
                    );
                    return Err(NodeError::invalid(message).with_source("credential"));
                }
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    fn accepted(&self) -> Result<Vec<RangeInclusive<u16>>, NodeError> {
        let Some(accepted) = &self.accept_status else { return Ok(vec![200..=399]) };
        let read = |statuses: &Statuses| match statuses {
            Statuses::One(one) => Ok(*one..=*one),
            Statuses::Range(text) => {
                let bounds = text.split_once('-').and_then(|(from, to)| Some(from.parse().ok()?..=to.parse().ok()?));
                bounds.ok_or_else(|| {
                    let message = format!("{text:?} is not a range such as \"200-299\"");
                    NodeError::invalid(message).with_source("accept_status")
                })
            }
        };
        accepted.iter().map(read).collect()
    }
}

impl Verb {
    fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
            Self::Head => Method::HEAD,
            Self::Options => Method::OPTIONS,
        }
    }

    /// Whether doing it twice may differ from doing it once.
    fn is_unsafe(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch | Self::Delete)
    }
}
