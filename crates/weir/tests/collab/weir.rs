//! The binary as a process that can be killed, and the requests these tests make of it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::RequestBuilder;
use serde_json::{Map, Value, json};

const OPERATOR: &str = "operator@example.com";
const PASSWORD: &str = "a long walk by the sea";

/// Processes that share a database share what its secrets are sealed under, and what they are called: a token of the
/// one is good at the other.
const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const PUBLIC_URL: &str = "http://weir.example";

/// A running `weir serve`. Killed when dropped.
pub(crate) struct Weir {
    process: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// The operator's, who may do everything in the first workspace.
    pub(crate) token: String,
    client: reqwest::Client,
}

impl Weir {
    /// Starts the server over this data directory and database.
    pub(crate) async fn start(data: &Path, database_url: &str) -> Self {
        Self::start_with(data, database_url, "memory").await
    }

    /// Starts the server so that it meets others at this cache.
    pub(crate) async fn start_with(data: &Path, database_url: &str, cache_url: &str) -> Self {
        // Requests need a TLS provider even when they use none; another test may have chosen it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        // All requests come from one address and few people.
        for limit in ["USER", "ADDRESS", "LOGINS"] {
            command.env(format!("WEIR_LIMITS_{limit}_PER_MINUTE"), "1000000");
        }
        let mut process = command
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(data)
            .env("WEIR_DATABASE_URL", database_url)
            .env("WEIR_CACHE_URL", cache_url)
            .env("WEIR_MASTER_KEY", MASTER_KEY)
            .env("WEIR_PUBLIC_URL", PUBLIC_URL)
            .env("WEIR_ADMIN_EMAIL", OPERATOR)
            .env("WEIR_ADMIN_PASSWORD", PASSWORD)
            .env("WEIR_LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.next().expect("the server says where it listens").unwrap();
        // The pipe is read to its end, so that the server never writes into a closed one.
        std::thread::spawn(move || lines.for_each(drop));
        let address = ready.strip_prefix("Weir is ready at http://").expect("the line that says it is ready");
        let address = address.trim().to_owned();
        let mut server = Self { process, address, token: String::new(), client: reqwest::Client::new() };
        server.token = server.sign_in(OPERATOR).await;
        server
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Makes a workflow with a node that starts it; its id.
    pub(crate) async fn workflow(&self) -> String {
        let document = json!({ "name": "Ours", "nodes": [{ "id": "start", "type": "start" }], "edges": [] });
        let created = self.post("/api/v1/workflows", &json!({ "document": document })).await;
        created["id"].as_str().unwrap().to_owned()
    }

    /// The draft as a Yjs document has it: nodes and edges by their ids, everything else in `meta`.
    pub(crate) async fn draft(&self, workflow: &str) -> Value {
        let answer = self.get(&format!("/api/v1/workflows/{workflow}")).await;
        let mut meta = answer["document"].as_object().unwrap().clone();
        let mut by_id = |name: &str| -> Map<String, Value> {
            let Some(Value::Array(items)) = meta.remove(name) else { return Map::new() };
            items.into_iter().map(|item| (item["id"].as_str().unwrap().to_owned(), item)).collect()
        };
        let (nodes, edges) = (by_id("nodes"), by_id("edges"));
        without_ids(json!({ "nodes": nodes, "edges": edges, "meta": meta }))
    }

    /// Changes the draft by a merge patch, whatever it is now.
    pub(crate) async fn patch(&self, workflow: &str, patch: &Value) {
        let path = format!("/api/v1/workflows/{workflow}");
        let request = self.client.patch(self.url(&path)).header("if-match", "*").json(&json!({ "document": patch }));
        read(request.bearer_auth(&self.token), &path).await;
    }

    /// Somebody who may only look; their token.
    pub(crate) async fn viewer(&self) -> String {
        let email = "viewer@example.com";
        let mine = self.get("/api/v1/workspaces").await;
        let path = format!("/api/v1/workspaces/{}/invitations", mine["items"][0]["id"].as_str().unwrap());
        let invited = self.post(&path, &json!({ "email": email, "role": "viewer" })).await;
        let (_, invitation) = invited["url"].as_str().unwrap().split_once("token=").unwrap();
        let account = json!({ "email": email, "name": "Viewer", "password": PASSWORD, "invitation": invitation });
        read(self.client.post(self.url("/api/v1/auth/register")).json(&account), "register").await;
        self.sign_in(email).await
    }

    /// Opens the document for one connection, for a minute.
    pub(crate) async fn ticket(&self, workflow: &str) -> String {
        let made = self.post(&format!("/api/v1/workflows/{workflow}/collab/ticket"), &json!({})).await;
        made["ticket"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        read(self.client.get(self.url(path)).bearer_auth(&self.token), path).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        read(self.client.post(self.url(path)).bearer_auth(&self.token).json(body), path).await
    }

    async fn sign_in(&self, email: &str) -> String {
        let login = json!({ "email": email, "password": PASSWORD });
        let tokens = read(self.client.post(self.url("/api/v1/auth/login")).json(&login), "login").await;
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What names a node or an edge is its key.
pub(crate) fn without_ids(mut state: Value) -> Value {
    for part in ["nodes", "edges"] {
        for (_, item) in state[part].as_object_mut().unwrap() {
            item.as_object_mut().unwrap().remove("id");
        }
    }
    state
}

async fn read(request: RequestBuilder, path: &str) -> Value {
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{path}: {status}: {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}
