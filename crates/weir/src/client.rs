//! The API as commands use it: over HTTP to a server, or without a network to Weir in this process.
//!
//! Both ways take the same requests and give the same answers, so that a command is written once.

mod events;
mod find;

use axum::body::Body;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use url::Url;
use weir_base::{Principal, WorkspaceId};

pub(crate) use self::events::{Frame, Frames};
pub(crate) use self::find::holder;
use crate::boot::App;
use crate::failure::{Exit, Failure};

/// The longest answer that is read whole, in bytes.
const LONGEST_ANSWER: usize = 256 * 1024 * 1024;

/// The header that chooses the workspace.
const WORKSPACE: &str = "weir-workspace";

/// Who asks, and in which workspace.
#[derive(Clone, Default)]
pub(crate) struct Proof {
    /// An API key, or an access token.
    key: Option<String>,
    /// The workspace, if it is not the key's own or the user's first.
    workspace: Option<WorkspaceId>,
}

impl Proof {
    /// This key, in this workspace.
    pub(crate) const fn of(key: Option<String>, workspace: Option<WorkspaceId>) -> Self {
        Self { key, workspace }
    }
}

/// Sends requests to the API.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    proof: Proof,
    app: Option<App>,
}

impl Client {
    /// Weir in this process: who can open its database may do everything.
    pub(crate) fn local(app: App, workspace: Option<WorkspaceId>) -> anyhow::Result<Self> {
        let base = Url::parse("http://localhost")?;
        Ok(Self { http: http(&base)?, base, proof: Proof::of(None, workspace), app: Some(app) })
    }

    /// The server with this address.
    pub(crate) fn remote(base: Url, proof: Proof) -> anyhow::Result<Self> {
        Ok(Self { http: http(&base)?, base, proof, app: None })
    }

    /// Whether executions run in this process, so that they stop when it ends.
    pub(crate) const fn is_local(&self) -> bool {
        self.app.is_some()
    }

    /// Takes apart what runs in this process.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self.app {
            Some(app) => app.close().await,
            None => Ok(()),
        }
    }

    /// A request to the API; each segment of the path is escaped.
    pub(crate) fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        let mut request = self.http.request(method, url);
        if let Some(key) = &self.proof.key {
            request = request.bearer_auth(key);
        }
        if let Some(workspace) = self.proof.workspace {
            request = request.header(WORKSPACE, workspace.to_string());
        }
        request
    }

    /// Reads JSON from the API.
    pub(crate) async fn get(&self, path: &[&str]) -> anyhow::Result<Value> {
        self.json(self.request(Method::GET, path)).await
    }

    /// Sends JSON to the API.
    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.json(self.request(Method::POST, path).json(body)).await
    }

    /// Sends a request and reads the JSON it is answered with; `null` if there is none.
    pub(crate) async fn json(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let body = body(self.send(request).await?).await?;
        if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&body)?) }
    }

    /// Sends a request and reads the text it is answered with.
    pub(crate) async fn text(&self, request: RequestBuilder) -> anyhow::Result<String> {
        Ok(String::from_utf8(body(self.send(request).await?).await?)?)
    }

    /// The events of an execution after `after`.
    pub(crate) async fn events(&self, id: &str, after: u64) -> anyhow::Result<Frames> {
        let request = self.request(Method::GET, &["executions", id, "events"]).query(&[("after", after)]);
        Ok(Frames::new(self.send(request).await?))
    }

    /// Sends a request; an answer that is no success is a [`Failure`].
    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let request = request.build()?;
        let response = match &self.app {
            Some(app) => {
                let mut request = axum::http::Request::try_from(request)?.map(Body::new);
                let workspace = self.proof.workspace.unwrap_or(WorkspaceId::FIRST);
                request.extensions_mut().insert(Principal::operator(workspace));
                let Ok(response) = app.router.clone().oneshot(request).await;
                Response::from(response.map(|body| reqwest::Body::wrap_stream(body.into_data_stream())))
            }
            None => self.http.execute(request).await.map_err(|error| self.unreachable(&error))?,
        };
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await.into()) }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut message = format!("no answer from {}: {error}", self.base);
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            message.push_str(&format!(": {inner}"));
            cause = inner.source();
        }
        Failure::failed(message)
    }
}

fn http(base: &Url) -> anyhow::Result<reqwest::Client> {
    // Only fails if a provider was chosen before, and then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")));
    // Without TLS the system's certificates need not be read, which takes a while.
    let builder = if base.scheme() == "https" { builder } else { builder.tls_certs_only([]).no_proxy() };
    Ok(builder.build()?)
}

async fn body(mut response: Response) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if body.len() + piece.len() > LONGEST_ANSWER {
            return Err(Failure::failed(format!("the answer is larger than {LONGEST_ANSWER} bytes")).into());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The problem (RFC 9457) that a request was answered with.
async fn refusal(response: Response) -> Failure {
    let status = response.status();
    let problem = body(response).await.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or(json!({}));
    let text = |name: &str| problem.get(name).and_then(Value::as_str).map(str::to_owned);
    let exit = if matches!(status.as_u16(), 400 | 413 | 415 | 422) { Exit::Invalid } else { Exit::Failed };
    Failure {
        exit,
        code: text("code"),
        message: text("detail").unwrap_or_else(|| format!("the server answered {status}")),
        problems: problem.get("errors").and_then(Value::as_array).cloned().unwrap_or_default(),
    }
}
