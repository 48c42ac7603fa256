//! `/api-keys`: what programs sign in with.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{ApiKeyId, Permission, UserId, WorkspaceId};
use weir_identity::{ApiKey, ApiKeys, NewApiKey};

use crate::extract::{Caller, Json, Path, Query};
use crate::problem::{Problem, ReadProblems, WriteProblems, codes};
use crate::routes::{Items, PageParams};

/// The longest life of a key that is not for ever, in days.
const MAX_DAYS: u32 = 3650;

pub(crate) fn router(keys: ApiKeys) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, revoke)).with_state(keys)
}

/// A key, without what is secret in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
struct ApiKeyBody {
    #[schema(value_type = Uuid)]
    id: ApiKeyId,
    /// The only workspace it opens.
    #[schema(value_type = Uuid)]
    workspace_id: WorkspaceId,
    /// Whose it is; it never allows more than they are allowed.
    #[schema(value_type = Uuid)]
    user_id: UserId,
    /// What it is for.
    name: String,
    /// How it begins.
    prefix: String,
    /// What it allows at most.
    scopes: Vec<&'static str>,
    created_at: DateTime<Utc>,
    /// When it ends by itself.
    expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    last_used_at: Option<DateTime<Utc>>,
    /// When it was ended.
    revoked_at: Option<DateTime<Utc>>,
}

impl From<ApiKey> for ApiKeyBody {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            workspace_id: key.workspace,
            user_id: key.user,
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes.iter().map(Permission::as_str).collect(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A new key, shown this once.
#[derive(Serialize, ToSchema)]
struct NewKey {
    #[serde(flatten)]
    about: ApiKeyBody,
    /// The key itself, to be sent as `Authorization: Bearer`; it is kept nowhere.
    key: String,
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeyToMake {
    /// What it is for.
    name: String,
    /// What it allows at most, such as `execution:run`.
    scopes: Vec<String>,
    /// How long it lasts, 1 to 3650 days; for ever without it.
    expires_in_days: Option<u32>,
}

/// List one's keys, or those of everybody in the workspace for who may see them; newest first
#[utoipa::path(
    get, path = "/api/v1/api-keys", tag = "keys", operation_id = "list_api_keys", params(PageParams),
    security(("bearer" = ["key:own"])),
    responses((status = 200, body = Items<ApiKeyBody>), ReadProblems),
)]
async fn list(
    State(keys): State<ApiKeys>,
    Caller(who): Caller,
    Query(params): Query<PageParams>,
) -> Result<Json<Items<ApiKeyBody>>, Problem> {
    let page = params.read()?;
    Ok(Json(Items::of(keys.list(&who, &page).await?)))
}

/// Make a key
#[utoipa::path(
    post, path = "/api/v1/api-keys", tag = "keys", operation_id = "create_api_key", request_body = KeyToMake,
    security(("bearer" = ["key:own"])),
    responses((status = 201, body = NewKey, headers(("Location" = String))), WriteProblems),
)]
async fn create(
    State(keys): State<ApiKeys>,
    Caller(who): Caller,
    Json(body): Json<KeyToMake>,
) -> Result<Response, Problem> {
    let mut scopes = Vec::new();
    for (index, word) in body.scopes.iter().enumerate() {
        let invalid = |error: weir_base::UnknownPermission| {
            Problem::new(codes::BODY_INVALID, "the body names a permission that does not exist").at(
                format!("/scopes/{index}"),
                codes::BODY_INVALID.word,
                error.to_string(),
            )
        };
        scopes.push(word.parse::<Permission>().map_err(invalid)?);
    }
    let expires_at = match body.expires_in_days {
        None => None,
        Some(days @ 1..=MAX_DAYS) => Some(Utc::now() + TimeDelta::days(days.into())),
        Some(days) => {
            let message = format!("{days} days are not from 1 to {MAX_DAYS}");
            let problem = Problem::new(codes::BODY_INVALID, "the key's life is not possible");
            return Err(problem.at("/expires_in_days", codes::BODY_INVALID.word, message));
        }
    };
    let new = NewApiKey { name: body.name, scopes: scopes.into_iter().collect(), expires_at };
    let (made, key) = keys.create(&who, new).await?;
    let location = [(LOCATION, format!("/api/v1/api-keys/{}", made.id))];
    Ok((StatusCode::CREATED, location, Json(NewKey { about: made.into(), key })).into_response())
}

/// Show a key, without what is secret in it
#[utoipa::path(
    get, path = "/api/v1/api-keys/{id}", tag = "keys", operation_id = "get_api_key",
    params(("id" = Uuid, Path, description = "The key")),
    security(("bearer" = ["key:own"])),
    responses((status = 200, body = ApiKeyBody), ReadProblems),
)]
async fn get(
    State(keys): State<ApiKeys>,
    Caller(who): Caller,
    Path(id): Path<ApiKeyId>,
) -> Result<Json<ApiKeyBody>, Problem> {
    Ok(Json(keys.get(&who, id).await?.into()))
}

/// End a key
#[utoipa::path(
    delete, path = "/api/v1/api-keys/{id}", tag = "keys", operation_id = "revoke_api_key",
    params(("id" = Uuid, Path, description = "The key")),
    security(("bearer" = ["key:own"])),
    responses((status = 204), WriteProblems),
)]
async fn revoke(
    State(keys): State<ApiKeys>,
    Caller(who): Caller,
    Path(id): Path<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    keys.revoke(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
