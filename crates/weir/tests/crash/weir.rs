//! The binary as a process that can be killed, and the few requests the crash tests make of it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::effects::Effects;

/// A running `weir serve`. Killed when dropped.
pub(crate) struct Weir {
    process: Child,
    pub(crate) url: String,
    client: reqwest::Client,
}

impl Weir {
    /// Starts the server over this data directory (and database, when it is not the embedded one).
    pub(crate) fn start(data: &Path, database_url: Option<&str>, effects: &Effects) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(data)
            .env("WEIR_HTTP_ALLOW", effects.address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(url) = database_url {
            command.env("WEIR_DATABASE_URL", url);
        }
        // Requests need a TLS provider even when they use none; another test may have chosen it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let process = command.spawn().expect("the binary starts");
        let mut server = Self { process, url: String::new(), client: reqwest::Client::new() };
        let mut lines = BufReader::new(server.process.stdout.take().unwrap()).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("http://").map(|(_, rest)| format!("http://{}", rest.trim())))
            .expect("the server says where it listens");
        // The pipe is read to its end, so that the server never writes into a closed one.
        std::thread::spawn(move || lines.for_each(drop));
        server.url = url;
        server.client = signed_in(data, database_url.is_some());
        server
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Makes and publishes a workflow.
    pub(crate) async fn publish(&self, document: &Value) -> String {
        let created = self.post("/api/v1/workflows", &json!({ "document": document })).await;
        let id = created["id"].as_str().expect("a workflow has an id").to_owned();
        self.post(&format!("/api/v1/workflows/{id}/publish"), &json!({})).await;
        id
    }

    /// Starts so many executions at once; the ids of those that were accepted.
    pub(crate) async fn execute(&self, workflow: &str, count: usize) -> Vec<String> {
        let starts = (0..count).map(|number| {
            let request = self
                .client
                .post(format!("{}/api/v1/workflows/{workflow}/execute", self.url))
                .header("idempotency-key", format!("start-{number}"))
                .json(&json!({ "input": {} }));
            async move {
                let answer = request.send().await.ok()?.error_for_status().ok()?;
                let accepted: Value = answer.json().await.ok()?;
                Some(accepted["execution_id"].as_str()?.to_owned())
            }
        });
        futures::future::join_all(starts).await.into_iter().flatten().collect()
    }

    /// Waits until nothing is left to run; the number of executions by status.
    pub(crate) async fn drained(&self) -> Vec<(String, usize)> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
        loop {
            let counts = self.statuses().await;
            let is_over =
                |(status, _): &(String, usize)| ["completed", "failed", "cancelled"].contains(&status.as_str());
            if let Some(counts) = counts.as_ref().filter(|counts| counts.iter().all(is_over)) {
                return counts.clone();
            }
            assert!(tokio::time::Instant::now() < deadline, "still not over: {counts:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Nothing while the server says that its database is away.
    async fn statuses(&self) -> Option<Vec<(String, usize)>> {
        let mut counts = std::collections::BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let answer =
                self.client.get(format!("{}/api/v1/executions?limit=200{cursor}", self.url)).send().await.unwrap();
            if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
                return None;
            }
            let page: Value = answer.error_for_status().unwrap().json().await.unwrap();
            for item in page["items"].as_array().unwrap() {
                *counts.entry(item["status"].as_str().unwrap().to_owned()).or_insert(0) += 1;
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Some(counts.into_iter().collect()),
            }
        }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.client.post(format!("{}{path}", self.url)).json(body).send().await.unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }
}

/// A client with the key that the server left beside its database.
fn signed_in(data: &Path, elsewhere: bool) -> reqwest::Client {
    let file = data.join(if elsewhere { "server.address" } else { "weir.db.address" });
    let running: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let bearer = format!("Bearer {}", running["key"].as_str().unwrap());
    let headers = [(AUTHORIZATION, bearer.parse().unwrap())].into_iter().collect();
    reqwest::Client::builder().default_headers(headers).build().unwrap()
}

impl Drop for Weir {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
