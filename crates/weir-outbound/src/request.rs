//! A whole request and a bounded answer, for whoever needs no more than that.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};
use url::Url;

use crate::redirect::{MAX_REDIRECTS, Redirect};
use crate::{Error, Outbound};

/// What is sent, and how much of an answer is waited for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to, by `http` or `https`.
    pub url: Url,
    /// Headers; those marked as sensitive do not follow a redirect to another host.
    pub headers: HeaderMap,
    /// The body; it may be empty.
    pub body: Bytes,
    /// How long everything may take, redirects included.
    pub timeout: Duration,
    /// How much of the answer's body is kept.
    pub max_body_bytes: usize,
    /// Whether redirects are followed, at most [`MAX_REDIRECTS`], each judged like the first address. Otherwise the
    /// redirect itself is the answer.
    pub follow_redirects: bool,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, up to the request's bound.
    pub body: Bytes,
    /// Whether there was more of a body than was kept.
    pub is_cut: bool,
}

impl Outbound {
    /// Sends a request and takes the answer.
    ///
    /// # Errors
    /// [`Error::Refused`] when it may not go there or a redirect leads to where it may not go; the others when there
    /// is no answer. A status is no error.
    pub async fn send(&self, request: Request) -> Result<Answer, Error> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let within = request.timeout;
        let answered = tokio::time::timeout(within, async move {
            let max_body_bytes = request.max_body_bytes;
            bounded(self.response(request).await?, max_body_bytes).await
        });
        answered.await.unwrap_or_else(|_| {
            Err(Error::Timeout { host, cause: format!("no whole answer within {} s", within.as_secs_f64()) })
        })
    }

    async fn response(&self, request: Request) -> Result<Response, Error> {
        let Request { mut method, mut url, mut headers, mut body, follow_redirects, .. } = request;
        for _ in 0..=MAX_REDIRECTS {
            let asked = self.client_for(&url)?.request(method.clone(), url.clone());
            let sent = asked.headers(headers.clone()).body(body.clone()).send().await;
            let response = sent.map_err(|error| Error::of_request(url.host_str().unwrap_or_default(), &error))?;
            let Some(redirect) = Redirect::of(&response, &url, &method).filter(|_| follow_redirects) else {
                return Ok(response);
            };
            redirect.trim(&mut headers, &url);
            if redirect.asks_anew {
                method = Method::GET;
                body = Bytes::new();
            }
            url = redirect.url;
        }
        Err(Error::Redirects { host: url.host_str().unwrap_or_default().to_owned(), limit: MAX_REDIRECTS })
    }
}

async fn bounded(response: Response, max_bytes: usize) -> Result<Answer, Error> {
    let host = response.url().host_str().unwrap_or_default().to_owned();
    let (status, headers) = (response.status(), response.headers().clone());
    let mut stream = response.bytes_stream();
    let mut body = BytesMut::new();
    while body.len() <= max_bytes {
        match stream.try_next().await.map_err(|error| Error::of_request(&host, &error))? {
            // One byte more than is kept tells that there is more.
            Some(bytes) => body.extend_from_slice(&bytes[..bytes.len().min(max_bytes + 1 - body.len())]),
            None => break,
        }
    }
    let is_cut = body.len() > max_bytes;
    body.truncate(max_bytes);
    Ok(Answer { status, headers, body: body.freeze(), is_cut })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use axum::Router;
    use axum::http::header;
    use axum::routing::any;
    use reqwest::header::{AUTHORIZATION, HeaderValue};
    use tokio::net::TcpListener;

    use super::*;
    use crate::HttpAccess;

    async fn serve(app: Router) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    fn reaching(allow: &[String]) -> Outbound {
        let allow = allow.iter().map(|text| text.parse().expect("an exception")).collect();
        Outbound::new(HttpAccess { allow, ..HttpAccess::default() }).expect("a client")
    }

    fn post(url: &str) -> Request {
        Request {
            method: Method::POST,
            url: url.parse().expect("a URL"),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"sent"),
            timeout: Duration::from_secs(20),
            max_body_bytes: 16,
            follow_redirects: true,
        }
    }

    #[tokio::test]
    async fn an_answer_is_taken_up_to_its_bound() {
        let app = Router::new()
            .route("/echo", any(|body: Bytes| async move { body }))
            .route("/long", any(|| async { "x".repeat(100_000) }))
            .route("/exact", any(|| async { "x".repeat(16) }));
        let at = serve(app).await;
        let outbound = reaching(&[at.to_string()]);
        let echo = outbound.send(post(&format!("http://{at}/echo"))).await.expect("an answer");
        assert_eq!((echo.status, &echo.body[..], echo.is_cut), (StatusCode::OK, &b"sent"[..], false));
        let long = outbound.send(post(&format!("http://{at}/long"))).await.expect("an answer");
        assert_eq!((long.body.len(), long.is_cut), (16, true));
        let exact = outbound.send(post(&format!("http://{at}/exact"))).await.expect("an answer");
        assert_eq!((exact.body.len(), exact.is_cut), (16, false));
    }

    #[tokio::test]
    async fn redirects_are_judged_and_secrets_stay_with_their_host() {
        let inside = serve(Router::new().route("/", any(|| async { "inside" }))).await;
        let seen = |headers: HeaderMap| async move { headers.contains_key(AUTHORIZATION).to_string() };
        let other = serve(Router::new().route("/seen", any(seen))).await;
        let to_other = (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, format!("http://{other}/seen"))]);
        let to_inside = (StatusCode::FOUND, [(header::LOCATION, format!("http://{inside}/"))]);
        let round = (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/round")]);
        let app = Router::new()
            .route("/other", any(|| async move { to_other }))
            .route("/inside", any(|| async move { to_inside }))
            .route("/round", any(|| async move { round }));
        let at = serve(app).await;
        let outbound = reaching(&[at.to_string(), other.to_string()]);

        let mut request = post(&format!("http://{at}/other"));
        let mut secret = HeaderValue::from_static("Bearer t0ken");
        secret.set_sensitive(true);
        request.headers.insert(AUTHORIZATION, secret);
        assert_eq!(&outbound.send(request).await.expect("an answer").body[..], b"false");

        let refused = outbound.send(post(&format!("http://{at}/inside"))).await.expect_err("a refusal");
        assert!(matches!(refused, Error::Refused(_)) && !refused.is_transient(), "{refused}");
        let unfollowed = Request { follow_redirects: false, ..post(&format!("http://{at}/inside")) };
        assert_eq!(outbound.send(unfollowed).await.expect("an answer").status, StatusCode::FOUND);
        let round = outbound.send(post(&format!("http://{at}/round"))).await.expect_err("no end");
        assert!(matches!(round, Error::Redirects { .. }), "{round}");
    }

    #[tokio::test]
    async fn who_hangs_is_cut_off_and_who_is_away_may_come_back() {
        let app = Router::new().route("/", any(std::future::pending::<&str>));
        let at = serve(app).await;
        let begun = Instant::now();
        let hanging = Request { timeout: Duration::from_millis(200), ..post(&format!("http://{at}/?key=s3cret")) };
        let error = reaching(&[at.to_string()]).send(hanging).await.expect_err("a timeout");
        assert!(matches!(error, Error::Timeout { .. }) && error.is_transient(), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10) && !format!("{error:?}").contains("s3cret"));

        let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
        let error = reaching(&[free.to_string()]).send(post(&format!("http://{free}/"))).await.expect_err("nobody");
        assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error}");
    }

    #[tokio::test]
    async fn addresses_for_other_protocols_pass_the_same_rule() {
        let outbound = reaching(&["db.example:5432".to_owned(), "10.1.0.0/16".to_owned()]);
        for inside in ["localhost", "127.0.0.1", "::1", "169.254.169.254", "10.2.0.1"] {
            let refused = outbound.addresses(inside, 5432).await.expect_err("a refusal");
            assert!(matches!(refused, Error::Refused(_)), "{inside}: {refused}");
        }
        let listed = outbound.addresses("10.1.0.7", 5432).await.expect("an address");
        assert_eq!(listed, [SocketAddr::from(([10, 1, 0, 7], 5432))]);
        let by_name = reaching(&["localhost:5432".to_owned()]);
        assert!(!by_name.addresses("localhost", 5432).await.expect("addresses").is_empty());
        assert!(by_name.addresses("localhost", 3306).await.is_err());
    }
}
