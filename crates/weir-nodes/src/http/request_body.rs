//! What is sent: the body of a request, built anew for each redirect.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Body as Bytes, RequestBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;
use weir_core::node_error::NodeError;
use weir_engine::files::ExecutionFiles;
use weir_engine::node::NodeCtx;

use crate::params::Text;

/// The body of a request.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Body {
    /// Any value, sent as JSON.
    Json(Value),
    /// Fields, sent as `application/x-www-form-urlencoded`.
    Form(BTreeMap<String, Text>),
    /// Text as it is; `text/plain` unless a header says otherwise.
    Text(String),
    /// Bytes, written in Base64.
    Base64(String),
    /// A file of this execution, by its path.
    File(String),
    /// Parts, sent as `multipart/form-data`.
    Multipart(Vec<FormPart>),
}

/// One part of a multipart body.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FormPart {
    /// The field's name.
    name: String,
    /// What is sent. Either this or `file`.
    value: Option<Text>,
    /// A file of this execution, by its path. Either this or `value`.
    file: Option<String>,
    /// The file name the other side is told; that of `file` by default.
    filename: Option<String>,
    /// The part's content type.
    content_type: Option<String>,
}

impl Body {
    /// The request with this body, and a content type unless it has one.
    ///
    /// # Errors
    /// Class `invalid` for a body that cannot be built, `transient` when a file cannot be read for now.
    pub(crate) async fn attach(
        &self,
        request: RequestBuilder,
        headers: &mut HeaderMap,
        files: &ExecutionFiles,
        ctx: &NodeCtx,
    ) -> Result<RequestBuilder, NodeError> {
        let (content_type, body) = match self {
            Self::Json(value) => ("application/json", Bytes::from(value.to_string())),
            Self::Form(fields) => {
                let fields = fields.iter().map(|(name, value)| (name, value.to_string()));
                let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                ("application/x-www-form-urlencoded", Bytes::from(text))
            }
            Self::Text(text) => ("text/plain; charset=utf-8", Bytes::from(text.clone())),
            Self::Base64(text) => {
                let bytes = STANDARD.decode(text).map_err(|error| {
                    NodeError::invalid(format!("the body is not Base64: {error}")).with_source("body/base64")
                })?;
                ("application/octet-stream", Bytes::from(bytes))
            }
            Self::File(path) => {
                let file = files.open(ctx.execution_id, path).await?;
                // Without a length it would go in chunks, which object stores and older servers refuse.
                headers.insert(reqwest::header::CONTENT_LENGTH, HeaderValue::from(file.size));
                ("application/octet-stream", Bytes::wrap_stream(file.content))
            }
            Self::Multipart(parts) => {
                let mut form = Form::new();
                for (index, part) in parts.iter().enumerate() {
                    let built = part.build(index, files, ctx).await?;
                    form = form.part(part.name.clone(), built);
                }
                // The boundary is in the content type, so no other will do.
                headers.remove(CONTENT_TYPE);
                return Ok(request.multipart(form));
            }
        };
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
        Ok(request.body(body))
    }
}

impl FormPart {
    async fn build(&self, index: usize, files: &ExecutionFiles, ctx: &NodeCtx) -> Result<Part, NodeError> {
        let invalid = |what: String| NodeError::invalid(what).with_source(format!("body/multipart/{index}"));
        let mut part = match (&self.value, &self.file) {
            (Some(value), None) => Part::text(value.to_string()),
            (None, Some(path)) => {
                let file = files.open(ctx.execution_id, path).await?;
                let name = path.rsplit('/').next().unwrap_or(path);
                Part::stream_with_length(Bytes::wrap_stream(file.content), file.size).file_name(name.to_owned())
            }
            _ => return Err(invalid(format!("part {:?} must have either `value` or `file`", self.name))),
        };
        if let Some(filename) = &self.filename {
            part = part.file_name(filename.clone());
        }
        if let Some(content_type) = &self.content_type {
            let wrong = |error| invalid(format!("{content_type:?} is not a content type: {error}"));
            part = part.mime_str(content_type).map_err(wrong)?;
        }
        Ok(part)
    }
}
