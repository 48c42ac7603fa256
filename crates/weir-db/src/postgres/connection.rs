//! One connection to the server: made when needed, made again after it was lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

use crate::{Error, Row, Value};

use super::target::Target;

/// After a failure to connect, everyone gets the same answer for so long, so that a stopped server is not stormed.
const BACKOFF: Duration = Duration::from_millis(200);

/// Statements a session keeps prepared; more than Weir has.
const PREPARED: usize = 512;

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A connection to the server that comes back by itself.
#[derive(Debug)]
pub struct Connection {
    target: Arc<Target>,
    access: Access,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    session: Option<Arc<Session>>,
    failed: Option<(Instant, Error)>,
}

impl Connection {
    pub(super) fn new(target: Arc<Target>, access: Access) -> Self {
        Self { target, access, state: tokio::sync::Mutex::default() }
    }

    /// The live session, a new one if the last was lost. Temporary tables and open transactions do not survive that.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the server cannot be reached; it is asked again at most five times a second.
    pub async fn session(&self) -> Result<Arc<Session>, Error> {
        let mut state = self.state.lock().await;
        if let Some(session) = state.session.as_ref().filter(|session| !session.is_closed()) {
            return Ok(Arc::clone(session));
        }
        state.session = None;
        if let Some((at, error)) = &state.failed
            && at.elapsed() < BACKOFF
        {
            return Err(error.clone());
        }
        match Session::open(&self.target, self.access).await {
            Ok(session) => {
                let session = Arc::new(session);
                *state = State { session: Some(Arc::clone(&session)), failed: None };
                Ok(session)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Lets go of the session; the next call for one connects again.
    pub async fn close(&self) {
        self.state.lock().await.session = None;
    }

    /// Lets go of this session, unless it was replaced already: a server that shuts down says so before it hangs up.
    pub(super) async fn replace(&self, lost: &Arc<Session>) {
        let mut state = self.state.lock().await;
        if state.session.as_ref().is_some_and(|session| Arc::ptr_eq(session, lost)) {
            state.session = None;
        }
    }

    /// How many hold the session just now; a connection that is being made counts as busy.
    pub(super) fn in_use(&self) -> usize {
        match self.state.try_lock() {
            Ok(state) => state.session.as_ref().map_or(1, Arc::strong_count),
            Err(_) => usize::MAX,
        }
    }
}

/// A connection while it lasts. Requests may be made at the same time: they are pipelined and answered in order.
pub struct Session {
    client: Client,
    prepared: Mutex<HashMap<String, tokio_postgres::Statement>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl Session {
    async fn open(target: &Target, access: Access) -> Result<Self, Error> {
        let failed = |error: tokio_postgres::Error| Error::Unavailable { message: crate::error::with_causes(&error) };
        let client = match &target.tls {
            Some(tls) => {
                let (client, connection) = target.config.connect(tls.clone()).await.map_err(failed)?;
                tokio::spawn(drive(connection));
                client
            }
            None => {
                let (client, connection) = target.config.connect(NoTls).await.map_err(failed)?;
                tokio::spawn(drive(connection));
                client
            }
        };
        if access == Access::Read {
            let read_only = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
            client.batch_execute(read_only).await.map_err(failed)?;
        }
        Ok(Self { client, prepared: Mutex::default() })
    }

    /// Whether the connection was lost.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Prepares the statement, or finds it prepared.
    ///
    /// # Errors
    /// As the server's.
    pub async fn prepare(&self, sql: &str) -> Result<tokio_postgres::Statement, Error> {
        if let Some(found) = self.prepared.lock().get(sql) {
            return Ok(found.clone());
        }
        let statement = self.client.prepare(sql).await.map_err(|error| Error::from_postgres(&error, sql))?;
        let mut prepared = self.prepared.lock();
        if prepared.len() >= PREPARED {
            prepared.clear();
        }
        prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Runs a statement; answers the rows it touched.
    ///
    /// # Errors
    /// As the server's.
    pub async fn execute(&self, sql: &str, args: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        let prepared = self.prepare(sql).await?;
        self.client.execute(&prepared, args).await.map_err(|error| Error::from_postgres(&error, sql))
    }

    /// Runs a statement; answers the rows it returned.
    ///
    /// # Errors
    /// As the server's.
    pub async fn query(&self, sql: &str, args: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let prepared = self.prepare(sql).await?;
        let rows = self.client.query(&prepared, args).await.map_err(|error| Error::from_postgres(&error, sql))?;
        Ok(rows.into_iter().map(Row::from_postgres).collect())
    }

    /// Runs statements without arguments, such as `BEGIN`; several in one text are one transaction.
    ///
    /// # Errors
    /// As the server's.
    pub async fn script(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await.map_err(|error| Error::from_postgres(&error, sql))
    }

    /// Sends the statement when it is first polled; answers the rows touched and those returned.
    pub(super) async fn run(
        &self,
        prepared: &tokio_postgres::Statement,
        args: &[Value],
    ) -> Result<(u64, Vec<Row>), tokio_postgres::Error> {
        let mut stream = std::pin::pin!(self.client.query_raw(prepared, args).await?);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await? {
            rows.push(Row::from_postgres(row));
        }
        Ok((stream.rows_affected().unwrap_or(0), rows))
    }
}

/// Moves bytes until the session is dropped or the server goes away.
async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        tracing::warn!(error = crate::error::with_causes(&error), "a connection to PostgreSQL was lost");
    }
}
