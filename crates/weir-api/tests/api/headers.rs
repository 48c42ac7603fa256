//! The headers that protect who reads an answer.

use reqwest::Method;

use crate::server::{Answer, Server};

#[tokio::test]
async fn behind_tls_browsers_are_told_to_stay_there() {
    let tls = Server::start_with(|http| http.public_url = "https://weir.example.com/".parse().unwrap()).await;
    for path in ["/healthz", "/api/v1/workflows", "/nowhere", "/docs/"] {
        assert_eq!(tls.get(path).await.headers["strict-transport-security"], "max-age=31536000", "{path}");
    }
    let plain = Server::start().await;
    assert_eq!(plain.get("/healthz").await.headers.get("strict-transport-security"), None);
}

#[tokio::test]
async fn nothing_that_needed_a_sign_in_is_kept_by_caches() {
    let server = Server::start().await;
    for path in ["/api/v1/workflows", "/api/v1/auth/me", "/api/v1/executions/01890a5d-ac96-774b-bcce-b302099a8057"] {
        assert_eq!(server.get(path).await.headers["cache-control"], "no-store", "{path}");
    }
    let refused = Answer::of(server.nobody.get(server.url("/api/v1/workflows"))).await;
    assert_eq!(refused.headers["cache-control"], "no-store");
    assert_eq!(refused.headers["www-authenticate"], "Bearer realm=\"weir\"");
}

#[tokio::test]
async fn the_host_and_the_scheme_of_a_token_do_not_matter_but_its_form_does() {
    let server = Server::start().await;
    let get = || server.nobody.request(Method::GET, server.url("/api/v1/workflows"));
    let token = &server.admin.token;
    let status = async |request: reqwest::RequestBuilder| Answer::of(request).await.status.as_u16();
    assert_eq!(
        status(get().header("authorization", format!("bearer {token}")).header("host", "any.example")).await,
        200
    );
    assert_eq!(status(get().header("authorization", format!("Basic {token}"))).await, 401);
    assert_eq!(status(get().header("authorization", token)).await, 401);
    assert_eq!(status(get().bearer_auth(token).bearer_auth(token)).await, 400);
    assert_eq!(status(get().bearer_auth(token).header("weir-workspace", "mine")).await, 400);
    assert_eq!(status(get().query(&[("access_token", token)])).await, 401);
}

#[tokio::test]
async fn the_longest_body_is_a_matter_of_configuration() {
    let server = Server::start_with(|http| http.body_limit = 100).await;
    let post = |length| server.request(Method::POST, "/api/v1/workflows/validate").json(&"x".repeat(length));
    assert_ne!(Answer::of(post(50)).await.status, 413);
    assert_eq!(Answer::of(post(100)).await.problem(), "body_too_large");
}
