//! `slack`: writes into a channel.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;
use weir_base::Credential;
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::node_type::{Category, DEFAULT_MAX_ATTEMPTS, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};
use weir_outbound::{Answer, Outbound, Request};

use crate::http::answer::{class_of, retry_after};
use crate::http::{header, node_error};
use crate::params::params_schema;

/// How long Slack may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Slack's answers are short, but hold the message again.
const MAX_ANSWER: usize = 1024 * 1024;

/// How much of an answer that was not understood is told.
const MAX_TOLD: usize = 200;

/// Slack's own limit for a text, in characters.
const MAX_TEXT: usize = 40_000;

/// Slack's own limit for the blocks of a message.
const MAX_BLOCKS: usize = 50;

pub(crate) struct Slack {
    pub(crate) outbound: Outbound,
    /// Where Slack's API is, with a slash at its end.
    pub(crate) api: Url,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The name of a credential of type `slack`: a bot's token, or the URL of an incoming webhook.
    #[schemars(length(min = 1))]
    credential: String,
    /// The channel's id or name, such as `#alerts`. With a bot's token it is needed; a webhook has its own.
    channel: Option<String>,
    /// The text, in Slack's markup; with `blocks` it is what notifications show.
    #[schemars(length(min = 1, max = MAX_TEXT))]
    text: String,
    /// Blocks as Slack's Block Kit has them.
    #[schemars(length(max = MAX_BLOCKS))]
    blocks: Option<Vec<Map<String, Value>>>,
    /// The `ts` of the message to answer in its thread.
    thread_ts: Option<String>,
}

#[async_trait]
impl NodeType for Slack {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "slack",
            category: Category::Integration,
            label: "Slack message",
            description: "Writes a message into a Slack channel. Its output is `{channel, ts}`, both `null` where an \
                          incoming webhook was used.",
            icon: "message-square",
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
        let message = params.message()?;
        let Credential::Slack { secret } = ctx.credential(&params.credential).await? else {
            let text = format!("the credential {:?} is not of type slack", params.credential);
            return Err(NodeError::invalid(text).with_source("credential"));
        };
        let posted = async {
            if secret.starts_with("https://") || secret.starts_with("http://") {
                self.by_webhook(ctx, &secret, &message).await
            } else {
                self.by_token(ctx, &secret, &message).await
            }
        };
        tokio::select! {
            biased;
            () = ctx.cancelled.cancelled() => Err(NodeError::new(ErrorClass::Cancelled, "the message was cancelled")),
            output = posted => output.map(Outcome::done),
        }
    }
}

impl Slack {
    async fn by_webhook(&self, ctx: &NodeCtx, url: &str, message: &Value) -> Result<Value, NodeError> {
        let url = url.parse().map_err(|_| {
            NodeError::invalid("the credential's URL of an incoming webhook cannot be read").with_source("credential")
        })?;
        let answer = self.post(url, HeaderMap::new(), message).await?;
        if answer.status.is_success() {
            return Ok(json!({ "channel": null, "ts": null }));
        }
        Err(failure(&answer, ctx))
    }

    async fn by_token(&self, ctx: &NodeCtx, token: &str, message: &Value) -> Result<Value, NodeError> {
        if message.get("channel").is_none() {
            return Err(NodeError::invalid("a bot's token needs a channel to write to").with_source("channel"));
        }
        let url = self.api.join("chat.postMessage").map_err(|error| NodeError::invalid(error.to_string()))?;
        let (name, mut value) = header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))?;
        value.set_sensitive(true);
        let answer = self.post(url, HeaderMap::from_iter([(name, value)]), message).await?;
        if !answer.status.is_success() {
            return Err(failure(&answer, ctx));
        }
        let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
            let told = excerpt(&answer);
            return Err(NodeError::new(ErrorClass::Transient, format!("Slack answered what is not JSON: {told}")));
        };
        if body["ok"] == json!(true) {
            return Ok(json!({ "channel": body["channel"], "ts": body["ts"] }));
        }
        let error: String = body["error"].as_str().unwrap_or("no reason").chars().take(MAX_TOLD).collect();
        let class = match error.as_str() {
            "ratelimited"
            | "rate_limited"
            | "internal_error"
            | "fatal_error"
            | "service_unavailable"
            | "request_timeout"
            | "team_added_to_org" => ErrorClass::Transient,
            "not_authed" | "invalid_auth" | "account_inactive" | "token_revoked" | "token_expired"
            | "missing_scope" | "no_permission" | "not_in_channel" | "access_denied" | "restricted_action" => {
                ErrorClass::Refused
            }
            _ => ErrorClass::Invalid,
        };
        Err(NodeError {
            retry_after_ms: retry_after(&answer.headers, ctx.now).filter(|_| class.is_retried()),
            ..NodeError::new(class, format!("Slack refused the message: {error}")).with_source("slack")
        })
    }

    async fn post(&self, url: Url, mut headers: HeaderMap, message: &Value) -> Result<Answer, NodeError> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        let request = Request {
            method: Method::POST,
            url,
            headers,
            body: message.to_string().into(),
            timeout: TIMEOUT,
            max_body_bytes: MAX_ANSWER,
            follow_redirects: false,
        };
        self.outbound.send(request).await.map_err(|error| node_error(&error))
    }
}

impl Params {
    fn message(&self) -> Result<Value, NodeError> {
        let length = self.text.chars().count();
        if length == 0 || length > MAX_TEXT {
            let message = format!("the text has {length} characters, but must have 1 to {MAX_TEXT}");
            return Err(NodeError::invalid(message).with_source("text"));
        }
        let mut message = json!({ "text": self.text });
        if let Some(blocks) = &self.blocks {
            if blocks.len() > MAX_BLOCKS {
                let text = format!("there are {} blocks, but a message has at most {MAX_BLOCKS}", blocks.len());
                return Err(NodeError::invalid(text).with_source("blocks"));
            }
            message["blocks"] = json!(blocks);
        }
        if let Some(channel) = &self.channel {
            message["channel"] = json!(channel);
        }
        if let Some(thread) = &self.thread_ts {
            message["thread_ts"] = json!(thread);
        }
        Ok(message)
    }
}

/// The error made of a status that is none of success.
fn failure(answer: &Answer, ctx: &NodeCtx) -> NodeError {
    let class = class_of(answer.status);
    NodeError {
        retry_after_ms: retry_after(&answer.headers, ctx.now).filter(|_| class.is_retried()),
        ..NodeError::new(class, format!("Slack answered {}: {}", answer.status, excerpt(answer))).with_source("slack")
    }
}

fn excerpt(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).chars().take(MAX_TOLD).collect()
}
