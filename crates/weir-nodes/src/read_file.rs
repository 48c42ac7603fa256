//! `read_file`: reads one of the execution's files.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, DEFAULT_MAX_ATTEMPTS, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::files::{ExecutionFiles, FileError};
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::{params_schema, within};

/// 16 MiB.
const DEFAULT_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// 256 MiB.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

pub(crate) struct ReadFile {
    pub(crate) files: ExecutionFiles,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The file's path among the execution's files, such as `reports/today.csv`.
    #[schemars(length(min = 1))]
    path: String,
    /// How it is read.
    #[serde(default)]
    format: Format,
    /// Fails when the file is longer.
    #[serde(default = "default_max_bytes")]
    #[schemars(range(min = 1, max = MOST_BYTES))]
    max_bytes: u64,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// One text, in UTF-8.
    #[default]
    Text,
    /// The JSON value in it.
    Json,
    /// A list of its lines.
    Lines,
    /// A list of objects, one a row, by the names in the first row.
    Csv,
    /// Its bytes in Base64.
    Base64,
}

fn default_max_bytes() -> u64 {
    DEFAULT_MAX_BYTES
}

#[async_trait]
impl NodeType for ReadFile {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "read_file",
            category: Category::Data,
            label: "Read file",
            description: "Reads one of the execution's files. Its output is `{path, size, content}`.",
            icon: "file-input",
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
        let max_bytes = within("max_bytes", params.max_bytes, 1..=MOST_BYTES)?;
        let bytes = self.files.get(ctx.execution_id, &params.path, max_bytes).await.map_err(|error| match error {
            FileError::TooLarge { .. } => {
                NodeError::invalid(format!("{error}; raise max_bytes, or hand the file on by its path"))
                    .with_source(&*params.path)
            }
            other => other.into(),
        })?;
        let size = bytes.len();
        let content = content(&bytes, params.format)
            .map_err(|what| NodeError::invalid(format!("{} {what}", params.path)).with_source(&*params.path))?;
        Ok(Outcome::done(json!({ "path": params.path, "size": size, "content": content })))
    }
}

fn content(bytes: &[u8], format: Format) -> Result<Value, String> {
    if let Format::Base64 = format {
        return Ok(STANDARD.encode(bytes).into());
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("is not text in UTF-8: {error}; read it with format base64"))?;
    // Spreadsheets put a byte order mark first, which is part of no name and no JSON.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Text | Format::Base64 => Ok(text.into()),
        Format::Json => serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}")),
        Format::Lines => Ok(text.lines().collect()),
        Format::Csv => rows(text).map_err(|error| format!("is not CSV: {error}")),
    }
}

fn rows(text: &str) -> Result<Value, csv::Error> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers()?.clone();
    let row = |record: csv::StringRecord| {
        Value::Object(
            names.iter().zip(&record).map(|(name, field)| (name.to_owned(), field.into())).collect::<Map<_, _>>(),
        )
    };
    reader.into_records().map(|record| record.map(row)).collect::<Result<Vec<_>, _>>().map(Value::Array)
}
