//! `/events`: the workspace's domain events, as they happen.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Permission, Principal};
use weir_events::{Events, Located, Patterns, Position};

use crate::extract::{Caller, Query};
use crate::listeners::Listeners;
use crate::problem::{Problem, ReadProblems, codes};
use crate::routes::words;
use crate::watching::Streams;

/// After so long without an event a comment shows that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Clone)]
struct Feed {
    events: Events,
    listeners: Listeners,
    streams: Streams,
}

pub(crate) fn router(events: Events, streams: Streams) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(follow)).with_state(Feed { events, listeners: Listeners::default(), streams })
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FollowParams {
    /// Only these kinds, separated by commas, such as `WorkflowPublished` or `Execution*`.
    kind: Option<String>,
}

/// Where a listener broke off.
struct LastEventId(Option<Position>);

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("last-event-id").filter(|value| !value.is_empty()) else {
            return Ok(Self(None));
        };
        let position = value.to_str().ok().and_then(|text| text.parse().ok());
        let refused = || Problem::new(codes::HEADER_INVALID, "`Last-Event-ID` takes the id of an event as it came");
        position.map(|position| Self(Some(position))).ok_or_else(refused)
    }
}

/// Follow the workspace's domain events
///
/// Server-sent events: the event's name is its kind, its data is a CloudEvent (1.0) in JSON. `Last-Event-ID` resumes
/// after that event without a gap, for as long as events are kept. What tells of people, their rights and secrets is
/// shown to who may read the audit log. A stream ends after 15 minutes, to be resumed, and
/// when the rights of whoever follows change; at most 16 are open at once for
/// one person or key.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", operation_id = "follow_events",
    params(
        FollowParams,
        ("Last-Event-ID" = Option<String>, Header, description = "Continue after this event"),
    ),
    security(("bearer" = ["event:read"])),
    responses((status = 200, body = String, content_type = "text/event-stream"), ReadProblems),
)]
async fn follow(
    State(feed): State<Feed>,
    Caller(who): Caller,
    Query(params): Query<FollowParams>,
    LastEventId(after): LastEventId,
) -> Result<Response, Problem> {
    let kinds: Vec<String> = words(params.kind.as_deref())?;
    check_kinds(&who, &kinds)?;
    let kinds = match kinds.is_empty() {
        false => Patterns::new(kinds),
        true if who.may(Permission::AuditRead) => Ok(Patterns::with_people()),
        true => Ok(Patterns::all()),
    };
    let kinds = kinds.map_err(|error| Problem::new(codes::QUERY_INVALID, error.to_string()))?;
    let place = feed.listeners.join(who.actor)?;
    let located = feed.events.stream(who.workspace, after, kinds);
    let frames = located
        .take_until(feed.streams.over(who))
        .inspect(move |_| {
            // The place is taken as long as the stream is there.
            let _ = &place;
        })
        .take_while(|located| {
            // The client comes back with the id of the last event it got.
            if let Err(error) = located {
                tracing::warn!(%error, "the events cannot be followed");
            }
            futures::future::ready(located.is_ok())
        })
        .filter_map(|located| futures::future::ready(located.ok().map(|located| Ok::<_, Infallible>(frame(&located)))));
    Ok(Sse::new(frames).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

/// Whether somebody may have events of these kinds.
pub(super) fn check_kinds(who: &Principal, kinds: &[String]) -> Result<(), Problem> {
    if Patterns::name_people(kinds) { Problem::unless_allowed(who, Permission::AuditRead) } else { Ok(()) }
}

fn frame(located: &Located) -> Event {
    let Located { position, event } = located;
    // JSON text has no line breaks, and kinds are words.
    Event::default().id(position.to_string()).event(&event.kind).data(event.cloud_event().to_string())
}
