//! `write_file`: writes one of the execution's files.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, DEFAULT_MAX_ATTEMPTS, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::files::ExecutionFiles;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::params_schema;

pub(crate) struct WriteFile {
    pub(crate) files: ExecutionFiles,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The file's path among the execution's files, such as `reports/today.csv`; what was there is replaced.
    #[schemars(length(min = 1))]
    path: String,
    /// What is written.
    content: Value,
    /// How it is written.
    #[serde(default)]
    format: Format,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// `content` is text, written as it is.
    #[default]
    Text,
    /// `content` is any value, written as JSON.
    Json,
    /// `content` is Base64 of the bytes to write.
    Base64,
}

#[async_trait]
impl NodeType for WriteFile {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "write_file",
            category: Category::Data,
            label: "Write file",
            description: "Writes one of the execution's files. Its output is `{path, size, sha256}`.",
            icon: "file-output",
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
        let bytes = bytes(params.content, params.format)?;
        let file = self.files.put(ctx.execution_id, &params.path, bytes.into()).await?;
        Ok(Outcome::done(json!({ "path": file.path, "size": file.size, "sha256": file.sha256 })))
    }
}

fn bytes(content: Value, format: Format) -> Result<Vec<u8>, NodeError> {
    let invalid = |what: String| NodeError::invalid(what).with_source("content");
    match (format, content) {
        (Format::Json, content) => Ok(content.to_string().into_bytes()),
        (Format::Text, Value::String(text)) => Ok(text.into_bytes()),
        (Format::Base64, Value::String(text)) => {
            STANDARD.decode(text).map_err(|error| invalid(format!("content is not Base64: {error}")))
        }
        (Format::Text | Format::Base64, _) => {
            Err(invalid("content is not text; write other values with format json".to_owned()))
        }
    }
}
