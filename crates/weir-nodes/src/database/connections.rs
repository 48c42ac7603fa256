//! Ways to the databases that credentials name, whichever they are.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout;
use weir_outbound::Outbound;

use super::error::Error;
use super::pool::Pool;
use super::rows::Table;
use super::sql::{Dialect, Params, Statement};
use super::sqlite::Sqlite;
use super::{mysql, postgres};

/// For a name's addresses, a connection, encryption and signing in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How much longer than the database the client waits, so that it is the database that says no.
const GRACE: Duration = Duration::from_secs(5);

/// Runs queries. A database on the network is reached under the rules for HTTP, at the very address that was judged; a
/// SQLite database lies in the folder for them.
pub(crate) struct Connections {
    outbound: Outbound,
    postgres: Pool<postgres::Session>,
    mysql: Pool<mysql::Session>,
    sqlite: Sqlite,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) params: Params,
    pub(crate) allow_writes: bool,
    pub(crate) max_rows: usize,
    pub(crate) time_limit: Duration,
}

impl Connections {
    /// `folder` holds the SQLite databases that may be used; no other file is opened.
    pub(crate) fn new(outbound: Outbound, folder: PathBuf) -> Self {
        Self { outbound, postgres: Pool::default(), mysql: Pool::default(), sqlite: Sqlite::new(folder) }
    }

    /// Runs one statement in a transaction of its own, which reads only unless the query says otherwise. When this is
    /// dropped before it answers, the connection is closed, and what was not committed is rolled back.
    ///
    /// # Errors
    /// Nothing was changed, unless the connection broke or took too long during the commit.
    pub(crate) async fn run(&self, url: &str, query: &Query) -> Result<Table, Error> {
        let read = |dialect| Statement::read(&query.sql, &query.params, dialect, query.allow_writes);
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            "postgres" | "postgresql" => {
                let statement = read(Dialect::Postgres)?;
                let mut taken = self.postgres.take(url).await?;
                let mut session = match taken.session.take().filter(postgres::Session::is_open) {
                    Some(session) => session,
                    None => connected(postgres::Session::connect(url, &self.outbound)).await?,
                };
                let table = limited(query, session.run(&statement, query)).await?;
                if session.reset().await {
                    self.postgres.give_back(&taken, session);
                }
                Ok(table)
            }
            "mysql" | "mariadb" => {
                let statement = read(Dialect::MySql)?;
                let mut taken = self.mysql.take(url).await?;
                let mut kept = taken.session.take();
                if let Some(session) = &mut kept
                    && !session.is_open().await
                {
                    kept = None;
                }
                let mut session = match kept {
                    Some(session) => session,
                    None => connected(mysql::Session::connect(url, &self.outbound)).await?,
                };
                let table = limited(query, session.run(&statement, query)).await?;
                // The rest of an answer that was cut would have to be read to its end.
                if !table.truncated && session.reset().await {
                    self.mysql.give_back(&taken, session);
                }
                Ok(table)
            }
            "sqlite" => self.sqlite.run(url, read(Dialect::Sqlite)?, query).await,
            _ => Err(Error::Invalid(
                "the credential's url begins with none of postgres://, mysql:// and sqlite:".to_owned(),
            )),
        }
    }
}

async fn connected<S>(connecting: impl Future<Output = Result<S, Error>> + Send) -> Result<S, Error> {
    timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| {
        Err(Error::Transient(format!("the database accepted no connection within {} s", CONNECT_TIMEOUT.as_secs())))
    })
}

async fn limited(query: &Query, running: impl Future<Output = Result<Table, Error>> + Send) -> Result<Table, Error> {
    let limited = timeout(query.time_limit + GRACE, running).await;
    limited.unwrap_or_else(|_| Err(Error::too_slow(query.time_limit.as_secs_f64())))
}
