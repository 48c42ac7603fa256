//! An access log: a JSON object a line, written beside the requests and never in their way.

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use serde::Serialize;

/// Lines that may wait for the disk; further ones are counted and left out.
const WAITING: usize = 8_192;

/// A file that every answered request is noted in.
#[derive(Clone)]
pub struct AccessLog(Arc<Inner>);

struct Inner {
    lines: Mutex<Option<SyncSender<Line>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    left_out: AtomicU64,
}

/// One answered request.
#[derive(Serialize)]
struct Line {
    at: weir_base::Timestamp,
    method: String,
    /// Without the query, which may hold secrets.
    path: String,
    status: u16,
    duration_ms: f64,
}

impl AccessLog {
    /// Appends to this file.
    ///
    /// # Errors
    /// What the operating system says when it cannot be opened, or the writing thread cannot be started.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        let (lines, waiting) = sync_channel(WAITING);
        let writer = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write(BufWriter::new(file), &waiting))?;
        Ok(Self(Arc::new(Inner {
            lines: Mutex::new(Some(lines)),
            writer: Mutex::new(Some(writer)),
            left_out: AtomicU64::new(0),
        })))
    }

    /// The same router, with every answer noted.
    pub fn around(&self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self.clone(), note))
    }

    /// Writes what still waits. Blocks on the disk.
    pub fn close(&self) {
        let lines = self.0.lines.lock().ok().and_then(|mut lines| lines.take());
        drop(lines);
        let writer = self.0.writer.lock().ok().and_then(|mut writer| writer.take());
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the access log's writer broke");
        }
        let left_out = self.0.left_out.load(Ordering::Relaxed);
        if left_out > 0 {
            tracing::warn!(left_out, "the access log could not keep up");
        }
    }

    fn push(&self, line: Line) {
        let Ok(lines) = self.0.lines.lock() else { return };
        let sent = lines.as_ref().map(|lines| lines.try_send(line));
        if matches!(sent, Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_)))) {
            self.0.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn note(State(log): State<AccessLog>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let began = Instant::now();
    let response = next.run(request).await;
    let duration_ms = began.elapsed().as_micros() as f64 / 1000.0;
    log.push(Line { at: chrono::Utc::now(), method, path, status: response.status().as_u16(), duration_ms });
    response
}

/// Writes lines as they come, and flushes whenever none waits.
fn write(mut file: BufWriter<std::fs::File>, lines: &Receiver<Line>) {
    while let Ok(first) = lines.recv() {
        let written = std::iter::once(first).chain(lines.try_iter()).try_for_each(|line| {
            serde_json::to_writer(&mut file, &line)?;
            file.write_all(b"\n")
        });
        if let Err(error) = written.and_then(|()| file.flush()) {
            tracing::error!(%error, "cannot write the access log");
        }
    }
}
