//! PostgreSQL: reads share a few pipelined connections, each write has one to itself.

mod connection;
mod migrate;
mod target;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub use connection::{Connection, Session};
pub use tokio_postgres::types;

use crate::{Batch, Error, Migration, Row, Stats, Value, Written, statement};

use connection::Access;
use target::Target;
use write::Writers;

/// Connections that reads share.
const READERS: usize = 4;

/// A PostgreSQL database. Connections are made when they are first needed and again after they were lost.
#[derive(Debug)]
pub struct Postgres {
    target: Arc<Target>,
    readers: Vec<Connection>,
    writers: Writers,
    closed: AtomicBool,
    commits: AtomicU64,
    batches: AtomicU64,
}

impl Postgres {
    pub(crate) async fn connect(url: &str) -> Result<Self, Error> {
        let target = Arc::new(Target::parse(url)?);
        let readers = (0..READERS).map(|_| Connection::new(Arc::clone(&target), Access::Read)).collect();
        let postgres = Self {
            writers: Writers::new(&target),
            target,
            readers,
            closed: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            batches: AtomicU64::new(0),
        };
        postgres.reader()?.session().await?;
        Ok(postgres)
    }

    /// A connection for one owner, made when it is first asked for a session.
    pub fn connection(&self) -> Connection {
        Connection::new(Arc::clone(&self.target), Access::Write)
    }

    pub(crate) async fn write(&self, batch: &Batch) -> Result<Written, Error> {
        let written = self.writers.write(batch).await?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        Ok(written)
    }

    pub(crate) async fn query(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>, Error> {
        let reader = self.reader()?;
        let session = reader.session().await?;
        match read(&session, sql, args).await {
            // The connection was lost in between: reading again is safe, and the server may be back.
            Err(Error::Unavailable { .. }) => {
                reader.replace(&session).await;
                drop(session);
                read(&*reader.session().await?, sql, args).await
            }
            result => result,
        }
    }

    pub(crate) async fn migrate(&self, context: &str, migrations: &[Migration]) -> Result<(), Error> {
        migrate::migrate(&*self.connection().session().await?, context, migrations).await
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats { commits: self.commits.load(Ordering::Relaxed), batches: self.batches.load(Ordering::Relaxed) }
    }

    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.writers.close().await;
        for reader in &self.readers {
            reader.close().await;
        }
    }

    /// The connection with the fewest reads under way.
    fn reader(&self) -> Result<&Connection, Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        self.readers.iter().min_by_key(|reader| reader.in_use()).ok_or(Error::Closed)
    }
}

async fn read(session: &Session, sql: &str, args: &[Value]) -> Result<Vec<Row>, Error> {
    let prepared = session.prepare(sql).await?;
    statement::check_arguments(sql, prepared.params().len(), args)?;
    let (_, rows) = session.run(&prepared, args).await.map_err(|error| Error::from_postgres(&error, sql))?;
    Ok(rows)
}
