//! `email`: writes to people.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use weir_base::{Credential, ErrorKind};
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::node_type::{Category, DEFAULT_MAX_ATTEMPTS, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};
use weir_mail::{Error, Mailer, Message, host_and_port};
use weir_outbound::Outbound;

use crate::http::node_error;
use crate::params::params_schema;

pub(crate) struct Email {
    /// The installation's own way to send mail, if it has one.
    pub(crate) mailer: Option<Mailer>,
    pub(crate) outbound: Outbound,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// Whom to write to: `ann@example.org`, `Ann <ann@example.org>` or a list of such, at most 100 with `cc`.
    to: Addresses,
    /// Who gets a copy.
    #[serde(default)]
    cc: Addresses,
    /// The subject; one line.
    #[schemars(length(min = 1, max = 998))]
    subject: String,
    /// The text.
    text: String,
    /// The same as HTML, for readers that show it. Values put into it are not escaped.
    html: Option<String>,
    /// Where answers go, if not to the sender.
    reply_to: Option<String>,
    /// The name of a credential of type `smtp`; without it the mail server of the installation is used.
    credential: Option<String>,
}

/// One address or several.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Addresses {
    One(String),
    Several(Vec<String>),
}

impl Default for Addresses {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl From<Addresses> for Vec<String> {
    fn from(addresses: Addresses) -> Self {
        match addresses {
            Addresses::One(address) => vec![address],
            Addresses::Several(addresses) => addresses,
        }
    }
}

#[async_trait]
impl NodeType for Email {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "email",
            category: Category::Integration,
            label: "E-mail",
            description: "Sends an e-mail. Its output is `{recipients}`; the mail server may still give a message \
                          back later.",
            icon: "mail",
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
        let mailer = self.mailer(ctx, params.credential.as_deref()).await?;
        let message = Message {
            to: params.to.into(),
            cc: params.cc.into(),
            subject: params.subject,
            text: params.text,
            html: params.html,
            reply_to: params.reply_to,
            id: Some(ctx.idempotency_key("message")),
        };
        tokio::select! {
            biased;
            () = ctx.cancelled.cancelled() => Err(NodeError::new(ErrorClass::Cancelled, "the e-mail was cancelled")),
            sent = mailer.send(&message) => sent.map_err(|error| mail_error(&error)),
        }?;
        let recipients: Vec<_> = message.to.into_iter().chain(message.cc).collect();
        Ok(Outcome::done(json!({ "recipients": recipients })))
    }
}

impl Email {
    async fn mailer(&self, ctx: &NodeCtx, credential: Option<&str>) -> Result<Mailer, NodeError> {
        let Some(name) = credential else {
            return self.mailer.clone().ok_or_else(|| {
                NodeError::invalid("this installation has no mail server (smtp_url): name a credential of type smtp")
                    .with_source("credential")
            });
        };
        let Credential::Smtp { url, from } = ctx.credential(name).await? else {
            let message = format!("the credential {name:?} is not of type smtp");
            return Err(NodeError::invalid(message).with_source("credential"));
        };
        let (host, port) = host_and_port(&url).map_err(|error| mail_error(&error))?;
        let addresses = self.outbound.addresses(&host, port).await.map_err(|error| node_error(&error))?;
        Mailer::connect_at(&url, &from, addresses).map_err(|error| mail_error(&error))
    }
}

fn mail_error(error: &Error) -> NodeError {
    let class = match error {
        Error::Timeout { .. } => ErrorClass::Timeout,
        _ if error.is_transient() || error.kind() == ErrorKind::Internal => ErrorClass::Transient,
        Error::Refused { .. } | Error::Unencrypted { .. } => ErrorClass::Refused,
        _ => ErrorClass::Invalid,
    };
    let source = match error {
        Error::Message { field, .. } => field,
        _ => "credential",
    };
    NodeError::new(class, error.to_string()).with_source(source)
}
