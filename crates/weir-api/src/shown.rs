//! Things as they are shown, written out once and kept: who asks again gets the same bytes, or is told that they have
//! them already.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;
use weir_base::{ExecutionId, WorkflowId, WorkspaceId};
use weir_cache::{Cache, Cached, EXECUTION, Resource, Ttl};
use weir_core::execution::Status;
use weir_engine::Engine;
use weir_engine::executions::Details;
use weir_workflows::Workflows;

use crate::extract::etag;
use crate::problem::Problem;
use crate::routes::executions::ExecutionBody;
use crate::routes::workflows::WorkflowBody;

/// Forgotten when it is changed here; the command line may change it as well, over the same database, unheard.
const WORKFLOW: Resource = Resource {
    service: "workflow",
    name: "workflow",
    shape: 2,
    ttl: Ttl::Fixed(Duration::from_secs(10)),
    max_bytes: 256 * 1024,
};

/// Room for the headers of an answer, those that follow on its way out included: so the map never grows.
const HEADERS: usize = 16;

/// Whoever has the bytes may use them after asking whether they still hold.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Executions as they are shown. What can never change again is kept.
#[derive(Clone)]
pub(crate) struct ShownExecutions {
    engine: Engine,
    kept: Cached<Written>,
}

/// Workflows with their drafts, as they are shown.
#[derive(Clone)]
pub(crate) struct ShownWorkflows {
    workflows: Workflows,
    kept: Cached<Written>,
}

/// A thing as it is shown.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Written {
    revision: u64,
    /// The row of its log that a draft has.
    draft_seq: u64,
    body: Box<RawValue>,
}

/// Where a thing is kept: nobody finds one of another workspace.
struct Place(WorkspaceId, Uuid);

impl ShownExecutions {
    pub(crate) fn new(engine: Engine, cache: &Cache) -> Self {
        Self { engine, kept: cache.of(EXECUTION) }
    }

    pub(crate) async fn get(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<Arc<Written>, Problem> {
        let mut changing = None;
        let kept = self.kept.get_or_load(Place(workspace, id.as_uuid()), || async {
            let details = self.engine.executions().details(workspace, id).await?;
            // A failed execution can be told to go on.
            let is_final = matches!(details.summary.status, Status::Completed | Status::Cancelled);
            let written = Written::execution(details)?;
            if is_final {
                return Ok(Some(written));
            }
            changing = Some(written);
            Ok(None)
        });
        match (kept.await.map_err(Arc::<Problem>::unwrap_or_clone)?, changing) {
            (Some(written), _) => Ok(written),
            (None, Some(written)) => Ok(Arc::new(written)),
            // Somebody else was looking at the same moment, and what they saw was not to be kept.
            (None, None) => {
                let details = self.engine.executions().details(workspace, id).await?;
                Ok(Arc::new(Written::execution(details)?))
            }
        }
    }
}

impl ShownWorkflows {
    pub(crate) fn new(workflows: Workflows, cache: &Cache) -> Self {
        Self { workflows, kept: cache.of(WORKFLOW) }
    }

    pub(crate) async fn get(&self, workspace: WorkspaceId, id: WorkflowId) -> Result<Arc<Written>, Problem> {
        let load = || async {
            let (workflow, draft_seq) = self.workflows.get_at(workspace, id).await?;
            let revision = workflow.summary.revision;
            Ok(Some(Written::of(revision, draft_seq, &WorkflowBody::from(workflow))?))
        };
        // Who edits the draft over WebSocket does not tell here. What they do from now on is not waited for: a draft may
        // be edited all the time.
        let newest = self.workflows.newest(id);
        loop {
            let kept = self.kept.get_or_load(Place(workspace, id.as_uuid()), load).await;
            let missing = || Problem::from(weir_workflows::Error::NoWorkflow(id));
            let kept = kept.map_err(Arc::<Problem>::unwrap_or_clone)?.ok_or_else(missing)?;
            if newest.is_none_or(|newest| newest <= kept.draft_seq) {
                return Ok(kept);
            }
            self.changed(workspace, id).await;
        }
    }

    /// To be called after every change.
    pub(crate) async fn changed(&self, workspace: WorkspaceId, id: WorkflowId) {
        self.kept.invalidate(Place(workspace, id.as_uuid())).await;
    }
}

impl Written {
    fn execution(details: Details) -> Result<Self, Problem> {
        let seq = details.summary.seq;
        Self::of(seq, 0, &ExecutionBody::from(details))
    }

    fn of(revision: u64, draft_seq: u64, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::value::to_raw_value(body);
        let body = body.map_err(|error| Problem::internal(format!("an answer cannot be written: {error}")))?;
        Ok(Self { revision, draft_seq, body })
    }

    /// The bytes, or the word that whoever asks has them.
    pub(crate) fn answer(self: Arc<Self>, known: &IfNoneMatch) -> Response {
        let tag = etag(self.revision);
        let mut response = Response::default();
        let headers = response.headers_mut();
        headers.reserve(HEADERS);
        headers.insert(CACHE_CONTROL, ASK_AGAIN);
        let is_known = known.names(&tag);
        headers.insert(ETAG, tag);
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *response.body_mut() = Body::from(Bytes::from_owner(Bytewise(self)));
        }
        response
    }
}

/// Answered without being copied.
struct Bytewise(Arc<Written>);

impl AsRef<[u8]> for Bytewise {
    fn as_ref(&self) -> &[u8] {
        self.0.body.get().as_bytes()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

/// What whoever asks has already.
pub(crate) struct IfNoneMatch(Option<HeaderValue>);

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::of(&parts.headers))
    }
}

impl IfNoneMatch {
    fn of(headers: &HeaderMap) -> Self {
        Self(headers.get(IF_NONE_MATCH).cloned())
    }

    fn names(&self, tag: &HeaderValue) -> bool {
        let Some(listed) = self.0.as_ref().and_then(|value| value.to_str().ok()) else { return false };
        let mut tags = listed.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        tags.any(|one| one == "*" || one.as_bytes() == tag.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_among_others_weak_or_not() {
        let names = |listed: &'static str| {
            IfNoneMatch::of(&HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(listed))])).names(&etag(7))
        };
        for known in ["\"7\"", "W/\"7\"", "\"6\", \"7\"", "*"] {
            assert!(names(known), "{known}");
        }
        for other in ["\"6\"", "7", "\"77\"", ""] {
            assert!(!names(other), "{other}");
        }
    }
}
