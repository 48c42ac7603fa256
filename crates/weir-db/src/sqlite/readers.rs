//! Connections that read beside the writer.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::{Error, Row, Value};

use super::connection;

/// Reads that run at the same time.
const READERS: u32 = 4;

#[derive(Debug)]
pub(super) struct Readers {
    /// A permit for each idle connection.
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let idle = (0..READERS).map(|_| connection::open_reader(path)).collect::<Result<_, _>>()?;
        Ok(Self { permits: Arc::new(Semaphore::new(READERS as usize)), idle: Arc::new(Mutex::new(idle)) })
    }

    pub(super) async fn query(&self, sql: Cow<'static, str>, args: Vec<Value>) -> Result<Vec<Row>, Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| Error::Closed)?;
        let idle = Arc::clone(&self.idle);
        let read = tokio::task::spawn_blocking(move || {
            let connection = idle.lock().pop().ok_or(Error::Closed)?;
            let rows = connection::query(&connection, &sql, &args);
            idle.lock().push(connection);
            drop(permit);
            rows
        });
        read.await.map_err(|error| Error::Unavailable { message: error.to_string() })?
    }

    pub(super) async fn close(&self) {
        // An error here means that they were closed before.
        if let Ok(all) = self.permits.acquire_many(READERS).await {
            self.permits.close();
            self.idle.lock().clear();
            drop(all);
        }
    }
}
