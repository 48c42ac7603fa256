//! Follows an execution by server-sent events.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use weir_base::ExecutionId;

use crate::extract::{Caller, Path, Query};
use crate::live::Feed;
use crate::problem::{Problem, ReadProblems, codes};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsParams {
    /// Only events with a greater `seq`; `Last-Event-ID` counts instead when it is sent.
    after: Option<u64>,
}

/// Where a listener broke off.
pub(super) struct LastEventId(Option<u64>);

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("last-event-id").filter(|value| !value.is_empty()) else {
            return Ok(Self(None));
        };
        let id = value.to_str().ok().and_then(|text| text.parse().ok());
        let refused = || Problem::new(codes::HEADER_INVALID, "`Last-Event-ID` takes the number of an event");
        id.map(|id| Self(Some(id))).ok_or_else(refused)
    }
}

/// Follow an execution
///
/// Server-sent events. `journal`: a recorded event, its id is its `seq`, and `Last-Event-ID` resumes after it without
/// a gap. `live`: a token, a log line or progress, without an id. `end`: the execution is over, nothing follows.
#[utoipa::path(
    get, path = "/api/v1/executions/{id}/events", tag = "executions", operation_id = "follow_execution",
    params(
        ("id" = Uuid, Path, description = "The execution"), EventsParams,
        ("Last-Event-ID" = Option<u64>, Header, description = "Continue after this event"),
    ),
    security(("bearer" = ["execution:read"])),
    responses((status = 200, body = String, content_type = "text/event-stream"), ReadProblems),
)]
pub(super) async fn events(
    State(feed): State<Feed>,
    Caller(who): Caller,
    Path(id): Path<ExecutionId>,
    Query(params): Query<EventsParams>,
    LastEventId(last): LastEventId,
) -> Result<Response, Problem> {
    feed.follow(who, id, last.or(params.after).unwrap_or(0)).await
}
