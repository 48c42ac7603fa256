//! The handle stores hold: one of two databases.

use std::borrow::Cow;
use std::sync::Arc;

use crate::{Batch, Error, Migration, Postgres, Row, Sqlite, Value, Written, migration};

/// A database, cheap to clone.
#[derive(Debug, Clone)]
pub enum Db {
    /// A file, used by this process alone.
    Sqlite(Arc<Sqlite>),
    /// A server, shared by all processes of a cluster.
    Postgres(Arc<Postgres>),
}

/// Which SQL a database speaks, where a store's statement cannot be the same for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// Counts since the handle was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Transactions committed; on SQLite also the number of fsyncs writes waited for.
    pub commits: u64,
    /// Batches kept.
    pub batches: u64,
}

impl Db {
    /// Opens `sqlite:PATH` (made if it is not there, with its folder) or `postgres://...`.
    ///
    /// Of PostgreSQL's `sslmode`s, `require` asks for TLS and checks the server's certificate against the public
    /// authorities, or against those in the PEM file that `sslrootcert` names; every other mode connects without TLS.
    ///
    /// # Errors
    /// [`Error::Url`] for another URL, [`Error::InUse`] if another process has the SQLite database open,
    /// [`Error::Unavailable`] if the server or the file cannot be reached.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            Ok(Self::Sqlite(Arc::new(Sqlite::open(path.into()).await?)))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres(Arc::new(Postgres::connect(url).await?)))
        } else {
            Err(Error::Url { reason: "expected sqlite:PATH or postgres://USER@HOST/DATABASE".to_owned() })
        }
    }

    /// Which SQL to write.
    pub const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs the batch as one transaction. When this answers, the batch is on the disk.
    ///
    /// A future dropped before it answers leaves open whether the batch was kept.
    ///
    /// # Errors
    /// Nothing was kept if the database refused a statement or an expectation was not met. After
    /// [`Error::Unavailable`] the batch may have been kept: the connection can break between commit and answer.
    pub async fn write(&self, batch: impl Into<Batch>) -> Result<Written, Error> {
        let batch = batch.into();
        match self {
            Self::Sqlite(sqlite) => sqlite.write(batch).await,
            Self::Postgres(postgres) => postgres.write(&batch).await,
        }
    }

    /// Runs a statement that only reads.
    ///
    /// # Errors
    /// Any but those of expectations; a statement that writes is refused.
    pub async fn query(&self, sql: impl Into<Cow<'static, str>>, args: Vec<Value>) -> Result<Vec<Row>, Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.query(sql.into(), args).await,
            Self::Postgres(postgres) => postgres.query(&sql.into(), &args).await,
        }
    }

    /// Brings the tables of `context` up to the newest of `migrations` (in order of their versions), each in a
    /// transaction of its own. Several processes may do so at the same time.
    ///
    /// # Errors
    /// [`Error::Newer`] if a newer Weir made the tables; [`Error::Migration`] if a script fails.
    pub async fn migrate(&self, context: &str, migrations: &[Migration]) -> Result<(), Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.migrate(context, migrations).await,
            Self::Postgres(postgres) => postgres.migrate(context, migrations).await,
        }
    }

    /// The migrations that [`migrate`](Self::migrate) would apply; changes nothing.
    ///
    /// # Errors
    /// [`Error::Newer`] if a newer Weir made the tables.
    pub async fn pending_migrations<'a>(
        &self,
        context: &str,
        migrations: &'a [Migration],
    ) -> Result<&'a [Migration], Error> {
        let known = match self.dialect() {
            Dialect::Sqlite => "SELECT count(*) FROM sqlite_master WHERE name = 'schema_migrations'",
            Dialect::Postgres => {
                "SELECT count(*) FROM pg_tables WHERE tablename = 'schema_migrations' AND schemaname = current_schema()"
            }
        };
        let tables: i64 = only(&self.query(known, Vec::new()).await?)?;
        let applied =
            if tables == 0 { 0 } else { only(&self.query(migration::APPLIED, crate::args![context]).await?)? };
        migration::pending(context, migrations, applied)
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if there is none.
    pub async fn ping(&self) -> Result<(), Error> {
        self.query("SELECT 1", Vec::new()).await.map(drop)
    }

    /// Counts for metrics and benchmarks.
    pub fn stats(&self) -> Stats {
        match self {
            Self::Sqlite(sqlite) => sqlite.stats(),
            Self::Postgres(postgres) => postgres.stats(),
        }
    }

    /// The SQLite behind this handle, for what only a file needs.
    pub fn sqlite(&self) -> Option<&Sqlite> {
        match self {
            Self::Sqlite(sqlite) => Some(sqlite),
            Self::Postgres(_) => None,
        }
    }

    /// The PostgreSQL behind this handle, for what needs a connection of its own.
    pub fn postgres(&self) -> Option<&Postgres> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(postgres) => Some(postgres),
        }
    }

    /// Finishes what was accepted and lets go of the database; every clone of this handle then answers
    /// [`Error::Closed`].
    pub async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }
}

/// The single number a count answers with.
fn only(rows: &[Row]) -> Result<i64, Error> {
    rows.first().map_or(Ok(0), |row| row.get(0))
}
