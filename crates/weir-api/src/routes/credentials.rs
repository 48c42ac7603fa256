//! `/credentials`: secrets that workflows use; what is in them is never answered.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Credential, CredentialId};
use weir_identity::{CredentialSummary, CredentialUpdate, Credentials};

use crate::extract::{Caller, IfMatch, Json, Path, Query, etag, page};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::Items;

pub(crate) fn router(credentials: Credentials) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, update, delete)).with_state(credentials)
}

/// A credential, without what is secret in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Credential)]
struct CredentialBody {
    #[schema(value_type = Uuid)]
    id: CredentialId,
    /// What workflows call it.
    name: String,
    /// `bearer`, `basic`, `api_key`, `oauth2_client`, `smtp`, `database`, `slack`, `signing` or `custom`.
    r#type: String,
    /// What of it is no secret, such as a user's name or a host.
    #[schema(value_type = Object)]
    hints: Map<String, Value>,
    /// Counts every change; the number in the `ETag`.
    version: u64,
    /// Who made it, such as `user:ID`.
    created_by: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// When a node last got it, to the minute.
    last_used_at: Option<DateTime<Utc>>,
}

impl From<CredentialSummary> for CredentialBody {
    fn from(summary: CredentialSummary) -> Self {
        Self {
            id: summary.id,
            name: summary.name,
            r#type: summary.kind,
            hints: summary.hints,
            version: summary.version,
            created_by: summary.created_by,
            created_at: summary.created_at,
            updated_at: summary.updated_at,
            last_used_at: summary.last_used_at,
        }
    }
}

/// A secret to be kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CredentialToKeep {
    /// What workflows shall call it: letters, digits, blanks, `.`, `_`, `-`.
    name: String,
    /// The secret with its type, such as `{"type": "bearer", "token": "..."}`.
    #[schema(value_type = Object)]
    secret: Credential,
}

/// What to change of a credential; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CredentialChange {
    /// Another name.
    name: Option<String>,
    /// Another secret, possibly of another type.
    #[schema(value_type = Option<Object>)]
    secret: Option<Credential>,
}

/// Which credentials a list holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// Only those of this type.
    r#type: Option<String>,
    /// At most so many, 1 to 200; 50 without it.
    limit: Option<u32>,
    /// Continue after the page that gave this.
    cursor: Option<String>,
}

/// List the workspace's credentials
#[utoipa::path(
    get, path = "/api/v1/credentials", tag = "credentials", operation_id = "list_credentials", params(ListParams),
    security(("bearer" = ["credential:read"])),
    responses((status = 200, body = Items<CredentialBody>), ReadProblems),
)]
async fn list(
    State(credentials): State<Credentials>,
    Caller(who): Caller,
    Query(params): Query<ListParams>,
) -> Result<Json<Items<CredentialBody>>, Problem> {
    let page = page(params.limit, params.cursor)?;
    Ok(Json(Items::of(credentials.list(who.workspace, params.r#type.as_deref(), &page).await?)))
}

/// Keep a secret
#[utoipa::path(
    post, path = "/api/v1/credentials", tag = "credentials", operation_id = "create_credential",
    request_body = CredentialToKeep,
    security(("bearer" = ["credential:write"])),
    responses((status = 201, body = CredentialBody, headers(("Location" = String), ("ETag" = String))), WriteProblems),
)]
async fn create(
    State(credentials): State<Credentials>,
    Caller(who): Caller,
    Json(body): Json<CredentialToKeep>,
) -> Result<Response, Problem> {
    let kept = credentials.create(&who, &body.name, &body.secret).await?;
    let location = [(LOCATION, format!("/api/v1/credentials/{}", kept.id))];
    Ok((StatusCode::CREATED, location, tagged(kept)).into_response())
}

/// Show a credential, without what is secret in it
#[utoipa::path(
    get, path = "/api/v1/credentials/{id}", tag = "credentials", operation_id = "get_credential",
    params(("id" = Uuid, Path, description = "The credential")),
    security(("bearer" = ["credential:read"])),
    responses((status = 200, body = CredentialBody, headers(("ETag" = String))), ReadProblems),
)]
async fn get(
    State(credentials): State<Credentials>,
    Caller(who): Caller,
    Path(id): Path<CredentialId>,
) -> Result<Response, Problem> {
    Ok(tagged(credentials.get(who.workspace, id).await?))
}

/// Change a credential
#[utoipa::path(
    patch, path = "/api/v1/credentials/{id}", tag = "credentials", operation_id = "update_credential",
    request_body = CredentialChange,
    params(
        ("id" = Uuid, Path, description = "The credential"),
        ("If-Match" = Option<String>, Header, description = "Only if the credential is still at this version"),
    ),
    security(("bearer" = ["credential:write"])),
    responses((status = 200, body = CredentialBody, headers(("ETag" = String))), WriteProblems),
)]
async fn update(
    State(credentials): State<Credentials>,
    Caller(who): Caller,
    Path(id): Path<CredentialId>,
    if_match: Option<IfMatch>,
    Json(body): Json<CredentialChange>,
) -> Result<Response, Problem> {
    let change = CredentialUpdate { name: body.name, credential: body.secret };
    Ok(tagged(credentials.update(&who, id, if_match.and_then(IfMatch::revision), change).await?))
}

/// Remove a credential, for good
#[utoipa::path(
    delete, path = "/api/v1/credentials/{id}", tag = "credentials", operation_id = "delete_credential",
    params(
        ("id" = Uuid, Path, description = "The credential"),
        ("If-Match" = Option<String>, Header, description = "Only if the credential is still at this version"),
    ),
    security(("bearer" = ["credential:write"])),
    responses((status = 204), WriteProblems),
)]
async fn delete(
    State(credentials): State<Credentials>,
    Caller(who): Caller,
    Path(id): Path<CredentialId>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    credentials.delete(&who, id, if_match.and_then(IfMatch::revision)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tagged(credential: CredentialSummary) -> Response {
    ([(ETAG, etag(credential.version))], Json(CredentialBody::from(credential))).into_response()
}
