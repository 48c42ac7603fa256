//! Finds what a command talks to: the server it names, the process that has the database, or nobody yet.

use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::time::Instant;
use weir_base::WorkspaceId;
use weir_db::Error as DbError;

use super::{Client, Proof};
use crate::boot::{App, Purpose};
use crate::commands::Context;
use crate::config::Config;
use crate::failure::Failure;
use crate::logins::Logins;
use crate::running::Running;

/// A process that has the database needs a moment to begin or to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

impl Client {
    /// The server that `--server` names; without it, Weir opened in this process, or whoever has it open already.
    pub(crate) async fn find(context: &Context, purpose: Purpose) -> anyhow::Result<Self> {
        if let Some(server) = &context.server {
            let kept = || anyhow::Ok(Logins::open()?.of(server).map(|login| login.key.clone()));
            let key = context.key.clone().map_or_else(kept, |key| Ok(Some(key)))?;
            return Self::remote(server.clone(), Proof::of(key, context.workspace));
        }
        let config = &context.loaded.config;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let refused = match App::open(config, purpose).await {
                Ok(app) => return Self::opened(app, purpose, context).await,
                Err(error) => error,
            };
            if !matches!(refused.downcast_ref::<DbError>(), Some(DbError::InUse { .. })) {
                return Err(refused);
            }
            if let Some(server) = holder(config, context.workspace).await? {
                return Ok(server);
            }
            if Instant::now() > deadline {
                let message =
                    format!("{refused:#}, and it does not answer; wait for its end, or use another --data-dir");
                return Err(Failure::failed(message).into());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn opened(mut app: App, purpose: Purpose, context: &Context) -> anyhow::Result<Self> {
        if purpose == Purpose::Drive {
            // Others cannot open the database meanwhile: they reach it through this process.
            let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on 127.0.0.1")?;
            app.listen(listener, &context.loaded.config)?;
        }
        Self::local(app, context.workspace)
    }
}

/// The process that has the database, if it answers.
pub(crate) async fn holder(config: &Config, workspace: Option<WorkspaceId>) -> anyhow::Result<Option<Client>> {
    let Some(running) = Running::find(config) else { return Ok(None) };
    let client = Client::remote(running.url, Proof::of(Some(running.key), workspace))?;
    let alive = client.http.get(client.base.join("/healthz")?).timeout(Duration::from_secs(2)).send().await;
    Ok(alive.is_ok_and(|answer| answer.status().is_success()).then_some(client))
}
