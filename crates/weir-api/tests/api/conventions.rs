//! What holds for every request: headers, compression, foreign pages, slow and hostile clients.

use std::net::SocketAddr;

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::{Answer, PATIENCE, Server};

/// Sends bytes as they are and reads until the server closes the connection.
pub(crate) async fn raw(address: SocketAddr, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    for piece in pieces {
        if stream.write_all(piece).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset after the answer is no matter; what came before it counts.
    let _ = read.unwrap_or_else(|_| panic!("the connection stays open after {}", String::from_utf8_lossy(&answer)));
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_security_headers() {
    let server = Server::start().await;
    for path in ["/healthz", "/docs/", "/api/openapi.json", "/api/v1/workflows", "/nowhere"] {
        let answer = server.get(path).await;
        assert_eq!(answer.headers["x-request-id"].len(), 32, "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert_eq!(answer.headers["x-frame-options"], "DENY");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        let shown = if path == "/docs/" { "default-src 'self'" } else { "default-src 'none'" };
        assert!(policy.contains(shown), "{path}: {policy}");
        assert!(!policy.contains("script-src"), "scripts follow default-src: {policy}");
    }
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let traced = Answer::of(server.request(Method::GET, "/nowhere").header("traceparent", parent)).await;
    assert_eq!(traced.json()["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn the_documentation_has_no_inline_script() {
    let server = Server::start().await;
    let page = server.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    for script in page.text.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap();
        assert!(tag.contains("src="), "an inline script: <script{tag}>");
    }
    let initializer = server.get("/docs/swagger-initializer.js").await;
    assert!(initializer.text.contains("/api/openapi.json"), "{}", initializer.text);
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask_and_small_ones_are_not() {
    let server = Server::start().await;
    let get =
        |path: &'static str| Answer::of_bytes(server.request(Method::GET, path).header("accept-encoding", "gzip"));
    let large = get("/api/openapi.json").await;
    assert_eq!(large.0["content-encoding"], "gzip");
    assert_eq!(&large.1[..2], [0x1f, 0x8b]);
    assert_eq!(get("/healthz").await.0.get("content-encoding"), None);
    assert_eq!(server.get("/api/openapi.json").await.headers.get("content-encoding"), None);
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = Server::start().await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".as_slice();
    let last = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".as_slice();
    let answers = raw(server.address, &[request, request, last]).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
}

#[tokio::test]
async fn a_hundred_megabytes_are_refused_announced_or_not() {
    let server = Server::start().await;
    let head = format!(
        "POST /api/v1/workflows HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\nconnection: close\r\n",
        server.admin.token
    );
    let announced = format!("{head}content-length: 104857600\r\n\r\n");
    let answer = raw(server.address, &[announced.as_bytes()]).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");

    let head = format!("{head}transfer-encoding: chunked\r\n\r\n");
    let piece = [b"100000\r\n".as_slice(), &[b' '; 0x10_0000], b"\r\n"].concat();
    let mut pieces: Vec<&[u8]> = vec![head.as_bytes()];
    pieces.extend(std::iter::repeat_n(piece.as_slice(), 11));
    let answer = raw(server.address, &pieces).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
}

/// A client that writes everything before it reads still gets the answer, not a reset.
#[tokio::test]
async fn a_client_that_sends_all_of_a_too_large_body_gets_the_answer() {
    let server = Server::start().await;
    let request = server.request(Method::POST, "/api/v1/workflows").header("content-type", "application/json");
    let refused = Answer::of(request.body(vec![b' '; 100 * 1024 * 1024])).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (413, "body_too_large".to_owned()));
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let server = Server::start().await;
    let long = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n", "x".repeat(100_000));
    let answer = raw(server.address, &[long.as_bytes()]).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many = "x: y\r\n".repeat(200);
    let many = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{many}\r\n");
    let answer = raw(server.address, &[many.as_bytes()]).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(server.get("/healthz").await.status, 200);
}
