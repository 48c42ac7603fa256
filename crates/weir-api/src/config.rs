//! What can be chosen about the server's HTTP side.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderValue;
use ipnet::IpNet;
use url::Url;

/// What can be chosen about the server's HTTP side.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Where people reach this installation. With `https` answers say that it must never be asked without.
    pub public_url: Url,
    /// How often who may ask.
    pub limits: Limits,
    /// Pages of these sites may use the API from a browser; none without any. Pages of the public URL always may.
    pub cors: Vec<Origin>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The longest body that is read into memory, in bytes; uploaded files are streamed and not meant.
    pub body_limit: usize,
    /// How often it is looked at whether whoever follows events still may; their stream ends when they may not.
    pub streams_checked: Duration,
}

impl HttpConfig {
    /// The defaults, for an installation reached at `public_url`.
    pub fn new(public_url: Url) -> Self {
        Self {
            public_url,
            limits: Limits::default(),
            cors: Vec::new(),
            trusted_proxies: Vec::new(),
            body_limit: 10 * 1024 * 1024,
            streams_checked: Duration::from_secs(30),
        }
    }
}

/// Requests within any minute; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of a person who is signed in, over all their sessions.
    pub user: u32,
    /// With one API key.
    pub key: u32,
    /// From one address without a valid sign-in; of IPv6 the network of 64 bits counts as one address.
    pub address: u32,
    /// From one address to sign in, register, or prove something by a link.
    pub login: u32,
    /// From one address to webhooks of workflows.
    pub hook: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { user: 300, key: 300, address: 60, login: 10, hook: 300 }
    }
}

impl Limits {
    /// No limits at all.
    pub const NONE: Self = Self { user: 0, key: 0, address: 0, login: 0, hook: 0 };
}

/// A site as browsers name it: scheme, host, and port unless it is the usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin of this address.
    pub fn of(url: &Url) -> Self {
        Self(url.origin().ascii_serialization())
    }

    /// As it stands in an `Origin` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_header(&self) -> HeaderValue {
        // An origin in ASCII is always a header.
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("null"))
    }
}

/// A text that is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin: write scheme, host and port only, such as https://weir.example.com")]
pub struct InvalidOrigin(String);

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let invalid = || InvalidOrigin(text.chars().take(200).collect());
        let url = Url::parse(text).map_err(|_| invalid())?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if bare && matches!(url.scheme(), "http" | "https") { Ok(Self::of(&url)) } else { Err(invalid()) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let read = |text: &str| text.parse::<Origin>().map(|origin| origin.to_string());
        assert_eq!(read("https://Weir.example.com:443").unwrap(), "https://weir.example.com");
        assert_eq!(read("http://localhost:5173/").unwrap(), "http://localhost:5173");
        for wrong in ["*", "weir.example.com", "https://a.example/path", "file:///x", "https://u@a.example", "null"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
