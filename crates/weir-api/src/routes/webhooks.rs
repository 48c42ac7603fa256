//! `/webhooks`: addresses that domain events are sent to.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::WebhookId;
use weir_events::{NewWebhook, Webhook, WebhookChange, Webhooks};

use super::deliveries::{DeliveryBody, DeliveryParams, RedeliverBody, Redelivered};
use crate::extract::{Caller, IfMatch, Json, Path, Query, etag};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::{Items, PageParams};

pub(crate) fn router(webhooks: Webhooks) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(rotate_secret))
        .routes(routes!(deliveries))
        .routes(routes!(redeliver))
        .with_state(webhooks)
}

/// An address that domain events are sent to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
struct WebhookBody {
    #[schema(value_type = Uuid)]
    id: WebhookId,
    /// Where events are posted to.
    url: String,
    /// What it is for.
    description: String,
    /// The kinds of events it gets.
    events: Vec<String>,
    /// Whether it gets any.
    enabled: bool,
    /// Why Weir disabled it, if Weir did.
    disabled_because: Option<String>,
    /// Until when its secret of before signs as well.
    old_secret_until: Option<DateTime<Utc>>,
    /// Counts every change; the number in the `ETag`.
    version: i64,
    /// Who made it.
    created_by: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Webhook> for WebhookBody {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url,
            description: webhook.description,
            events: webhook.events.as_slice().to_vec(),
            enabled: webhook.enabled,
            disabled_because: webhook.disabled_because,
            old_secret_until: webhook.old_secret_until,
            version: webhook.version,
            created_by: webhook.created_by,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

/// A webhook with the secret that its messages are signed with.
#[derive(Serialize, ToSchema)]
struct WebhookWithSecret {
    #[serde(flatten)]
    webhook: WebhookBody,
    /// For the receiver, to check signatures by the Standard Webhooks scheme; shown this once.
    secret: String,
}

/// A webhook to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookToMake {
    /// Where to post events to.
    url: String,
    /// What it is for.
    #[serde(default)]
    description: String,
    /// The kinds of events it gets, such as `WorkflowPublished`, `Execution*` or `*`.
    events: Vec<String>,
    /// Whether it gets any; it does without this.
    #[serde(default = "yes")]
    enabled: bool,
}

/// What to change of a webhook; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookUpdate {
    url: Option<String>,
    description: Option<String>,
    /// All kinds of events it gets.
    events: Option<Vec<String>>,
    enabled: Option<bool>,
}

const fn yes() -> bool {
    true
}

/// List the workspace's webhooks
#[utoipa::path(
    get, path = "/api/v1/webhooks", tag = "webhooks", operation_id = "list_webhooks", params(PageParams),
    security(("bearer" = ["webhook:read"])),
    responses((status = 200, body = Items<WebhookBody>), ReadProblems),
)]
async fn list(
    State(webhooks): State<Webhooks>,
    Caller(who): Caller,
    Query(params): Query<PageParams>,
) -> Result<Json<Items<WebhookBody>>, Problem> {
    let page = params.read()?;
    Ok(Json(Items::of(webhooks.list(who.workspace, &page).await?)))
}

/// Make a webhook
#[utoipa::path(
    post, path = "/api/v1/webhooks", tag = "webhooks", operation_id = "create_webhook", request_body = WebhookToMake,
    security(("bearer" = ["webhook:write"])),
    responses(
        (status = 201, body = WebhookWithSecret, headers(("Location" = String), ("ETag" = String))), WriteProblems,
    ),
)]
async fn create(
    State(webhooks): State<Webhooks>,
    Caller(who): Caller,
    Json(body): Json<WebhookToMake>,
) -> Result<Response, Problem> {
    let WebhookToMake { url, description, events, enabled } = body;
    super::events::check_kinds(&who, &events)?;
    let (made, secret) = webhooks.create(&who, NewWebhook { url, description, events, enabled }).await?;
    let location = [(LOCATION, format!("/api/v1/webhooks/{}", made.id))];
    Ok((StatusCode::CREATED, location, with_secret(made, secret)).into_response())
}

/// Show a webhook
#[utoipa::path(
    get, path = "/api/v1/webhooks/{id}", tag = "webhooks", operation_id = "get_webhook",
    params(("id" = Uuid, Path, description = "The webhook")),
    security(("bearer" = ["webhook:read"])),
    responses((status = 200, body = WebhookBody, headers(("ETag" = String))), ReadProblems),
)]
async fn get(
    State(webhooks): State<Webhooks>,
    Caller(who): Caller,
    Path(id): Path<WebhookId>,
) -> Result<Response, Problem> {
    Ok(tagged(webhooks.get(who.workspace, id).await?))
}

/// Change a webhook
#[utoipa::path(
    patch, path = "/api/v1/webhooks/{id}", tag = "webhooks", operation_id = "update_webhook", request_body = WebhookUpdate,
    params(
        ("id" = Uuid, Path, description = "The webhook"),
        ("If-Match" = Option<String>, Header, description = "Only if the webhook is still at this version"),
    ),
    security(("bearer" = ["webhook:write"])),
    responses((status = 200, body = WebhookBody, headers(("ETag" = String))), WriteProblems),
)]
async fn update(
    State(webhooks): State<Webhooks>,
    Caller(who): Caller,
    Path(id): Path<WebhookId>,
    if_match: Option<IfMatch>,
    Json(body): Json<WebhookUpdate>,
) -> Result<Response, Problem> {
    let WebhookUpdate { url, description, events, enabled } = body;
    super::events::check_kinds(&who, events.as_deref().unwrap_or_default())?;
    let change = WebhookChange { url, description, events, enabled };
    Ok(tagged(webhooks.update(&who, id, if_match.and_then(IfMatch::version), change).await?))
}

/// Remove a webhook
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{id}", tag = "webhooks", operation_id = "delete_webhook",
    params(
        ("id" = Uuid, Path, description = "The webhook"),
        ("If-Match" = Option<String>, Header, description = "Only if the webhook is still at this version"),
    ),
    security(("bearer" = ["webhook:write"])),
    responses((status = 204), WriteProblems),
)]
async fn delete(
    State(webhooks): State<Webhooks>,
    Caller(who): Caller,
    Path(id): Path<WebhookId>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    webhooks.delete(&who, id, if_match.and_then(IfMatch::version)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a webhook a new secret
///
/// For a day messages are signed with the old one as well, so that the receiver can change over.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/rotate-secret", tag = "webhooks", operation_id = "rotate_webhook_secret",
    params(
        ("id" = Uuid, Path, description = "The webhook"),
        ("If-Match" = Option<String>, Header, description = "Only if the webhook is still at this version"),
    ),
    security(("bearer" = ["webhook:write"])),
    responses((status = 200, body = WebhookWithSecret, headers(("ETag" = String))), WriteProblems),
)]
async fn rotate_secret(
    State(webhooks): State<Webhooks>,
    Caller(who): Caller,
    Path(id): Path<WebhookId>,
    if_match: Option<IfMatch>,
) -> Result<Response, Problem> {
    let (webhook, secret) = webhooks.rotate_secret(&who, id, if_match.and_then(IfMatch::version)).await?;
    Ok(with_secret(webhook, secret))
}

/// List what became of the events for a webhook, newest first
#[utoipa::path(
    get, path = "/api/v1/webhooks/{id}/deliveries", tag = "webhooks", operation_id = "list_webhook_deliveries",
    params(("id" = Uuid, Path, description = "The webhook"), DeliveryParams),
    security(("bearer" = ["webhook:read"])),
    responses((status = 200, body = Items<DeliveryBody>), ReadProblems),
)]
async fn deliveries(
    State(webhooks): State<Webhooks>,
    Caller(who): Caller,
    Path(id): Path<WebhookId>,
    Query(params): Query<DeliveryParams>,
) -> Result<Json<Items<DeliveryBody>>, Problem> {
    let (status, page) = params.read()?;
    Ok(Json(Items::of(webhooks.deliveries(who.workspace, id, status, &page).await?)))
}

/// Send an event to a webhook again, or all that failed
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/redeliver", tag = "webhooks", operation_id = "redeliver_to_webhook",
    request_body = RedeliverBody, params(("id" = Uuid, Path, description = "The webhook")),
    security(("bearer" = ["webhook:write"])),
    responses((status = 200, body = Redelivered), WriteProblems),
)]
async fn redeliver(
    State(webhooks): State<Webhooks>,
    Caller(who): Caller,
    Path(id): Path<WebhookId>,
    body: Option<Json<RedeliverBody>>,
) -> Result<Json<Redelivered>, Problem> {
    let count = match body.and_then(|Json(body)| body.event_id) {
        Some(event) => webhooks.redeliver(&who, id, &event).await.map(|()| 1)?,
        None => webhooks.redeliver_failed(&who, id).await?,
    };
    Ok(Json(Redelivered { count }))
}

fn tagged(webhook: Webhook) -> Response {
    ([(ETAG, etag(webhook.version.unsigned_abs()))], Json(WebhookBody::from(webhook))).into_response()
}

fn with_secret(webhook: Webhook, secret: String) -> Response {
    let tag = [(ETAG, etag(webhook.version.unsigned_abs()))];
    (tag, Json(WebhookWithSecret { webhook: webhook.into(), secret })).into_response()
}
