//! Every example does what its README says, run by the real binary.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn weir(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.current_dir(root()).env("WEIR_DATA_DIR", data).stdin(Stdio::null());
    command
}

/// Runs an example; what `--json` printed.
fn run(example: &str, data: &Path, input: &Value, more: &[&str], allow: Option<SocketAddr>) -> Value {
    let mut command = weir(data);
    command
        .args(["run", &format!("examples/{example}/workflow.yaml"), "--json", "--input", &input.to_string()])
        .args(more);
    if let Some(address) = allow {
        command.env("WEIR_HTTP_ALLOW", address.to_string());
    }
    let ended = command.output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    serde_json::from_slice(&ended.stdout).unwrap_or_else(|_| panic!("{example} printed no JSON: {told}"))
}

async fn example_server() -> SocketAddr {
    use_tls();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, weir_example_server::router()).await.unwrap() });
    address
}

/// Requests need a TLS provider even when they use none; another test may have chosen it already.
fn use_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[test]
fn every_example_is_valid_and_has_its_input_and_readme() {
    let folder = root().join("examples");
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.join("workflow.yaml").exists());
    assert!(names.len() >= 5);
    let data = tempfile::tempdir().unwrap();
    for example in names {
        assert!(example.join("README.md").exists(), "{}", example.display());
        let input = std::fs::read(example.join("input.json")).unwrap();
        serde_json::from_slice::<Value>(&input).unwrap();
        let checked = weir(data.path()).arg("validate").arg(example.join("workflow.yaml")).output().unwrap();
        let told = String::from_utf8_lossy(&checked.stderr);
        let printed = String::from_utf8_lossy(&checked.stdout);
        assert!(checked.status.success(), "{}: {printed} {told}", example.display());
    }
}

#[test]
fn the_first_workflow_of_the_readme_is_the_one_that_runs() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let file = std::fs::read_to_string(root().join("docs/greeting.yaml")).unwrap();
    assert!(readme.contains(&file), "README.md and docs/greeting.yaml differ");
    let data = tempfile::tempdir().unwrap();
    let command = readme.lines().find(|line| line.starts_with("weir run docs/")).expect("README runs it");
    assert!(command.contains(r#"--input '{"name": "Ada"}'"#), "{command}");
    let ended = weir(data.path())
        .args(["run", "docs/greeting.yaml", "--json", "--input", r#"{"name": "Ada"}"#])
        .output()
        .unwrap();
    let result: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(result["output"], json!({ "text": "Hello Ada" }), "{result}");
}

#[test]
fn the_dependency_report_counts_this_repository() {
    let data = tempfile::tempdir().unwrap();
    let input = json!({ "lock_file": "Cargo.lock" });
    let result = run("dependency-report", data.path(), &input, &["--file", "Cargo.lock=Cargo.lock"], None);
    assert_eq!(result["status"], "completed", "{result}");
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    assert_eq!(result["output"]["total"], lock.matches("[[package]]").count());
    let text = result["output"]["text"].as_str().unwrap();
    assert!(text.contains("## Several versions of one package"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_of_a_server_under_load_is_triaged() {
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("access.log");
    let server = Served::start(data.path(), &log);
    use_tls();
    let client = reqwest::Client::new();
    let running: Value = serde_json::from_slice(&std::fs::read(data.path().join("weir.db.address")).unwrap()).unwrap();
    let key = running["key"].as_str().unwrap();
    for round in 0..200 {
        let path = if round % 10 == 0 { "/no/such/route" } else { "/api/v1/node-types" };
        client.get(format!("{}{path}", server.url)).bearer_auth(key).send().await.unwrap();
    }
    server.stop();
    let lines = std::fs::read_to_string(&log).unwrap().lines().count();
    assert_eq!(lines, 200);
    let fresh = tempfile::tempdir().unwrap();
    let file = format!("access.log={}", log.display());
    let result = run("access-log-triage", fresh.path(), &json!({ "slow_ms": 60_000 }), &["--file", &file], None);
    assert_eq!(result["status"], "completed", "{result}");
    let routes = result["output"]["routes"].as_array().unwrap();
    let count: u64 = routes.iter().map(|route| route["count"].as_u64().unwrap()).sum();
    assert_eq!(count, 200);
    assert_eq!(result["output"]["report"], "All 2 routes are well.");
}

#[test]
fn an_approval_that_nobody_gives_expires() {
    let data = tempfile::tempdir().unwrap();
    let late = json!({ "item": "a press", "amount": 1200, "deadline_seconds": 0.5 });
    let result = run("approval-with-deadline", data.path(), &late, &[], None);
    assert_eq!(result["output"], json!({ "result": "not bought", "why": "nobody answered in time" }), "{result}");
    let small = json!({ "item": "a pencil", "amount": 2 });
    let result = run("approval-with-deadline", data.path(), &small, &[], None);
    assert_eq!(result["output"]["result"], "bought", "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_saga_cancels_what_it_booked() {
    let address = example_server().await;
    let data = tempfile::tempdir().unwrap();
    let base = format!("http://{address}");
    let input = json!({ "base_url": base, "trip": "Taipei" });
    let result = tokio::task::block_in_place(|| run("booking-saga", data.path(), &input, &[], Some(address)));
    assert_eq!(result["status"], "failed", "{result}");
    let left: Value = reqwest::get(format!("{base}/bookings")).await.unwrap().json().await.unwrap();
    assert_eq!(left, json!({ "bookings": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fan_out_gets_everything_in_the_end() {
    let address = example_server().await;
    let data = tempfile::tempdir().unwrap();
    let input = json!({ "base_url": format!("http://{address}"), "count": 50 });
    let result = tokio::task::block_in_place(|| run("flaky-fan-out", data.path(), &input, &[], Some(address)));
    let sum: u64 = (0..50).map(|n| n * n).sum();
    assert_eq!(result["output"], json!({ "fetched": 50, "failed": 0, "sum": sum }), "{result}");
}

/// A `weir serve` that writes an access log.
struct Served {
    process: Child,
    url: String,
}

impl Served {
    fn start(data: &Path, log: &Path) -> Self {
        let mut command = weir(data);
        command.args(["serve", "--port", "0", "--access-log"]).arg(log).stdout(Stdio::piped());
        let mut server = Self { process: command.spawn().unwrap(), url: String::new() };
        let lines = BufReader::new(server.process.stdout.take().unwrap()).lines();
        server.url = lines
            .map_while(Result::ok)
            .find_map(|line| line.split_once("http://").map(|(_, rest)| format!("http://{}", rest.trim())))
            .expect("the server says where it listens");
        server
    }

    /// Stops it as an operator would, so that the log is complete.
    fn stop(mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(asked.success());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
