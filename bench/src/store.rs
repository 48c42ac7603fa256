//! The databases Weir is measured on, each empty and with its fsync as in production.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use tempfile::TempDir;
use weir_testkit::TestPostgres;

use crate::server::Server;

/// Where the folders of the runs go: on the disk of the working copy, not in memory.
const FOLDER: &str = "target/bench";

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// The embedded one
    Sqlite,
    /// A server of our own
    Postgres,
}

impl Store {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A data directory with an empty database.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) store: Store,
    weir: PathBuf,
    folder: TempDir,
    /// What `weir_db::Db::connect` takes.
    pub(crate) database_url: String,
}

impl Home {
    pub(crate) async fn new(store: Store, weir: &Path) -> anyhow::Result<Self> {
        let folder = temporary_folder()?;
        let database_url = match store {
            Store::Sqlite => format!("sqlite:{}", folder.path().join("weir.db").display()),
            Store::Postgres => TestPostgres::shared().fresh_database().await,
        };
        Ok(Self { store, weir: weir.to_owned(), folder, database_url })
    }

    /// An empty database beside the server's, of the same kind.
    pub(crate) async fn second_database(&self) -> String {
        match self.store {
            Store::Sqlite => format!("sqlite:{}", self.folder.path().join("second.db").display()),
            Store::Postgres => TestPostgres::shared().fresh_database().await,
        }
    }

    /// A folder on the disk of the database.
    pub(crate) fn database_folder(&self) -> &Path {
        match self.store {
            Store::Sqlite => self.folder.path(),
            // The server keeps its data below the system's temporary folder.
            Store::Postgres => Path::new("/tmp"),
        }
    }

    /// The data directory.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the server; `allow` are the addresses its `http_request` nodes may reach.
    pub(crate) async fn serve(&self, allow: &str) -> anyhow::Result<Server> {
        Server::start(&self.weir, self.folder.path(), &self.database_url, allow).await
    }
}

/// A folder that goes away again, on the disk of the working copy.
pub(crate) fn temporary_folder() -> anyhow::Result<TempDir> {
    std::fs::create_dir_all(FOLDER).with_context(|| format!("cannot make {FOLDER}"))?;
    let folder = Path::new(FOLDER).canonicalize()?;
    Ok(tempfile::Builder::new().prefix("run-").tempdir_in(folder)?)
}
