//! Keeps other web sites out while there is no sign-in: a page in the owner's browser must not drive this server.
//!
//! A foreign page can reach a loopback server in two ways: by a name of its own that resolves to 127.0.0.1 (then the
//! `Host` is that name), or by a cross-site write (then the browser says so in `Origin` and `Sec-Fetch-Site`).

use std::net::Ipv6Addr;

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method};

use crate::problem::{Problem, codes};

/// Refuses what a foreign page may have sent.
pub(crate) fn check(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let host = request.uri().authority().map(Authority::as_str).or_else(|| text(headers, HOST.as_str()));
    let Some(host) = host.filter(|host| is_loopback(host)) else {
        let detail = "until there is a sign-in this server answers only to localhost, 127.0.0.1 and [::1]";
        return Err(Problem::new(codes::HOST_NOT_ALLOWED, detail));
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || is_same_site(headers, host) {
        return Ok(());
    }
    let detail = "until there is a sign-in only pages of this server itself may change anything";
    Err(Problem::new(codes::ORIGIN_NOT_ALLOWED, detail))
}

fn is_same_site(headers: &HeaderMap, host: &str) -> bool {
    let fetched_across = matches!(text(headers, "sec-fetch-site"), Some("cross-site" | "same-site"));
    let from_here = match headers.get(ORIGIN) {
        None => true,
        Some(origin) => {
            origin.to_str().ok().and_then(|origin| origin.split_once("://")).is_some_and(|(_, at)| at == host)
        }
    };
    from_here && !fetched_across
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => return address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn allowed(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(Body::empty()).unwrap()).is_ok()
    }

    #[test]
    fn only_loopback_names_are_answered() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.1.2.3", "[::1]:80"] {
            assert!(allowed("GET", &[("host", host)]), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "10.0.0.1", "[::2]", ""] {
            assert!(!allowed("GET", &[("host", host)]), "{host}");
        }
        assert!(!allowed("GET", &[]));
    }

    #[test]
    fn only_pages_of_this_server_may_write() {
        let host = ("host", "localhost:1");
        assert!(allowed("POST", &[host]));
        assert!(allowed("POST", &[host, ("origin", "http://localhost:1"), ("sec-fetch-site", "same-origin")]));
        assert!(allowed("GET", &[host, ("origin", "https://evil.example")]));
        for origin in ["https://evil.example", "http://localhost:2", "null"] {
            assert!(!allowed("POST", &[host, ("origin", origin)]), "{origin}");
        }
        assert!(!allowed("DELETE", &[host, ("sec-fetch-site", "cross-site")]));
    }
}
