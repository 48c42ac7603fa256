//! What a redirect makes of a request.

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION};
use reqwest::{Method, Response, StatusCode};
use url::Url;

/// How many redirects are followed, where they are followed at all.
pub const MAX_REDIRECTS: u32 = 10;

/// Where an answer redirects to, and as what the request goes on.
#[derive(Debug)]
pub struct Redirect {
    /// The next address; it is to be judged like the first.
    pub url: Url,
    /// Whether the request goes on as a `GET` without a body.
    pub asks_anew: bool,
}

impl Redirect {
    /// The redirect that an answer to `method` on `from` is, if it is one.
    pub fn of(response: &Response, from: &Url, method: &Method) -> Option<Self> {
        let status = response.status();
        let redirects = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        let location = response.headers().get(LOCATION).filter(|_| redirects)?;
        let asks_anew = match status {
            StatusCode::SEE_OTHER => *method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
            _ => false,
        };
        Some(Self { url: from.join(location.to_str().ok()?).ok()?, asks_anew })
    }

    /// Takes the headers off that must not travel on: what proves who asks is for the host it was given for (such
    /// headers are marked as sensitive), and what tells of a body goes with the body.
    pub fn trim(&self, headers: &mut HeaderMap, from: &Url) {
        if self.url.origin() != from.origin() {
            let secret: Vec<_> =
                headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.clone()).collect();
            for name in secret {
                headers.remove(name);
            }
        }
        if self.asks_anew {
            for name in [CONTENT_TYPE, CONTENT_LENGTH, HeaderName::from_static("idempotency-key")] {
                headers.remove(name);
            }
        }
    }
}
