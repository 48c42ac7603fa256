//! Reads what a workflow is run with: JSON, or a form whose files are streamed into the execution.

use std::io;
use std::time::Duration;

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, OptionalFromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use serde::de::DeserializeOwned;
use weir_base::ExecutionId;
use weir_engine::files::ExecutionFiles;

use crate::extract::{BodyLimit, Json};
use crate::problem::{Problem, codes};

/// Files of one request.
const MAX_FILES: usize = 100;

/// Bytes of all files of one request: 1 GiB.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;

/// The next piece of a file must have come within this time.
const PIECE_TIME: Duration = Duration::from_secs(30);

/// What an execution is started with, as JSON or as the parts of a form.
pub(crate) trait FormBody: DeserializeOwned + Default + Send {
    /// The names of the parts, for whoever used another one.
    const PARTS: &'static str;

    /// Takes a part's JSON; `false` if there is no part of this name.
    fn take(&mut self, part: &str, json: &[u8]) -> Result<bool, Problem>;
}

/// The body, and the id that its files made necessary.
pub(crate) async fn read_request<B: FormBody>(
    mut request: Request,
    files: &ExecutionFiles,
) -> Result<(B, Option<ExecutionId>), Problem> {
    let declared = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !declared.starts_with("multipart/form-data") {
        let body = <Json<B> as OptionalFromRequest<()>>::from_request(request, &()).await?;
        return Ok((body.map(|Json(body)| body).unwrap_or_default(), None));
    }
    let limit = BodyLimit::of(request.extensions());
    // Files are streamed, and have limits of their own.
    DefaultBodyLimit::disable().apply(&mut request);
    let form = <Multipart as FromRequest<()>>::from_request(request, &()).await;
    let form = form.map_err(|error| Problem::new(codes::MULTIPART_MALFORMED, error.body_text()))?;
    let id = ExecutionId::new();
    match read_form(form, id, files, limit).await {
        Ok(body) => Ok((body, Some(id))),
        Err(problem) => {
            remove_unless_started(files, Some(id), None).await;
            Err(problem)
        }
    }
}

/// Removes uploaded files that belong to no execution, because the request was refused or answered before.
pub(crate) async fn remove_unless_started(
    files: &ExecutionFiles,
    uploaded: Option<ExecutionId>,
    started: Option<ExecutionId>,
) {
    let Some(id) = uploaded.filter(|id| Some(*id) != started) else { return };
    if let Err(error) = files.remove_all(id).await {
        tracing::warn!(%error, execution = %id, "could not remove the files of a refused request");
    }
}

async fn read_form<B: FormBody>(
    mut form: Multipart,
    id: ExecutionId,
    files: &ExecutionFiles,
    limit: usize,
) -> Result<B, Problem> {
    let mut body = B::default();
    let mut count = 0;
    let mut bytes_left = MAX_FILE_BYTES;
    while let Some(field) = in_time(form.next_field()).await? {
        let name = field.name().unwrap_or_default().to_owned();
        if let Some(path) = field.file_name().map(str::to_owned) {
            count += 1;
            if count > MAX_FILES {
                let detail = format!("the form has more than {MAX_FILES} files");
                return Err(Problem::new(codes::FILE_TOO_LARGE, detail));
            }
            let written = files.put_stream(id, &path, pieces(field), bytes_left).await.map_err(Problem::from)?;
            bytes_left -= written.size;
            continue;
        }
        let text = text(field, limit).await?;
        if !body.take(&name, &text).map_err(|problem| problem.below(&format!("/{name}")))? {
            let detail = format!("there is no part named {name:?}: use {}, or give it a file name", B::PARTS);
            return Err(Problem::new(codes::BODY_INVALID, detail));
        }
    }
    Ok(body)
}

/// The pieces of a file, each within its time.
fn pieces(field: Field<'_>) -> impl Stream<Item = io::Result<Bytes>> + Send + '_ {
    futures::stream::try_unfold(field, |mut field| async move {
        match tokio::time::timeout(PIECE_TIME, field.chunk()).await {
            Ok(Ok(piece)) => Ok(piece.map(|piece| (piece, field))),
            Ok(Err(error)) => Err(io::Error::other(error)),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the upload stood still")),
        }
    })
}

async fn text(field: Field<'_>, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut text = Vec::new();
    let mut pieces = std::pin::pin!(pieces(field));
    while let Some(piece) = pieces.try_next().await.map_err(|error| broken(&error))? {
        if text.len() + piece.len() > limit {
            return Err(Problem::new(codes::BODY_TOO_LARGE, format!("a part is larger than {limit} bytes")));
        }
        text.extend_from_slice(&piece);
    }
    Ok(text)
}

async fn in_time<T>(next: impl Future<Output = Result<T, MultipartError>>) -> Result<T, Problem> {
    match tokio::time::timeout(PIECE_TIME, next).await {
        Ok(Ok(next)) => Ok(next),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Problem::new(codes::BODY_TOO_LARGE, error.body_text()))
        }
        Ok(Err(error)) => Err(Problem::new(codes::MULTIPART_MALFORMED, error.body_text())),
        Err(_) => Err(Problem::new(codes::BODY_TOO_SLOW, "the upload stood still")),
    }
}

fn broken(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::TimedOut => Problem::new(codes::BODY_TOO_SLOW, error.to_string()),
        _ => Problem::new(codes::BODY_INCOMPLETE, format!("the body broke off: {error}")),
    }
}
