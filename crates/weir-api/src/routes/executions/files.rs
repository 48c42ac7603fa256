//! An execution's files.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;
use weir_base::ExecutionId;
use weir_engine::Engine;
use weir_engine::files::FileInfo;

use crate::extract::{Caller, Json, Path};
use crate::problem::{Problem, ReadFileProblems, ReadProblems};

/// Files listed of one execution.
const MAX_LISTED: usize = 10_000;

/// What RFC 8187 lets stand in a file name.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// An execution's files.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Files {
    /// The first 10,000, sorted by path.
    items: Vec<FileBody>,
}

/// A file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File)]
struct FileBody {
    /// Its path among the execution's files.
    path: String,
    /// Its bytes.
    size: u64,
    /// When it was written.
    modified_at: DateTime<Utc>,
}

impl From<FileInfo> for FileBody {
    fn from(file: FileInfo) -> Self {
        Self { path: file.path, size: file.size, modified_at: file.modified }
    }
}

/// List an execution's files
#[utoipa::path(
    get, path = "/api/v1/executions/{id}/files", tag = "executions", operation_id = "list_execution_files",
    params(("id" = Uuid, Path, description = "The execution")),
    security(("bearer" = ["execution:read"])),
    responses((status = 200, body = Files), ReadProblems),
)]
pub(super) async fn list(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
) -> Result<Json<Files>, Problem> {
    let files = engine.list_files(who.workspace, id, MAX_LISTED).await?;
    Ok(Json(Files { items: files.into_iter().map(FileBody::from).collect() }))
}

/// Download one of an execution's files
#[utoipa::path(
    get, path = "/api/v1/executions/{id}/files/{*path}", tag = "executions", operation_id = "download_execution_file",
    params(
        ("id" = Uuid, Path, description = "The execution"),
        ("path" = String, Path, description = "The file's path"),
    ),
    security(("bearer" = ["execution:read"])),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), ReadFileProblems),
)]
pub(super) async fn download(
    State(engine): State<Engine>,
    Caller(who): Caller,
    Path((id, path)): Path<(ExecutionId, String)>,
) -> Result<Response, Problem> {
    let file = engine.open_file(who.workspace, id, &path).await?;
    let name = path.rsplit('/').next().unwrap_or_default();
    let disposition = format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(name, KEPT));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (CONTENT_LENGTH, HeaderValue::from(file.size)),
        (CONTENT_DISPOSITION, HeaderValue::try_from(disposition).unwrap_or(HeaderValue::from_static("attachment"))),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'")),
    ];
    Ok((headers, Body::from_stream(file.content)).into_response())
}
