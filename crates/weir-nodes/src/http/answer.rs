//! What is made of an answer: an output, a file, or an error that says whether trying again may help.

use std::io;

use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use encoding_rs::{Encoding, UTF_8};
use futures::{Stream, StreamExt, TryStreamExt};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use weir_base::Timestamp;
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::payload::INLINE_LIMIT;
use weir_engine::files::{ExecutionFiles, FileError};
use weir_engine::node::NodeCtx;
use weir_outbound::Error;

use super::node_error;

/// The longest answer that `json` and `text` take: 16 MiB.
const MAX_IN_MEMORY: usize = 16 * 1024 * 1024;

/// How much of a failure's body is told.
const MAX_ERROR_BODY: usize = 2048;

/// The longest wait that another system may ask for: a day, in milliseconds.
const MAX_RETRY_AFTER_MS: u64 = 86_400_000;

/// What becomes of an answer's body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expected {
    /// As its content type says; a file when it is over 256 KiB or neither JSON nor text.
    #[default]
    Auto,
    /// JSON, of at most 16 MiB.
    Json,
    /// Text, of at most 16 MiB.
    Text,
    /// A file of this execution, whatever its length.
    File,
}

/// The output made of an accepted answer: `{status, headers, body, file}`.
pub(crate) async fn read(
    response: Response,
    expected: Expected,
    max_bytes: u64,
    files: &ExecutionFiles,
    ctx: &NodeCtx,
) -> Result<Value, NodeError> {
    let host = host_of(&response);
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut stream = response.bytes_stream().map_err(|error| node_error(&Error::of_request(&host, &error)));
    let in_memory = match expected {
        Expected::Auto => INLINE_LIMIT,
        Expected::Json | Expected::Text => MAX_IN_MEMORY,
        Expected::File => 0,
    };
    let mut begun = BytesMut::new();
    let mut ended = false;
    while begun.len() <= in_memory && !ended {
        match stream.try_next().await? {
            Some(bytes) => begun.extend_from_slice(&bytes),
            None => ended = true,
        }
    }
    let begun = begun.freeze();
    let body = match expected {
        Expected::Json | Expected::Text if !ended => {
            let message = format!("{host} answered more than {MAX_IN_MEMORY} bytes; set `response` to `file`");
            return Err(NodeError::invalid(message).with_source(host));
        }
        Expected::Json => Some(json_body(&begun, &host)?),
        Expected::Text => Some(Value::String(decoded(&begun, &headers).0)),
        Expected::Auto if ended => readable(&begun, &headers, &host)?,
        Expected::Auto | Expected::File => None,
    };
    let file = match &body {
        Some(_) => Value::Null,
        None => {
            let whole = futures::stream::iter([Ok(begun)]).chain(stream);
            stored(whole, &headers, max_bytes, files, ctx).await?
        }
    };
    Ok(json!({ "status": status, "headers": shown(&headers), "body": body, "file": file }))
}

/// The body as JSON or text, where the content type or the bytes themselves say that it is such.
fn readable(body: &[u8], headers: &HeaderMap, host: &str) -> Result<Option<Value>, NodeError> {
    let content_type = content_type(headers);
    if body.is_empty() {
        return Ok(Some(Value::Null));
    }
    if content_type.ends_with("/json") || content_type.ends_with("+json") {
        return json_body(body, host).map(Some);
    }
    let (text, lossless) = decoded(body, headers);
    Ok(lossless.then_some(Value::String(text)))
}

fn json_body(body: &[u8], host: &str) -> Result<Value, NodeError> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| {
        let message =
            format!("{host} answered what is not JSON: {error}; set `response` to `text` to take it as it is");
        NodeError::invalid(message).with_source(host).with_details(json!({ "body": excerpt(body) }))
    })
}

/// The text in the charset the answer names, and whether every byte had a meaning.
fn decoded(body: &[u8], headers: &HeaderMap) -> (String, bool) {
    let header = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let label = header.split(';').find_map(|part| part.trim().strip_prefix("charset="));
    let encoding = label.and_then(|label| Encoding::for_label(label.trim_matches('"').as_bytes())).unwrap_or(UTF_8);
    let (text, _, replaced) = encoding.decode(body);
    let binary = text.contains('\0');
    (text.into_owned(), !replaced && !binary)
}

async fn stored(
    body: impl Stream<Item = Result<Bytes, NodeError>> + Send,
    headers: &HeaderMap,
    max_bytes: u64,
    files: &ExecutionFiles,
    ctx: &NodeCtx,
) -> Result<Value, NodeError> {
    // `each[12]/fetch` becomes `each.12/fetch`: brackets are not for file names.
    let path = format!("http/{}.bin", ctx.path.as_str().replace('[', ".").replace(']', ""));
    // The store knows only I/O errors; what really happened is kept aside.
    let mut broke_off = None;
    let bytes = body.map_err(|error| {
        let told = io::Error::other(error.message.clone());
        broke_off = Some(error);
        told
    });
    let written = files.put_stream(ctx.execution_id, &path, bytes, max_bytes).await;
    if let Some(error) = broke_off {
        return Err(error);
    }
    let file = written.map_err(|error| match error {
        FileError::TooLarge { limit, .. } => {
            let message =
                format!("the answer has more than {limit} bytes, the limit by the setting http.max_response_bytes");
            NodeError::new(ErrorClass::Refused, message).with_source("http.max_response_bytes")
        }
        other => other.into(),
    })?;
    let content_type = content_type(headers);
    Ok(json!({ "path": file.path, "size": file.size, "content_type": content_type, "sha256": file.sha256 }))
}

/// The error made of an answer that is not accepted.
pub(crate) async fn failure(response: Response, now: Timestamp) -> NodeError {
    let host = host_of(&response);
    let status = response.status();
    let retry_after_ms = retry_after(response.headers(), now);
    let class = class_of(status);
    let mut begun = BytesMut::new();
    let mut stream = response.bytes_stream();
    while begun.len() < MAX_ERROR_BODY {
        // The status has been read already: a body that breaks off does not change what it means.
        let Some(Ok(chunk)) = stream.next().await else { break };
        begun.extend_from_slice(&chunk);
    }
    NodeError {
        retry_after_ms: retry_after_ms.filter(|_| class.is_retried()),
        ..NodeError::new(class, format!("{host} answered {status}"))
            .with_source(host)
            .with_details(json!({ "status": status.as_u16(), "body": excerpt(&begun) }))
    }
}

pub(crate) fn class_of(status: StatusCode) -> ErrorClass {
    match status.as_u16() {
        408 | 425 | 429 | 500..=599 => ErrorClass::Transient,
        401 | 403 | 407 => ErrorClass::Refused,
        _ => ErrorClass::Invalid,
    }
}

/// `Retry-After` in milliseconds: seconds, or a date seen from the other side's clock where it tells its own.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let asked = text(RETRY_AFTER)?;
    let milliseconds = match asked.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1000),
        Err(_) => {
            let until = DateTime::parse_from_rfc2822(asked).ok()?;
            let now = text(DATE).and_then(|date| DateTime::parse_from_rfc2822(date).ok()).unwrap_or(now.fixed_offset());
            u64::try_from((until - now).num_milliseconds()).unwrap_or(0)
        }
    };
    Some(milliseconds.min(MAX_RETRY_AFTER_MS))
}

fn host_of(response: &Response) -> String {
    response.url().host_str().unwrap_or_default().to_owned()
}

/// The content type in lower case, without parameters.
fn content_type(headers: &HeaderMap) -> String {
    let header = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The headers by name; several of a name are joined by commas, as HTTP has it.
fn shown(headers: &HeaderMap) -> Map<String, Value> {
    let mut shown = Map::new();
    for name in headers.keys() {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        shown.insert(name.to_string(), values.join(", ").into());
    }
    shown
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body.get(..MAX_ERROR_BODY).unwrap_or(body)).into_owned()
}
