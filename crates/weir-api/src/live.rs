//! Server-sent events of executions, cheap enough for a thousand listeners of one: each event is written out once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt as _;
use moka::sync::Cache;
use weir_base::{ExecutionId, Principal, WorkspaceId};
use weir_core::event::JournalEvent;
use weir_engine::node::LiveEvent;
use weir_engine::{Engine, Watch, Watched};

use crate::problem::{Problem, codes};
use crate::watching::Streams;

/// After so long without an event a comment shows that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Bytes of written events that are kept for further listeners.
const WRITTEN_BYTES: u64 = 16 * 1024 * 1024;

/// Events are kept for further listeners as long as there are any.
const WRITTEN_IDLE: Duration = Duration::from_secs(30);

const COMMENT: Bytes = Bytes::from_static(b":\n\n");
const END: Bytes = Bytes::from_static(b"event: end\ndata: {}\n\n");

/// The events of all executions, for listeners over HTTP.
#[derive(Clone)]
pub(crate) struct Feed {
    engine: Engine,
    streams: Streams,
    written: Cache<(ExecutionId, u64), Bytes>,
}

/// A listener between two events.
struct Listener {
    workspace: WorkspaceId,
    id: ExecutionId,
    watch: Option<Watch>,
    feed: Feed,
}

impl Feed {
    pub(crate) fn new(engine: Engine, streams: Streams) -> Self {
        let written = Cache::builder()
            .weigher(|_, frame: &Bytes| u32::try_from(frame.len()).unwrap_or(u32::MAX))
            .max_capacity(WRITTEN_BYTES)
            .time_to_idle(WRITTEN_IDLE)
            .build();
        Self { engine, streams, written }
    }

    /// A response with the events after `after`, until the execution or the stream is over.
    pub(crate) async fn follow(&self, who: Principal, id: ExecutionId, after: u64) -> Result<Response, Problem> {
        let workspace = who.workspace;
        let summary = self.engine.executions().summary(workspace, id).await?;
        if after > summary.seq {
            let detail = format!("the execution has {} events, none with the id {after}", summary.seq);
            return Err(Problem::new(codes::HEADER_INVALID, detail));
        }
        let ended = summary.status.is_terminal() && after == summary.seq;
        let watch = if ended { None } else { Some(self.engine.watch(workspace, id, after).await?) };
        let listener = Listener { workspace, id, watch, feed: self.clone() };
        let frames = futures::stream::unfold(Some(listener), |listener| async move {
            let (frame, listener) = listener?.next().await?;
            Some((Ok::<_, Infallible>(frame), listener))
        });
        let frames = frames.take_until(self.streams.clone().over(who));
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        Ok((headers, Body::from_stream(frames)).into_response())
    }

    /// A watch also ends when the engine stops, which is not the end of the execution.
    async fn is_over(&self, workspace: WorkspaceId, id: ExecutionId) -> bool {
        let summary = self.engine.executions().summary(workspace, id).await;
        summary.is_ok_and(|summary| summary.status.is_terminal())
    }

    fn journal_frame(&self, id: ExecutionId, event: &JournalEvent) -> Bytes {
        self.written.get_with((id, event.seq), || {
            // Events are plain data and always have a JSON text, which has no line break in it.
            let json = serde_json::to_string(event).unwrap_or_default();
            Bytes::from(format!("id: {}\nevent: journal\ndata: {json}\n\n", event.seq))
        })
    }
}

impl Listener {
    /// The next frame, and the listener unless it was the last one.
    async fn next(mut self) -> Option<(Bytes, Option<Self>)> {
        let Some(watch) = &mut self.watch else { return Some((END, None)) };
        let frame = match tokio::time::timeout(HEARTBEAT, watch.next()).await {
            Err(_) => COMMENT,
            Ok(Some(Ok(Watched::Event(event)))) => self.feed.journal_frame(self.id, &event),
            Ok(Some(Ok(Watched::Live(event)))) => live_frame(&event),
            Ok(Some(Err(error))) => {
                // The listener comes back with the id of the last event it has seen.
                tracing::warn!(%error, execution = %self.id, "events cannot be followed");
                return None;
            }
            Ok(None) => {
                return self.feed.is_over(self.workspace, self.id).await.then_some((END, None));
            }
        };
        Some((frame, Some(self)))
    }
}

fn live_frame(event: &Arc<LiveEvent>) -> Bytes {
    let json = serde_json::to_string(event).unwrap_or_default();
    Bytes::from(format!("event: live\ndata: {json}\n\n"))
}
