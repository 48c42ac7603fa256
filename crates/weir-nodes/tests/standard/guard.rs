//! What requests of workflows may not reach.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde_json::json;
use weir_core::node_error::ErrorClass;
use weir_outbound::{HttpAccess, Outbound};

use crate::http_request::{serve, serve_at};
use crate::support::Bench;

#[tokio::test]
async fn hosts_inside_are_refused_however_they_are_written() {
    let bench = Bench::with(Outbound::new(HttpAccess::default()).unwrap()).await;
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://0x7f.1/",
        "http://127.0.0.1.:8080/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[0:0:0:0:0:ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://①②⑦.⓪.⓪.①/",
        "http://localhost/",
        "http://LOCALHOST:1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1:8080/",
        "https://192.168.1.1/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "ftp://example.com/",
        "file:///etc/passwd",
    ] {
        let error = bench.fails("http_request", json!({"url": url})).await;
        assert_eq!(error.class, ErrorClass::Refused, "{url}: {}", error.message);
        let named = error.message.contains("http.allow") || error.message.contains("only http and https");
        assert!(named, "{url}: {}", error.message);
    }
}

#[tokio::test]
async fn an_exception_for_a_port_is_none_for_its_neighbour() {
    let server = serve().await;
    let allow = vec![format!("localhost:{}", server.port()).parse().unwrap()];
    let bench = Bench::with(Outbound::new(HttpAccess { allow, ..HttpAccess::default() }).unwrap()).await;
    let ok = bench.output("http_request", json!({"url": format!("http://localhost:{}/plain", server.port())})).await;
    assert_eq!(ok["status"], 200);
    let other = serve().await;
    let error = bench.fails("http_request", json!({"url": format!("http://localhost:{}/plain", other.port())})).await;
    assert_eq!(error.class, ErrorClass::Refused, "{}", error.message);
    let by_address = bench.fails("http_request", json!({"url": format!("http://{server}/plain")})).await;
    assert_eq!(by_address.class, ErrorClass::Refused, "{}", by_address.message);
}

#[tokio::test]
async fn a_redirect_is_judged_like_the_first_request() {
    let server = serve().await;
    let allow = vec![format!("127.0.0.1:{}", server.port()).parse().unwrap()];
    let bench = Bench::with(Outbound::new(HttpAccess { allow, ..HttpAccess::default() }).unwrap()).await;
    let inside = serve().await;
    for to in [format!("http://{inside}/plain"), "http://169.254.169.254/".into(), "file:///etc/passwd".into()] {
        let params = json!({"url": format!("http://{server}/redirect"), "query": {"to": to}});
        let error = bench.fails("http_request", params).await;
        assert_eq!(error.class, ErrorClass::Refused, "{to}: {}", error.message);
    }
}

/// Gives these answers in turn, whatever it is asked.
struct Scripted {
    answers: Vec<Vec<[u8; 4]>>,
    asked: AtomicUsize,
}

impl Resolve for Scripted {
    fn resolve(&self, _name: Name) -> Resolving {
        let answer = self.answers[self.asked.fetch_add(1, Ordering::Relaxed)].clone();
        Box::pin(async move { Ok(Box::new(answer.into_iter().map(|ip| SocketAddr::from((ip, 0)))) as Addrs) })
    }
}

/// A bench that takes 127.0.0.2 for public and 127.0.0.1 for inside.
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
async fn resolving(answers: &[&[[u8; 4]]]) -> Bench {
    let answers = answers.iter().map(|answer| answer.to_vec()).collect();
    let allow = vec!["127.0.0.2".parse().unwrap()];
    let resolver = Arc::new(Scripted { answers, asked: AtomicUsize::new(0) });
    Bench::with(Outbound::with_resolver(HttpAccess { allow, ..HttpAccess::default() }, resolver).unwrap()).await
}

const PUBLIC: [u8; 4] = [127, 0, 0, 2];
const INSIDE: [u8; 4] = [127, 0, 0, 1];

#[tokio::test]
async fn a_name_that_changes_its_mind_gets_nowhere() {
    let (outside, inside) = (serve_at(PUBLIC).await, serve().await);
    // The second port makes a second connection, so that the name is resolved again.
    let to = format!("http://rebind.example:{}/plain", inside.port());
    let params = json!({"url": format!("http://rebind.example:{}/redirect", outside.port()), "query": {"to": to}});
    let error = resolving(&[&[PUBLIC], &[INSIDE]]).await.fails("http_request", params).await;
    assert_eq!(error.class, ErrorClass::Refused, "{}", error.message);
    assert!(error.message.contains("rebind.example resolves to 127.0.0.1"), "{}", error.message);
}

#[tokio::test]
async fn of_a_names_addresses_only_those_outside_are_connected_to() {
    let inside = serve().await;
    let url = format!("http://mixed.example:{}/plain", inside.port());
    // Nothing listens on this port of 127.0.0.2, and the server on 127.0.0.1 is not asked instead.
    let error = resolving(&[&[INSIDE, PUBLIC]]).await.fails("http_request", json!({"url": url})).await;
    assert_eq!(error.class, ErrorClass::Transient, "{}", error.message);
    let outside = serve_at(PUBLIC).await;
    let url = format!("http://mixed.example:{}/plain", outside.port());
    let output = resolving(&[&[INSIDE, PUBLIC]]).await.output("http_request", json!({"url": url})).await;
    assert_eq!(output["body"], "plain");
}
