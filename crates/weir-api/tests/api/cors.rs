//! Pages of other sites: let in where the configuration names them, and nowhere else.

use reqwest::{Method, RequestBuilder};

use crate::server::{Answer, Server};

const APP: &str = "https://app.example.org";

fn preflight(server: &Server, origin: &str) -> RequestBuilder {
    let request = server.nobody.request(Method::OPTIONS, server.url("/api/v1/workflows"));
    let request = request.header("origin", origin).header("access-control-request-method", "POST");
    request.header("access-control-request-headers", "authorization,content-type,idempotency-key")
}

#[tokio::test]
async fn without_configuration_no_other_site_is_let_in() {
    let server = Server::start().await;
    let answer = Answer::of(preflight(&server, APP)).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.headers.get("access-control-allow-origin"), None);
    let read = Answer::of(server.request(Method::GET, "/api/v1/workflows").header("origin", APP)).await;
    assert_eq!(read.headers.get("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_configured_site_is_let_in_exactly() {
    let server = Server::start_with(|http| http.cors = vec![APP.parse().unwrap()]).await;
    let allowed = Answer::of(preflight(&server, APP)).await;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.headers["access-control-allow-origin"], APP);
    assert_eq!(allowed.headers["access-control-allow-credentials"], "true");
    let headers = allowed.headers["access-control-allow-headers"].to_str().unwrap();
    assert!(headers.contains("authorization") && headers.contains("weir-workspace"), "{headers}");
    for foreign in ["https://evil.example", "https://app.example.org.evil.example", "http://app.example.org", "null"] {
        let refused = Answer::of(preflight(&server, foreign)).await;
        assert_eq!(refused.headers.get("access-control-allow-origin"), None, "{foreign}");
    }
    let read = Answer::of(server.request(Method::GET, "/api/v1/workflows").header("origin", APP)).await;
    assert_eq!(read.headers["access-control-allow-origin"], APP);
    let exposed = read.headers["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("etag") && exposed.contains("ratelimit-remaining"), "{exposed}");
    assert!(read.headers.get_all("vary").iter().any(|value| value == "origin"));
    // A page needs the token as everybody does.
    let without = server.nobody.get(server.url("/api/v1/workflows")).header("origin", APP);
    assert_eq!(Answer::of(without).await.problem(), "unauthenticated");
}
