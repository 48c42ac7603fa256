//! SQLite: one writer thread that groups commits, a few connections that read.

mod connection;
mod migrate;
mod readers;
#[cfg(test)]
mod tests;
mod writer;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::{Batch, Error, Migration, Row, Stats, Value, Written};

use connection::Lock;
use readers::Readers;
use writer::Writer;

/// A SQLite database that this process alone has open.
#[derive(Debug)]
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
}

impl Sqlite {
    pub(crate) async fn open(path: PathBuf) -> Result<Self, Error> {
        let opened = tokio::task::spawn_blocking(move || {
            let lock = Lock::acquire(&path)?;
            let writing = connection::open_writer(&path)?;
            let reading = Readers::open(&path)?;
            Ok(Self { writer: Writer::start(writing, lock)?, readers: reading })
        });
        opened.await.map_err(|error| Error::Unavailable { message: error.to_string() })?
    }

    pub(crate) async fn write(&self, batch: Batch) -> Result<Written, Error> {
        self.writer.write(batch).await
    }

    pub(crate) async fn query(&self, sql: Cow<'static, str>, args: Vec<Value>) -> Result<Vec<Row>, Error> {
        self.readers.query(sql, args).await
    }

    pub(crate) async fn migrate(&self, context: &str, migrations: &[Migration]) -> Result<(), Error> {
        let (context, migrations) = (context.to_owned(), migrations.to_vec());
        self.writer.run(move |connection| migrate::migrate(connection, &context, &migrations)).await?
    }

    /// Copies the whole database, as it is between two commits, to a new file. When this answers, the copy is on the
    /// disk. Commits wait meanwhile.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is such a file already, [`Error::DiskFull`], [`Error::Unavailable`].
    pub async fn snapshot(&self, file: &Path) -> Result<(), Error> {
        let file = file.to_owned();
        self.writer.run(move |connection| connection::copy(connection, &file)).await?
    }

    pub(crate) fn stats(&self) -> Stats {
        self.writer.stats()
    }

    /// Readers go first: the connection closed last folds the write-ahead log into the database.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
