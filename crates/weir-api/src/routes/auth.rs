//! `/auth`: signing in and out, and one's own account.

mod account;
mod cookie;
mod oidc;
mod password;
mod session;

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::UserId;
use weir_identity::{Client, Identity, Tokens};

use self::cookie::Cookies;
use crate::config::HttpConfig;
use crate::extract::{ClientAddress, Json};

/// What these routes need.
#[derive(Clone)]
pub(super) struct Auth {
    identity: Identity,
    cookies: Cookies,
}

pub(crate) fn router(identity: Identity, http: &HttpConfig) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(account::register))
        .routes(routes!(session::login))
        .routes(routes!(session::refresh))
        .routes(routes!(session::logout))
        .routes(routes!(session::list, session::end_all))
        .routes(routes!(session::end))
        .routes(routes!(account::me))
        .routes(routes!(account::verify))
        .routes(routes!(password::change))
        .routes(routes!(password::forgot))
        .routes(routes!(password::reset))
        .routes(routes!(oidc::begin))
        .routes(routes!(oidc::finish))
        .with_state(Auth { identity, cookies: Cookies::of(http) })
}

/// What proves who somebody is from now on.
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(super) struct TokensBody {
    /// To be sent with each request, as `Authorization: Bearer`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// How long the access token is good for, in seconds.
    expires_in: u64,
    /// Good for one refresh; left out when it went into a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[schema(value_type = Uuid)]
    user_id: UserId,
    /// Nothing else is allowed until the password is changed.
    must_change_password: bool,
}

impl Auth {
    /// The tokens in the body; the refresh token in a cookie, if that is where it shall be.
    fn answer(&self, tokens: Tokens, in_cookie: bool) -> Response {
        let Tokens { access_token, expires_in, refresh_token, user, must_change_password, .. } = tokens;
        let set = in_cookie.then(|| self.cookies.refresh(&refresh_token));
        let body = TokensBody {
            access_token,
            token_type: "Bearer",
            expires_in: expires_in.as_secs(),
            refresh_token: (!in_cookie).then_some(refresh_token),
            user_id: user,
            must_change_password,
        };
        (set, Json(body)).into_response()
    }
}

/// From where, and with what, somebody signs in.
fn client(ClientAddress(address): ClientAddress, headers: &HeaderMap) -> Client {
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Client { address, user_agent }
}
