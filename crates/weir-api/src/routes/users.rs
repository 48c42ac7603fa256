//! `/users`: the accounts of the installation, for who runs it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Page, UserId};
use weir_identity::{User, UserUpdate, Users};

use crate::extract::{Caller, IfMatch, Json, Path, Query, etag, page};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::{Items, field};

pub(crate) fn router(users: Users) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update))
        .routes(routes!(reset_password))
        .with_state(users)
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserBody {
    #[schema(value_type = Uuid)]
    id: UserId,
    email: String,
    name: String,
    /// Whether one can sign in with it.
    is_active: bool,
    /// Whether the address was proved to be theirs.
    email_verified: bool,
    /// Whether they run the installation.
    is_operator: bool,
    /// Whether there is a password, or just a sign-in by another provider.
    has_password: bool,
    /// Nothing else is allowed until the password is changed.
    must_change_password: bool,
    /// Counts every change; the number in the `ETag`.
    version: u64,
    last_login_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            name: user.name,
            is_active: user.is_active,
            email_verified: user.email_verified,
            is_operator: user.is_operator,
            has_password: user.has_password,
            must_change_password: user.must_change_password,
            version: user.version,
            last_login_at: user.last_login_at,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// Which accounts a list holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// Only the account with this address.
    email: Option<String>,
    /// At most so many, 1 to 200; 50 without it.
    limit: Option<u32>,
    /// Continue after the page that gave this.
    cursor: Option<String>,
}

/// An account to be made, as a member of the workspace that is asked in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserToMake {
    email: String,
    name: String,
    /// `admin`, `developer`, `analyst` or `viewer`.
    role: String,
}

/// A new account with the password for its first sign-in.
#[derive(Serialize, ToSchema)]
struct NewUser {
    #[serde(flatten)]
    user: UserBody,
    /// Shown this once; it must be changed at the first sign-in.
    one_time_password: String,
}

/// A password for one sign-in.
#[derive(Serialize, ToSchema)]
struct OneTimePassword {
    /// Shown this once; it must be changed at the next sign-in.
    one_time_password: String,
}

/// What to change of an account; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserChange {
    name: Option<String>,
    /// Whether one can sign in with it.
    is_active: Option<bool>,
    /// Whether they run the installation.
    is_operator: Option<bool>,
}

/// List accounts
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users", operation_id = "list_users", params(ListParams),
    security(("bearer" = ["installation:admin"])),
    responses((status = 200, body = Items<UserBody>), ReadProblems),
)]
async fn list(State(users): State<Users>, Query(params): Query<ListParams>) -> Result<Json<Items<UserBody>>, Problem> {
    let page = page(params.limit, params.cursor)?;
    let found = match params.email {
        None => users.list(&page).await?,
        Some(email) => match users.by_email(&email).await {
            Ok(user) => Page { items: vec![user], next: None },
            Err(weir_identity::Error::NoEmail(_)) => Page { items: Vec::new(), next: None },
            Err(error) => return Err(error.into()),
        },
    };
    Ok(Json(Items::of(found)))
}

/// Make an account, as a member of the workspace that is asked in
#[utoipa::path(
    post, path = "/api/v1/users", tag = "users", operation_id = "create_user", request_body = UserToMake,
    security(("bearer" = ["installation:admin"])),
    responses((status = 201, body = NewUser, headers(("Location" = String))), WriteProblems),
)]
async fn create(
    State(users): State<Users>,
    Caller(who): Caller,
    Json(body): Json<UserToMake>,
) -> Result<Response, Problem> {
    let role = field("/role", &body.role)?;
    let (user, one_time_password) = users.create(&who, &body.email, &body.name, role).await?;
    let location = [(LOCATION, format!("/api/v1/users/{}", user.id))];
    Ok((StatusCode::CREATED, location, Json(NewUser { user: user.into(), one_time_password })).into_response())
}

/// Show an account
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = "users", operation_id = "get_user",
    params(("id" = Uuid, Path, description = "The account")),
    security(("bearer" = ["installation:admin"])),
    responses((status = 200, body = UserBody, headers(("ETag" = String))), ReadProblems),
)]
async fn get(State(users): State<Users>, Path(id): Path<UserId>) -> Result<Response, Problem> {
    Ok(tagged(users.get(id).await?))
}

/// Change an account
#[utoipa::path(
    patch, path = "/api/v1/users/{id}", tag = "users", operation_id = "update_user", request_body = UserChange,
    params(
        ("id" = Uuid, Path, description = "The account"),
        ("If-Match" = Option<String>, Header, description = "Only if the account is still at this version"),
    ),
    security(("bearer" = ["installation:admin"])),
    responses((status = 200, body = UserBody, headers(("ETag" = String))), WriteProblems),
)]
async fn update(
    State(users): State<Users>,
    Caller(who): Caller,
    Path(id): Path<UserId>,
    if_match: Option<IfMatch>,
    Json(body): Json<UserChange>,
) -> Result<Response, Problem> {
    let UserChange { name, is_active, is_operator } = body;
    let change = UserUpdate { name, is_active, is_operator };
    Ok(tagged(users.update(&who, id, if_match.and_then(IfMatch::revision), change).await?))
}

/// Set a password for one sign-in, and end all sessions of the account
#[utoipa::path(
    post, path = "/api/v1/users/{id}/reset-password", tag = "users", operation_id = "reset_user_password",
    params(("id" = Uuid, Path, description = "The account")),
    security(("bearer" = ["installation:admin"])),
    responses((status = 200, body = OneTimePassword), WriteProblems),
)]
async fn reset_password(
    State(users): State<Users>,
    Caller(who): Caller,
    Path(id): Path<UserId>,
) -> Result<Json<OneTimePassword>, Problem> {
    Ok(Json(OneTimePassword { one_time_password: users.reset_password(&who, id).await? }))
}

fn tagged(user: User) -> Response {
    ([(ETAG, etag(user.version))], Json(UserBody::from(user))).into_response()
}
