//! How commands on this machine find the running server, and prove that they may.
//!
//! A server writes its address and a key of its own making beside its database, for its owner's eyes only: who can read
//! that file can read the database as well, and may do everything. The key lasts as long as the process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use url::Url;
use weir_base::{Principal, WorkspaceId};

use crate::boot::sqlite_path;
use crate::config::Config;
use crate::logins::write_private;

/// What the key begins with, so that it is known when it is found somewhere.
const PREFIX: &str = "weir_local_";

/// The header that chooses the workspace.
const WORKSPACE: &str = "weir-workspace";

/// A server that runs on this machine.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) url: Url,
    pub(crate) key: String,
}

impl Running {
    /// The server at this address, with a key nobody knows yet.
    pub(crate) fn at(url: Url) -> Self {
        let bytes: [u8; 32] = rand::random();
        Self { url, key: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)) }
    }

    /// The server that has the configured database, or had it when it ended.
    pub(crate) fn find(config: &Config) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::file(config)).ok()?).ok()
    }

    /// Where it says how to reach it: beside the SQLite file, or in the data directory.
    pub(crate) fn file(config: &Config) -> PathBuf {
        match sqlite_path(config) {
            Some(database) => PathBuf::from(format!("{}.address", database.display())),
            None => config.data_dir.join("server.address"),
        }
    }

    /// Lets commands find it.
    pub(crate) fn announce(&self, file: &Path) -> std::io::Result<()> {
        write_private(file, &serde_json::to_string(self)?)
    }
}

/// Lets whoever has the key of this process do everything.
pub(crate) async fn admit(State(key): State<Arc<str>>, mut request: Request, next: Next) -> Response {
    let given = request.headers().get(AUTHORIZATION).and_then(|header| header.as_bytes().strip_prefix(b"Bearer "));
    if given.is_some_and(|given| bool::from(given.ct_eq(key.as_bytes()))) {
        let named = request.headers().get(WORKSPACE).and_then(|header| header.to_str().ok()?.parse().ok());
        request.extensions_mut().insert(Principal::operator(named.unwrap_or(WorkspaceId::FIRST)));
    }
    next.run(request).await
}
