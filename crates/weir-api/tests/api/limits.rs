//! How often who may ask.

use reqwest::Method;
use serde_json::json;
use weir_api::Limits;
use weir_base::{Permission, Role, WorkspaceId};

use crate::server::{Answer, Server};

fn number(answer: &Answer, name: &str) -> u64 {
    answer.headers[name].to_str().unwrap().parse().unwrap()
}

async fn limited(limits: Limits) -> Server {
    Server::start_with(|http| http.limits = limits).await
}

#[tokio::test]
async fn a_person_is_told_what_is_left_and_refused_when_nothing_is() {
    let server = limited(Limits { user: 5, ..Limits::NONE }).await;
    for left in (0..5).rev() {
        let answer = server.get("/api/v1/workflows").await;
        assert_eq!(answer.status, 200);
        assert_eq!(number(&answer, "ratelimit-limit"), 5);
        assert_eq!(number(&answer, "ratelimit-remaining"), left);
        assert!((1..=60).contains(&number(&answer, "ratelimit-reset")));
        assert_eq!(answer.headers["ratelimit-policy"], "\"user\";q=5;w=60");
    }
    let refused = server.get("/api/v1/workflows").await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (429, "rate_limited".to_owned()));
    assert_eq!(number(&refused, "ratelimit-remaining"), 0);
    let wait = number(&refused, "retry-after");
    assert!((1..=120).contains(&wait), "{wait}");
    assert_eq!(number(&refused, "ratelimit-reset"), wait);
    // Another session of the same person is the same person; somebody else is not.
    let again = server.people.again(&server.admin).await;
    assert_eq!(Answer::of(server.request_by(&again, Method::GET, "/api/v1/workflows")).await.status, 429);
    let other = server.people.member(WorkspaceId::FIRST, Role::Viewer).await;
    assert_eq!(Answer::of(server.request_by(&other.token, Method::GET, "/api/v1/workflows")).await.status, 200);
}

#[tokio::test]
async fn each_key_is_counted_by_itself_and_what_is_forbidden_counts_too() {
    let server = limited(Limits { key: 3, ..Limits::NONE }).await;
    let reading = [Permission::ExecutionRead].into_iter().collect();
    let (one, other) =
        (server.people.key(&server.admin, reading).await, server.people.key(&server.admin, reading).await);
    let status = async |key: &str, path: &str| Answer::of(server.request_by(key, Method::GET, path)).await.status;
    assert_eq!(status(&one, "/api/v1/executions").await, 200);
    assert_eq!(status(&one, "/api/v1/workflows").await, 403);
    assert_eq!(status(&one, "/api/v1/executions").await, 200);
    assert_eq!(status(&one, "/api/v1/executions").await, 429);
    assert_eq!(status(&other, "/api/v1/executions").await, 200);
    assert_eq!(server.get("/api/v1/executions").await.status, 200);
}

#[tokio::test]
async fn an_address_without_a_sign_in_is_refused_even_before_its_token_is_wrong_but_health_is_told() {
    let server = limited(Limits { address: 4, ..Limits::NONE }).await;
    let nobody = async |path: &str| Answer::of(server.nobody.get(server.url(path))).await;
    let guess =
        async |n: usize| Answer::of(server.request_by(&format!("guess-{n}"), Method::GET, "/api/v1/workflows")).await;
    assert_eq!(nobody("/api/v1/workflows").await.status, 401);
    assert_eq!(nobody("/api/v1/executions").await.status, 401);
    assert_eq!(guess(1).await.status, 401);
    assert_eq!(guess(2).await.status, 401);
    assert_eq!(guess(3).await.problem(), "rate_limited");
    assert_eq!(nobody("/api/v1/workflows").await.problem(), "rate_limited");
    for path in ["/healthz", "/readyz", "/version"] {
        let answer = nobody(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.headers.get("ratelimit-limit"), None, "{path}");
    }
    // Whoever is signed in is not bothered by what others at the same address do.
    assert_eq!(server.get("/api/v1/workflows").await.status, 200);
}

#[tokio::test]
async fn logins_are_counted_apart_and_guessing_passwords_ends_soon() {
    let server = limited(Limits { login: 3, ..Limits::default() }).await;
    let login = async || {
        let body = json!({"email": "nobody@example.com", "password": "a password that is wrong"});
        Answer::of(server.nobody.post(server.url("/api/v1/auth/login")).json(&body)).await
    };
    for _ in 0..3 {
        assert_eq!(login().await.problem(), "login_failed");
    }
    let refused = login().await;
    assert_eq!(refused.problem(), "rate_limited");
    assert_eq!(refused.headers["ratelimit-policy"], "\"login\";q=3;w=60");
    assert_eq!(Answer::of(server.nobody.get(server.url("/api/v1/workflows"))).await.status, 401);
}
