//! SQLite, in files of one folder.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};
use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags, params_from_iter};
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::connections::Query;
use super::error::Error;
use super::rows::{Column, MAX_BYTES, Table, integer, real};
use super::sql::Statement;

/// How many queries run at the same time: each takes a thread.
const MAX_QUERIES: usize = 8;

/// How many columns are kept of one that never ends.
const MAX_COLUMNS: i32 = 2000;

/// The databases of one folder.
pub(crate) struct Sqlite {
    folder: PathBuf,
    slots: Arc<Semaphore>,
}

impl Sqlite {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, slots: Arc::new(Semaphore::new(MAX_QUERIES)) }
    }

    pub(crate) async fn run(&self, url: &str, statement: Statement, query: &Query) -> Result<Table, Error> {
        let name = url.strip_prefix("sqlite:").unwrap_or(url);
        let name = name.strip_prefix("//").unwrap_or(name).to_owned();
        let slots = Arc::clone(&self.slots);
        let slot = slots.acquire_owned().await.map_err(|_| Error::Transient("the pool was closed".to_owned()))?;
        let (folder, query) = (self.folder.clone(), query.clone());
        let (opened, handle) = oneshot::channel();
        let limit = query.time_limit;
        let mut running = tokio::task::spawn_blocking(move || {
            // Held by the thread, which may go on for a moment after nobody waits any more.
            let _slot = slot;
            let connection = open(&folder, &name, &query)?;
            if opened.send(connection.get_interrupt_handle()).is_err() {
                return Err(Error::too_slow(limit.as_secs_f64()));
            }
            ask(&connection, &statement, &query)
        });
        // Without a handle the database could not be opened: that is told at once.
        let interrupt = Interrupt(handle.await.ok());
        let answered = timeout(limit, &mut running).await;
        let answered = match answered {
            Ok(answered) => answered,
            Err(_) => {
                drop(interrupt);
                running.await
            }
        };
        let table = answered.map_err(|error| Error::Transient(format!("the query broke off: {error}")))?;
        table.map_err(|error| match error {
            Error::Timeout(_) => Error::too_slow(limit.as_secs_f64()),
            other => other,
        })
    }
}

/// Ends the query when nobody waits for it any more.
struct Interrupt(Option<InterruptHandle>);

impl Drop for Interrupt {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.interrupt();
        }
    }
}

/// The file of this name, if it is one of the folder's own.
fn file(folder: &Path, name: &str, may_make: bool) -> Result<PathBuf, Error> {
    let outside = || Error::Refused(format!("{name:?} is not within the folder for SQLite databases (databases_dir)"));
    let missing = |what: &Path| Error::Invalid(format!("there is no {}", what.display()));
    let folder = folder.canonicalize().map_err(|_| missing(folder))?;
    let path = Path::new(name);
    // Absolute paths may name the folder themselves; what leads out again is never followed.
    if path.components().any(|part| matches!(part, Component::ParentDir)) {
        return Err(outside());
    }
    let path = folder.join(path);
    let (Some(parent), Some(last)) = (path.parent(), path.file_name()) else { return Err(outside()) };
    let parent = parent.canonicalize().map_err(|_| outside())?;
    if !parent.starts_with(&folder) {
        return Err(outside());
    }
    let path = parent.join(last);
    match path.symlink_metadata() {
        Ok(found) if found.is_file() => Ok(path),
        // A link may lead anywhere.
        Ok(_) => Err(outside()),
        Err(_) if may_make => Ok(path),
        Err(_) => Err(Error::Invalid(format!("there is no SQLite database {name:?} in the folder for them"))),
    }
}

fn open(folder: &Path, name: &str, query: &Query) -> Result<Connection, Error> {
    let path = file(folder, name, query.allow_writes)?;
    let access = if query.allow_writes {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    } else {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    };
    // No URIs: they would have options of their own. No links: see `file`.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| failed(&error))?;
    let longest = i32::try_from(MAX_BYTES).unwrap_or(i32::MAX);
    for (limit, most) in [
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LENGTH, longest),
        (Limit::SQLITE_LIMIT_COLUMN, MAX_COLUMNS),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, most).map_err(|error| failed(&error))?;
    }
    connection.busy_timeout(query.time_limit).map_err(|error| failed(&error))?;
    connection.pragma_update(None, "query_only", !query.allow_writes).map_err(|error| failed(&error))?;
    connection.pragma_update(None, "foreign_keys", true).map_err(|error| failed(&error))?;
    connection.pragma_update(None, "trusted_schema", false).map_err(|error| failed(&error))?;
    Ok(connection)
}

fn ask(connection: &Connection, statement: &Statement, query: &Query) -> Result<Table, Error> {
    let failed = |error| failed(&error);
    let mut prepared = connection.prepare(&statement.sql).map_err(failed)?;
    let columns = prepared
        .columns()
        .map(|column| Column {
            name: column.name().to_owned(),
            ty: column.decl_type().unwrap_or_default().to_ascii_lowercase(),
        })
        .collect();
    let mut table = Table::new(columns, query.max_rows)?;
    let values = params_from_iter(statement.values.iter().map(Param));
    if table.columns.is_empty() {
        let affected = prepared.execute(values).map_err(failed)?;
        table.affected = u64::try_from(affected).ok();
        return Ok(table);
    }
    let count = table.columns.len();
    let mut rows = prepared.query(values).map_err(failed)?;
    let mut is_full = false;
    while let Some(row) = rows.next().map_err(failed)? {
        // A change goes on to its end, whether its rows are wanted or not.
        if is_full {
            if statement.reads {
                break;
            }
            continue;
        }
        let cells = (0..count).map(|index| row.get_ref(index).map(value)).collect::<Result<_, _>>();
        is_full = !table.push(cells.map_err(failed)?);
    }
    drop(rows);
    table.affected = Some(connection.changes()).filter(|_| !statement.reads);
    Ok(table)
}

struct Param<'a>(&'a Value);

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(match self.0 {
            Value::Null => Sql::Null,
            Value::Bool(flag) => Sql::Integer((*flag).into()),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Sql::Integer(integer),
                (None, Some(real)) => Sql::Real(real),
                (None, None) => Sql::Null,
            },
            Value::String(text) => return Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))),
            value @ (Value::Array(_) | Value::Object(_)) => Sql::Text(value.to_string()),
        }))
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => integer(number.into()),
        ValueRef::Real(number) => real(number),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
        ValueRef::Blob(bytes) => STANDARD.encode(bytes).into(),
    }
}

/// What SQLite said.
fn failed(error: &rusqlite::Error) -> Error {
    let message = format!("SQLite answered: {error}");
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => Error::Timeout(message),
        Some(ErrorCode::ReadOnly) => Error::read_only(&message),
        Some(ErrorCode::AuthorizationForStatementDenied | ErrorCode::PermissionDenied) => Error::Refused(message),
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory,
        ) => Error::Transient(message),
        _ => Error::Invalid(message),
    }
}
