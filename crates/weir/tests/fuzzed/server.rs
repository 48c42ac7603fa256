//! The binary, serving on SQLite, and people who are signed in to it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const PASSWORD: &str = "a long walk by the sea";
const OPERATOR: &str = "operator@example.com";

/// A running `weir serve`. Killed when dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
    /// Of the installation, and admin of the first workspace.
    pub(crate) operator: Person,
    /// The first workspace.
    pub(crate) workspace: String,
    client: reqwest::Client,
    _folder: TempDir,
}

/// Somebody who is signed in.
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) token: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        // Requests need a TLS provider even when they use none; another test may have chosen it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        for (name, _) in std::env::vars() {
            if name.starts_with("WEIR_") || ["HOST", "PORT", "DATABASE_URL", "RUST_LOG"].contains(&name.as_str()) {
                command.env_remove(name);
            }
        }
        // All asks come from one address and few people: answers of 429 would show nothing.
        for limit in ["USER", "ADDRESS", "LOGINS", "HOOKS"] {
            command.env(format!("WEIR_LIMITS_{limit}_PER_MINUTE"), "1000000");
        }
        let mut process = command
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(folder.path().join("data"))
            .env("WEIR_ADMIN_EMAIL", OPERATOR)
            .env("WEIR_LOG_LEVEL", "error")
            .env("WEIR_ADMIN_PASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .current_dir(folder.path())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("Weir is ready at ").expect("the line that says it is ready").to_owned();
        let nobody = Person { email: OPERATOR.to_owned(), token: String::new() };
        let client = reqwest::Client::new();
        let mut server = Self { process, url, operator: nobody, workspace: String::new(), client, _folder: folder };
        server.operator = server.sign_in(OPERATOR).await;
        let me = server.get(&server.operator, "/api/v1/workspaces").await;
        server.workspace = me["items"][0]["id"].as_str().unwrap().to_owned();
        server
    }

    /// Somebody with this role in the first workspace, by an invitation.
    pub(crate) async fn member(&self, role: &str) -> Person {
        let email = format!("{role}@example.com");
        let path = format!("/api/v1/workspaces/{}/invitations", self.workspace);
        let invited = self.post(&path, &json!({ "email": email, "role": role })).await;
        let (_, invitation) = invited["url"].as_str().unwrap().split_once("token=").unwrap();
        let account = json!({ "email": email, "name": role, "password": PASSWORD, "invitation": invitation });
        self.post("/api/v1/auth/register", &account).await;
        self.sign_in(&email).await
    }

    /// What the operator's request was answered with.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        let request = if self.operator.token.is_empty() { request } else { request.bearer_auth(&self.operator.token) };
        read(request, path).await
    }

    /// The status that this person gets there.
    pub(crate) async fn status(&self, person: &Person, path: &str) -> u16 {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(&person.token);
        request.send().await.unwrap().status().as_u16()
    }

    async fn get(&self, person: &Person, path: &str) -> Value {
        read(self.client.get(format!("{}{path}", self.url)).bearer_auth(&person.token), path).await
    }

    async fn sign_in(&self, email: &str) -> Person {
        let tokens = self.post("/api/v1/auth/login", &json!({ "email": email, "password": PASSWORD })).await;
        Person { email: email.to_owned(), token: tokens["access_token"].as_str().unwrap().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn read(request: reqwest::RequestBuilder, path: &str) -> Value {
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{path}: {status}: {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}
