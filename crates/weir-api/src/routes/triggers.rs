//! `/triggers`: what starts workflows by itself.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Principal, TriggerId, WorkflowId};
use weir_workflows::triggers::{Change, NewTrigger, Trigger, TriggerConfig, Triggers};

use crate::extract::{Caller, IfMatch, Json, Path, Query, etag};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::{Items, PageParams};

pub(crate) fn router(triggers: Triggers) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(list_of_workflow, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(listen))
        .with_state(triggers)
}

/// What starts a workflow by itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Trigger)]
pub(crate) struct TriggerBody {
    #[schema(value_type = Uuid)]
    id: TriggerId,
    /// What it starts.
    #[schema(value_type = Uuid)]
    workflow_id: WorkflowId,
    /// What people call it.
    name: String,
    /// What it waits for; its `kind` is `webhook`, `cron`, `event` or `form`.
    #[schema(value_type = Object)]
    config: TriggerConfig,
    /// Whether it starts anything.
    enabled: bool,
    /// Where a webhook or a form is reached, below this server's address.
    path: Option<String>,
    /// Where a webhook runs the draft while somebody listens.
    test_path: Option<String>,
    /// Of a schedule: when it fires next.
    next_at: Option<DateTime<Utc>>,
    /// When it last fired.
    last_at: Option<DateTime<Utc>>,
    /// Why it started nothing the last time.
    last_error: Option<String>,
    /// Until when the test path takes a request.
    listening_until: Option<DateTime<Utc>>,
    /// Counts every change; the number in the `ETag`.
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Trigger> for TriggerBody {
    fn from(trigger: Trigger) -> Self {
        let (path, test_path) = match &trigger.config {
            TriggerConfig::Webhook(hook) => {
                (Some(format!("/hooks/{}", hook.path)), Some(format!("/hooks-test/{}", hook.path)))
            }
            TriggerConfig::Form(form) => (Some(format!("/forms/{}", form.path)), None),
            TriggerConfig::Cron(_) | TriggerConfig::Event(_) => (None, None),
        };
        Self {
            id: trigger.id,
            workflow_id: trigger.workflow,
            name: trigger.name,
            config: trigger.config,
            enabled: trigger.enabled,
            path,
            test_path,
            next_at: trigger.next_at,
            last_at: trigger.last_at,
            last_error: trigger.last_error,
            listening_until: trigger.listening_until,
            version: trigger.version,
            created_at: trigger.created_at,
            updated_at: trigger.updated_at,
        }
    }
}

/// A trigger to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TriggerToMake {
    /// What people call it.
    name: String,
    /// What it waits for, such as `{"kind": "cron", "schedule": "0 8 * * 1-5", "time_zone": "Europe/Berlin"}`.
    #[schema(value_type = Object)]
    config: TriggerConfig,
    /// Whether it starts anything; it does without this.
    #[serde(default = "yes")]
    enabled: bool,
}

/// What to change of a trigger; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TriggerChange {
    /// Another name.
    name: Option<String>,
    /// Something else to wait for, as a whole.
    #[schema(value_type = Option<Object>)]
    config: Option<TriggerConfig>,
    /// Switch it on or off.
    enabled: Option<bool>,
}

/// Until when the test path takes a request.
#[derive(Debug, Serialize, ToSchema)]
struct Listening {
    listening_until: DateTime<Utc>,
}

const fn yes() -> bool {
    true
}

/// List the workspace's triggers, oldest first
#[utoipa::path(
    get, path = "/api/v1/triggers", tag = "triggers", operation_id = "list_triggers", params(PageParams),
    security(("bearer" = ["trigger:read"])),
    responses((status = 200, body = Items<TriggerBody>), ReadProblems),
)]
async fn list(
    State(triggers): State<Triggers>,
    Caller(who): Caller,
    Query(params): Query<PageParams>,
) -> Result<Json<Items<TriggerBody>>, Problem> {
    let page = params.read()?;
    Ok(Json(Items::of(triggers.list(who.workspace, None, &page).await?)))
}

/// List a workflow's triggers, oldest first
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/triggers", tag = "triggers", operation_id = "list_workflow_triggers",
    params(("id" = Uuid, Path, description = "The workflow"), PageParams),
    security(("bearer" = ["trigger:read"])),
    responses((status = 200, body = Items<TriggerBody>), ReadProblems),
)]
async fn list_of_workflow(
    State(triggers): State<Triggers>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    Query(params): Query<PageParams>,
) -> Result<Json<Items<TriggerBody>>, Problem> {
    let page = params.read()?;
    Ok(Json(Items::of(triggers.list(who.workspace, Some(id), &page).await?)))
}

/// Make a trigger of a workflow
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/triggers", tag = "triggers", operation_id = "create_trigger",
    request_body = TriggerToMake, params(("id" = Uuid, Path, description = "The workflow")),
    security(("bearer" = ["trigger:write"])),
    responses((status = 201, body = TriggerBody, headers(("Location" = String), ("ETag" = String))), WriteProblems),
)]
async fn create(
    State(triggers): State<Triggers>,
    Caller(who): Caller,
    Path(id): Path<WorkflowId>,
    Json(body): Json<TriggerToMake>,
) -> Result<Response, Problem> {
    let TriggerToMake { name, config, enabled } = body;
    check_config(&who, &config)?;
    let made = triggers.create(&who, id, NewTrigger { name, config, enabled }).await?;
    let location = [(LOCATION, format!("/api/v1/triggers/{}", made.id))];
    Ok((StatusCode::CREATED, location, tagged(made)).into_response())
}

/// Show a trigger
#[utoipa::path(
    get, path = "/api/v1/triggers/{id}", tag = "triggers", operation_id = "get_trigger",
    params(("id" = Uuid, Path, description = "The trigger")),
    security(("bearer" = ["trigger:read"])),
    responses((status = 200, body = TriggerBody, headers(("ETag" = String))), ReadProblems),
)]
async fn get(
    State(triggers): State<Triggers>,
    Caller(who): Caller,
    Path(id): Path<TriggerId>,
) -> Result<Response, Problem> {
    Ok(tagged(triggers.get(who.workspace, id).await?))
}

/// Change a trigger
#[utoipa::path(
    patch, path = "/api/v1/triggers/{id}", tag = "triggers", operation_id = "update_trigger", request_body = TriggerChange,
    params(
        ("id" = Uuid, Path, description = "The trigger"),
        ("If-Match" = Option<String>, Header, description = "Only if the trigger is still at this version"),
    ),
    security(("bearer" = ["trigger:write"])),
    responses((status = 200, body = TriggerBody, headers(("ETag" = String))), WriteProblems),
)]
async fn update(
    State(triggers): State<Triggers>,
    Caller(who): Caller,
    Path(id): Path<TriggerId>,
    if_match: Option<IfMatch>,
    Json(body): Json<TriggerChange>,
) -> Result<Response, Problem> {
    let TriggerChange { name, config, enabled } = body;
    config.as_ref().map_or(Ok(()), |config| check_config(&who, config))?;
    let expected = if_match.and_then(IfMatch::version);
    Ok(tagged(triggers.update(&who, id, expected, Change { name, config, enabled }).await?))
}

/// Remove a trigger
#[utoipa::path(
    delete, path = "/api/v1/triggers/{id}", tag = "triggers", operation_id = "delete_trigger",
    params(("id" = Uuid, Path, description = "The trigger")),
    security(("bearer" = ["trigger:write"])),
    responses((status = 204), WriteProblems),
)]
async fn delete(
    State(triggers): State<Triggers>,
    Caller(who): Caller,
    Path(id): Path<TriggerId>,
) -> Result<StatusCode, Problem> {
    triggers.delete(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let a webhook's test path run the draft with the next request
#[utoipa::path(
    post, path = "/api/v1/triggers/{id}/listen", tag = "triggers", operation_id = "listen_to_trigger",
    params(("id" = Uuid, Path, description = "The trigger")),
    security(("bearer" = ["trigger:write"])),
    responses((status = 200, body = Listening), WriteProblems),
)]
async fn listen(
    State(triggers): State<Triggers>,
    Caller(who): Caller,
    Path(id): Path<TriggerId>,
) -> Result<Json<Listening>, Problem> {
    Ok(Json(Listening { listening_until: triggers.listen(&who, id).await? }))
}

/// Events that tell of people start workflows only for who may see them.
fn check_config(who: &Principal, config: &TriggerConfig) -> Result<(), Problem> {
    match config {
        TriggerConfig::Event(event) => super::events::check_kinds(who, event.events.as_slice()),
        TriggerConfig::Webhook(_) | TriggerConfig::Cron(_) | TriggerConfig::Form(_) => Ok(()),
    }
}

fn tagged(trigger: Trigger) -> Response {
    let tag = [(ETAG, etag(trigger.version.unsigned_abs()))];
    (tag, Json(TriggerBody::from(trigger))).into_response()
}

/// The trigger as it is now, for whoever missed a change.
pub(crate) fn current(trigger: Trigger) -> Value {
    // Texts, times and JSON values always serialise.
    serde_json::to_value(TriggerBody::from(trigger)).unwrap_or_default()
}
