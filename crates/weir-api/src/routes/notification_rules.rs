//! `/notification-rules`: which events people are told of, by mail or in Slack.

use std::collections::BTreeMap;

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
use uuid::Uuid;
use weir_events::{Channel, NewRule, NotificationRule, NotificationRules, RuleChange, RuleId};

use super::deliveries::{DeliveryBody, DeliveryParams, RedeliverBody, Redelivered};
use crate::extract::{Caller, IfMatch, Json, Path, Query, etag};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::{Items, PageParams};

pub(crate) fn router(rules: NotificationRules) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(deliveries))
        .routes(routes!(redeliver))
        .with_state(rules)
}

/// Which events people are told of, and how.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationRule)]
struct RuleBody {
    id: Uuid,
    name: String,
    /// The kinds of events.
    events: Vec<String>,
    /// Fields of an event's data, or JSON pointers into it, and what they must be.
    #[schema(value_type = Object)]
    conditions: BTreeMap<String, Value>,
    /// `{"type": "email", "to": [...]}` or `{"type": "slack", "credential": ..., "channel": ...}`.
    #[schema(value_type = Object)]
    channel: Channel,
    /// Whether anybody is told.
    enabled: bool,
    /// Counts every change; the number in the `ETag`.
    version: i64,
    /// Who made it.
    created_by: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<NotificationRule> for RuleBody {
    fn from(rule: NotificationRule) -> Self {
        Self {
            id: rule.id.as_uuid(),
            name: rule.name,
            events: rule.events.as_slice().to_vec(),
            conditions: rule.conditions,
            channel: rule.channel,
            enabled: rule.enabled,
            version: rule.version,
            created_by: rule.created_by,
            created_at: rule.created_at,
            updated_at: rule.updated_at,
        }
    }
}

/// A rule to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RuleToMake {
    name: String,
    /// The kinds of events, such as `ExecutionFailed`, `Approval*` or `*`.
    events: Vec<String>,
    /// Fields of an event's data, or JSON pointers into it, and what they must be.
    #[serde(default)]
    #[schema(value_type = Object)]
    conditions: BTreeMap<String, Value>,
    /// `{"type": "email", "to": [...]}` or `{"type": "slack", "credential": ..., "channel": ...}`.
    #[schema(value_type = Object)]
    channel: Channel,
    /// Whether anybody is told; somebody is without this.
    #[serde(default = "yes")]
    enabled: bool,
}

/// What to change of a rule; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RuleUpdate)]
struct RuleUpdateBody {
    name: Option<String>,
    /// All kinds of events.
    events: Option<Vec<String>>,
    /// All conditions.
    #[schema(value_type = Option<Object>)]
    conditions: Option<BTreeMap<String, Value>>,
    #[schema(value_type = Option<Object>)]
    channel: Option<Channel>,
    enabled: Option<bool>,
}

const fn yes() -> bool {
    true
}

/// List the workspace's notification rules
#[utoipa::path(
    get, path = "/api/v1/notification-rules", tag = "notifications", operation_id = "list_notification_rules",
    params(PageParams), security(("bearer" = ["webhook:read"])),
    responses((status = 200, body = Items<RuleBody>), ReadProblems),
)]
async fn list(
    State(rules): State<NotificationRules>,
    Caller(who): Caller,
    Query(params): Query<PageParams>,
) -> Result<Json<Items<RuleBody>>, Problem> {
    let page = params.read()?;
    Ok(Json(Items::of(rules.list(who.workspace, &page).await?)))
}

/// Make a notification rule
#[utoipa::path(
    post, path = "/api/v1/notification-rules", tag = "notifications", operation_id = "create_notification_rule",
    request_body = RuleToMake, security(("bearer" = ["webhook:write"])),
    responses((status = 201, body = RuleBody, headers(("Location" = String), ("ETag" = String))), WriteProblems),
)]
async fn create(
    State(rules): State<NotificationRules>,
    Caller(who): Caller,
    Json(body): Json<RuleToMake>,
) -> Result<Response, Problem> {
    let RuleToMake { name, events, conditions, channel, enabled } = body;
    super::events::check_kinds(&who, &events)?;
    let made = rules.create(&who, NewRule { name, events, conditions, channel, enabled }).await?;
    let location = [(LOCATION, format!("/api/v1/notification-rules/{}", made.id))];
    Ok((StatusCode::CREATED, location, tagged(made)).into_response())
}

/// Show a notification rule
#[utoipa::path(
    get, path = "/api/v1/notification-rules/{id}", tag = "notifications", operation_id = "get_notification_rule",
    params(("id" = Uuid, Path, description = "The rule")), security(("bearer" = ["webhook:read"])),
    responses((status = 200, body = RuleBody, headers(("ETag" = String))), ReadProblems),
)]
async fn get(
    State(rules): State<NotificationRules>,
    Caller(who): Caller,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    Ok(tagged(rules.get(who.workspace, RuleId::from_uuid(id)).await?))
}

/// Change a notification rule
#[utoipa::path(
    patch, path = "/api/v1/notification-rules/{id}", tag = "notifications", operation_id = "update_notification_rule",
    request_body = RuleUpdateBody,
    params(
        ("id" = Uuid, Path, description = "The rule"),
        ("If-Match" = Option<String>, Header, description = "Only if the rule is still at this version"),
    ),
    security(("bearer" = ["webhook:write"])),
    responses((status = 200, body = RuleBody, headers(("ETag" = String))), WriteProblems),
)]
async fn update(
    State(rules): State<NotificationRules>,
    Caller(who): Caller,
    Path(id): Path<Uuid>,
    if_match: Option<IfMatch>,
    Json(body): Json<RuleUpdateBody>,
) -> Result<Response, Problem> {
    let RuleUpdateBody { name, events, conditions, channel, enabled } = body;
    super::events::check_kinds(&who, events.as_deref().unwrap_or_default())?;
    let change = RuleChange { name, events, conditions, channel, enabled };
    Ok(tagged(rules.update(&who, RuleId::from_uuid(id), if_match.and_then(IfMatch::version), change).await?))
}

/// Remove a notification rule
#[utoipa::path(
    delete, path = "/api/v1/notification-rules/{id}", tag = "notifications", operation_id = "delete_notification_rule",
    params(
        ("id" = Uuid, Path, description = "The rule"),
        ("If-Match" = Option<String>, Header, description = "Only if the rule is still at this version"),
    ),
    security(("bearer" = ["webhook:write"])),
    responses((status = 204), WriteProblems),
)]
async fn delete(
    State(rules): State<NotificationRules>,
    Caller(who): Caller,
    Path(id): Path<Uuid>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    rules.delete(&who, RuleId::from_uuid(id), if_match.and_then(IfMatch::version)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List what became of the messages of a rule, newest first
#[utoipa::path(
    get, path = "/api/v1/notification-rules/{id}/deliveries", tag = "notifications",
    operation_id = "list_notification_deliveries",
    params(("id" = Uuid, Path, description = "The rule"), DeliveryParams),
    security(("bearer" = ["webhook:read"])),
    responses((status = 200, body = Items<DeliveryBody>), ReadProblems),
)]
async fn deliveries(
    State(rules): State<NotificationRules>,
    Caller(who): Caller,
    Path(id): Path<Uuid>,
    Query(params): Query<DeliveryParams>,
) -> Result<Json<Items<DeliveryBody>>, Problem> {
    let (status, page) = params.read()?;
    Ok(Json(Items::of(rules.deliveries(who.workspace, RuleId::from_uuid(id), status, &page).await?)))
}

/// Send the message about an event again, or all that failed
#[utoipa::path(
    post, path = "/api/v1/notification-rules/{id}/redeliver", tag = "notifications", operation_id = "redeliver_notifications",
    request_body = RedeliverBody, params(("id" = Uuid, Path, description = "The rule")),
    security(("bearer" = ["webhook:write"])),
    responses((status = 200, body = Redelivered), WriteProblems),
)]
async fn redeliver(
    State(rules): State<NotificationRules>,
    Caller(who): Caller,
    Path(id): Path<Uuid>,
    body: Option<Json<RedeliverBody>>,
) -> Result<Json<Redelivered>, Problem> {
    let id = RuleId::from_uuid(id);
    let count = match body.and_then(|Json(body)| body.event_id) {
        Some(event) => rules.redeliver(&who, id, &event).await.map(|()| 1)?,
        None => rules.redeliver_failed(&who, id).await?,
    };
    Ok(Json(Redelivered { count }))
}

fn tagged(rule: NotificationRule) -> Response {
    ([(ETAG, etag(rule.version.unsigned_abs()))], Json(RuleBody::from(rule))).into_response()
}
