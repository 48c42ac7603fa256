//! Which sites' pages may send requests that a cookie signs in: the browser adds it by itself, whoever asks.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

use crate::config::{HttpConfig, Origin};
use crate::problem::{Problem, codes};

/// The sites whose pages belong to this installation.
#[derive(Debug, Clone)]
pub(crate) struct Origins(Arc<[Origin]>);

impl Origins {
    pub(crate) fn of(config: &HttpConfig) -> Self {
        Self(std::iter::once(Origin::of(&config.public_url)).chain(config.cors.iter().cloned()).collect())
    }

    /// Refuses what a foreign page may have sent. What is no browser sends no `Origin`, and has no cookies of others.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let ours = match (headers.get(ORIGIN), text(ORIGIN.as_str())) {
            (None, _) => !matches!(text("sec-fetch-site"), Some("cross-site" | "same-site")),
            (Some(_), Some(origin)) => self.knows(origin) || is_host(origin, text(HOST.as_str())),
            (Some(_), None) => false,
        };
        if ours {
            return Ok(());
        }
        let detail = "only pages of this installation, and of the sites its configuration names, may ask for this";
        Err(Problem::new(codes::ORIGIN_NOT_ALLOWED, detail))
    }

    fn knows(&self, origin: &str) -> bool {
        self.0.iter().any(|known| known.as_str() == origin)
    }
}

/// Whether a page was served under the name that it now asks.
fn is_host(origin: &str, host: Option<&str>) -> bool {
    host.is_some() && origin.split_once("://").map(|(_, at)| at) == host
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn allowed(headers: &[(&'static str, &'static str)]) -> bool {
        let mut config = HttpConfig::new("https://weir.example.com/".parse().unwrap());
        config.cors = vec!["https://app.example.org".parse().unwrap()];
        let headers = headers
            .iter()
            .map(|(name, value)| (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        Origins::of(&config).check(&headers.collect()).is_ok()
    }

    #[test]
    fn only_pages_of_the_installation_are_let_in() {
        let host = ("host", "weir.internal:8080");
        assert!(allowed(&[host]));
        for origin in ["https://weir.example.com", "https://app.example.org", "http://weir.internal:8080"] {
            assert!(allowed(&[host, ("origin", origin), ("sec-fetch-site", "same-site")]), "{origin}");
        }
        for origin in
            ["https://evil.example", "http://weir.example.com", "https://weir.example.com.evil.example", "null"]
        {
            assert!(!allowed(&[host, ("origin", origin)]), "{origin}");
        }
        assert!(!allowed(&[host, ("sec-fetch-site", "cross-site")]));
    }
}
