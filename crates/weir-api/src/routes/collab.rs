//! `/workflows/{id}/collab`: drafts as live documents over WebSocket, what they were, and what is said about them.

mod history;
mod socket;

use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{FromRef, State, WebSocketUpgrade};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Actor, WorkflowId};
use weir_collab::{Comment, Kind, MAX_FRAME};
use weir_identity::Identity;
use weir_workflows::Workflows;

use self::socket::Guest;
use crate::extract::{Caller, Json, Path, Query};
use crate::problem::{Problem, ReadProblems, WriteProblems, codes};
use crate::routes::Items;
use crate::shown::ShownWorkflows;

/// So many may take part in drafts at a time, in this process.
const PLACES: usize = 20_000;

/// When whoever found no place may try again, in seconds.
const PAUSE: u64 = 5;

/// Bytes that are read from a connection at once: what is larger comes in pieces. Thousands are open at a time.
const READ_BUFFER: usize = 4 * 1024;

/// Frames that are read, in bytes: more than are taken, so that whoever sends too much can be told. They would not
/// see it if the connection ended amid their frame.
const READ_FRAME: usize = 2 * MAX_FRAME;

/// What these routes need.
#[derive(Clone, FromRef)]
struct Live {
    workflows: Workflows,
    identity: Identity,
    shown: ShownWorkflows,
    shutdown: CancellationToken,
    places: Arc<Semaphore>,
}

pub(crate) fn router(
    workflows: Workflows,
    identity: Identity,
    shown: ShownWorkflows,
    shutdown: CancellationToken,
) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(connect))
        .routes(routes!(ticket))
        .routes(routes!(comments))
        .routes(routes!(history::list, history::keep))
        .routes(routes!(history::get, history::name))
        .routes(routes!(history::restore))
        .with_state(Live { workflows, identity, shown, shutdown, places: Arc::new(Semaphore::new(PLACES)) })
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ConnectParams {
    /// Proves who asks, where no `Authorization` can be sent.
    #[expect(dead_code, reason = "the gate has looked at it")]
    ticket: Option<String>,
    /// `yjs` (the usual) or `json`: what is spoken until the client's first frame tells.
    #[param(inline)]
    protocol: Option<Protocol>,
    /// `1` lets the server tell a Yjs client, by messages of type 120, how many of its edits are durable.
    saved: Option<u8>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    #[default]
    Yjs,
    Json,
}

/// Take part in a draft over WebSocket
///
/// Binary frames are those of y-websocket, text frames those of the JSON protocol. Whoever may only read is shown what
/// others do.
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/collab", tag = "collaboration", operation_id = "connect_workflow",
    params(("id" = Uuid, Path, description = "The workflow"), ConnectParams),
    security(("bearer" = ["workflow:read"])), extensions(("x-weir-ticket" = json!(true))),
    responses((status = 101, description = "From here on it is a WebSocket"), ReadProblems),
)]
async fn connect(
    State(live): State<Live>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    Query(params): Query<ConnectParams>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let kind = match params.protocol.unwrap_or_default() {
        Protocol::Yjs => Kind::Yjs { saved: params.saved == Some(1) },
        Protocol::Json => Kind::Json,
    };
    let name = match who.actor {
        Actor::User { user, .. } | Actor::ApiKey { user, .. } => live.identity.users().get(user).await?.name,
        actor => actor.to_string(),
    };
    live.workflows.versions().find(who.workspace, &id.to_string()).await?;
    let upgrade = upgrade.map_err(|_| {
        Problem::new(codes::HEADER_INVALID, "this is a WebSocket: connect to it with `Upgrade: websocket`")
    })?;
    let place = live.places.try_acquire_owned().map_err(|_| {
        Problem::new(codes::UNAVAILABLE, "too many take part in drafts: try again later").retry_after(PAUSE)
    })?;
    let connection = live.workflows.join(&who, id, name, kind).await?;
    let guest = Guest { identity: live.identity, who, shutdown: live.shutdown, _place: place };
    Ok(upgrade
        .max_message_size(READ_FRAME)
        .max_frame_size(READ_FRAME)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .on_upgrade(move |socket| guest.attend(socket, connection)))
}

/// What opens a WebSocket where no `Authorization` can be sent.
#[derive(Debug, Serialize, ToSchema)]
struct Ticket {
    /// For the query, as `ticket`.
    ticket: String,
    /// How long it is good, in seconds.
    expires_in: u64,
}

/// Get a ticket to take part in a draft
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/collab/ticket", tag = "collaboration", operation_id = "create_collab_ticket",
    params(("id" = Uuid, Path, description = "The workflow")),
    security(("bearer" = ["workflow:read"])),
    responses((status = 201, body = Ticket), WriteProblems),
)]
async fn ticket(
    State(live): State<Live>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    uri: Uri,
) -> Result<Response, Problem> {
    live.workflows.versions().find(who.workspace, &id.to_string()).await?;
    let path = uri.path().trim_end_matches("/ticket");
    let (ticket, life) = live.identity.ticket(&who, path).await?;
    let body = Ticket { ticket, expires_in: life.as_secs() };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// Something that somebody said about a draft.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Comment)]
struct CommentBody {
    id: String,
    /// The node it is about; the whole workflow without one.
    node: Option<String>,
    text: String,
    /// Whose account it is, as their client says.
    author: Option<String>,
    /// What they are called, as their client says.
    author_name: Option<String>,
    created_at: Option<String>,
    /// Whether it is dealt with.
    resolved: bool,
    /// What others said to it, the oldest first.
    #[schema(no_recursion)]
    replies: Vec<Self>,
}

impl From<Comment> for CommentBody {
    fn from(comment: Comment) -> Self {
        let Comment { id, node, text, author, author_name, created_at, resolved, replies } = comment;
        let replies = replies.into_iter().map(Self::from).collect();
        Self { id, node, text, author, author_name, created_at, resolved, replies }
    }
}

/// List what is said about a draft, the oldest first
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/comments", tag = "collaboration", operation_id = "list_workflow_comments",
    params(("id" = Uuid, Path, description = "The workflow")),
    security(("bearer" = ["workflow:read"])),
    responses((status = 200, body = Items<CommentBody>), ReadProblems),
)]
async fn comments(
    State(workflows): State<Workflows>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
) -> Result<Json<Items<CommentBody>>, Problem> {
    Ok(Json(Items::all(workflows.comments(who.workspace, id).await?)))
}
