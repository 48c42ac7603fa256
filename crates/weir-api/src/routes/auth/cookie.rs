//! The cookies of signing in: out of reach for scripts, sent to `/api/v1/auth` only, and only by pages of this site.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponseParts, ResponseParts};

use crate::config::HttpConfig;
use crate::origins::Origins;
use crate::problem::Problem;

/// The refresh token.
const REFRESH: &str = "weir_refresh";

/// What is remembered while somebody is away at their identity provider.
const PROVIDER: &str = "weir_provider";

/// As long as a session can last, in seconds: 30 days.
const REFRESH_AGE: u32 = 30 * 24 * 60 * 60;

/// As long as signing in at the provider may take, in seconds.
const PROVIDER_AGE: u32 = 10 * 60;

/// Makes and reads the cookies of signing in.
#[derive(Debug, Clone)]
pub(super) struct Cookies {
    origins: Origins,
    /// Whether they are only sent over TLS.
    secure: bool,
}

/// A cookie to be set.
pub(super) struct SetCookie(String);

impl Cookies {
    pub(super) fn of(http: &HttpConfig) -> Self {
        Self { origins: Origins::of(http), secure: http.public_url.scheme() == "https" }
    }

    /// Keeps the refresh token.
    pub(super) fn refresh(&self, token: &str) -> SetCookie {
        self.set(REFRESH, token, REFRESH_AGE, "Strict")
    }

    /// Forgets the refresh token.
    pub(super) fn no_refresh(&self) -> SetCookie {
        self.set(REFRESH, "", 0, "Strict")
    }

    /// Keeps what belongs to a way to the provider; the way back comes from another site.
    pub(super) fn provider(&self, value: &str) -> SetCookie {
        self.set(PROVIDER, value, PROVIDER_AGE, "Lax")
    }

    /// The refresh token, unless a foreign page sent the request.
    pub(super) fn refresh_token<'h>(&self, headers: &'h HeaderMap) -> Result<Option<&'h str>, Problem> {
        let token = read(headers, REFRESH);
        if token.is_some() {
            self.origins.check(headers)?;
        }
        Ok(token)
    }

    fn set(&self, name: &str, value: &str, age: u32, same_site: &str) -> SetCookie {
        let secure = if self.secure { "; Secure" } else { "" };
        SetCookie(format!("{name}={value}; Path=/api/v1/auth; Max-Age={age}; HttpOnly; SameSite={same_site}{secure}"))
    }
}

/// What was kept for the way back from the provider.
pub(super) fn provider(headers: &HeaderMap) -> Option<&str> {
    read(headers, PROVIDER)
}

fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(found, _)| *found == name);
    named.next().map(|(_, value)| value).filter(|value| !value.is_empty())
}

impl IntoResponseParts for SetCookie {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Self::Error> {
        // Tokens are base64: they always fit into a header.
        if let Ok(value) = HeaderValue::try_from(self.0) {
            response.headers_mut().append(SET_COOKIE, value);
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refresh_token_is_out_of_reach_for_scripts_other_sites_and_other_paths() {
        let set = |url: &str| Cookies::of(&HttpConfig::new(url.parse().unwrap())).refresh("token").0;
        let all = "weir_refresh=token; Path=/api/v1/auth; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(set("https://weir.test/"), all);
        assert_eq!(format!("{}; Secure", set("http://weir.test/")), all);
    }
}
