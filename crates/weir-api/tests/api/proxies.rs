//! Whose address counts when a proxy stands before the server.

use weir_api::Limits;

use crate::server::{Answer, Server};

async fn asked(server: &Server, forwarded: &str) -> u16 {
    let request = server.nobody.get(server.url("/api/v1/workflows")).header("x-forwarded-for", forwarded);
    Answer::of(request).await.status.as_u16()
}

#[tokio::test]
async fn what_anybody_says_of_their_address_is_not_believed() {
    let server = Server::start_with(|http| http.limits = Limits { address: 2, ..Limits::NONE }).await;
    assert_eq!(asked(&server, "203.0.113.1").await, 401);
    assert_eq!(asked(&server, "203.0.113.2").await, 401);
    assert_eq!(asked(&server, "203.0.113.3").await, 429);
}

#[tokio::test]
async fn what_a_trusted_proxy_says_is_believed_and_no_more() {
    let server = Server::start_with(|http| {
        http.limits = Limits { address: 1, ..Limits::NONE };
        http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    assert_eq!(asked(&server, "203.0.113.1").await, 401);
    assert_eq!(asked(&server, "203.0.113.1").await, 429);
    assert_eq!(asked(&server, "203.0.113.2").await, 401);
    assert_eq!(asked(&server, "198.51.100.7, 203.0.113.2").await, 429);
    assert_eq!(asked(&server, "198.51.100.8, 203.0.113.3, 127.0.0.9").await, 401);
}
