//! `webhook_response`: answers the caller who waits.

use std::collections::BTreeMap;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::{Text, params_schema, within};

pub(crate) struct WebhookResponse;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The HTTP status.
    #[serde(default = "default_status")]
    #[schemars(range(min = 200, max = 599))]
    status: u16,
    /// Further headers of the answer.
    #[serde(default)]
    headers: BTreeMap<String, Text>,
    /// The answer: text is sent as it is, anything else as JSON.
    #[serde(default)]
    body: Value,
}

fn default_status() -> u16 {
    200
}

#[async_trait]
impl NodeType for WebhookResponse {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "webhook_response",
            category: Category::Integration,
            label: "Webhook response",
            description: "Answers the caller who started the execution and waits. The execution goes on afterwards.",
            icon: "reply",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Single,
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Respond,
        }
    }

    async fn run(&self, _ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        let status = within("status", params.status, 200..=599)?;
        let mut headers = BTreeMap::new();
        for (name, value) in params.headers {
            let (name, value) = crate::http::header(&name, &value.to_string())?;
            headers.insert(name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned());
        }
        Ok(Outcome::done(json!({ "status": status, "headers": headers, "body": params.body })))
    }
}
