//! How connections to a SQLite file are opened, and how statements run on them.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::{Error, Row, Statement, Value, statement};

/// Another program (a backup, the `sqlite3` shell) may hold the file for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements a connection keeps prepared; more than Weir has.
const PREPARED: usize = 512;

/// Held as long as the database is open, so that two processes never share one.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the file `PATH.lock`, making its folder if need be. The system lets go of it when the process ends.
    pub(super) fn acquire(database: &Path) -> Result<Self, Error> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let failed = |error: std::io::Error| Error::Unavailable { message: format!("{}: {error}", path.display()) };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { path }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

pub(super) fn open_writer(path: &Path) -> Result<Connection, Error> {
    // A WAL of 4000 pages (16 MiB) before it is folded in; cut back to 64 MiB if readers ever let it grow beyond.
    open(
        path,
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
         PRAGMA journal_size_limit = 67108864; PRAGMA foreign_keys = ON; PRAGMA cache_size = -4096;",
    )
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, Error> {
    open(path, "PRAGMA query_only = ON; PRAGMA cache_size = -1024;")
}

fn open(path: &Path, pragmas: &str) -> Result<Connection, Error> {
    let failed =
        |error: rusqlite::Error| Error::Unavailable { message: format!("cannot open {}: {error}", path.display()) };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    connection.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;").map_err(failed)?;
    connection.execute_batch(pragmas).map_err(failed)?;
    Ok(connection)
}

/// Copies the database to a new file.
pub(super) fn copy(connection: &Connection, file: &Path) -> Result<(), Error> {
    const COPY: &str = "VACUUM INTO ?1";
    let failed = |error: std::io::Error| Error::Unavailable { message: format!("{}: {error}", file.display()) };
    let path = file.to_str().ok_or_else(|| failed(std::io::Error::other("the path is not UTF-8")))?;
    connection.execute(COPY, [path]).map_err(|error| Error::from_sqlite(&error, COPY))?;
    // SQLite leaves it to the system when the copy reaches the disk; a copy is for when things go wrong.
    File::open(file).and_then(|file| file.sync_all()).map_err(failed)
}

/// Runs a statement for each of its rows of arguments; answers the rows touched, or returned, and those returned.
pub(super) fn run(connection: &Connection, statement: &Statement) -> Result<(u64, Vec<Row>), Error> {
    let failed = |error: rusqlite::Error| Error::from_sqlite(&error, &statement.sql);
    let mut prepared = connection.prepare_cached(&statement.sql).map_err(failed)?;
    statement.check_arguments(prepared.parameter_count())?;
    let slots = slots(&prepared, &statement.sql)?;
    let columns = prepared.column_count();
    let (mut affected, mut returned) = (0, Vec::new());
    for args in &statement.rows {
        bind(&mut prepared, &slots, args).map_err(failed)?;
        if columns == 0 {
            affected += prepared.raw_execute().map_err(failed)? as u64;
        } else {
            let before = returned.len();
            collect(&mut prepared, columns, &mut returned).map_err(failed)?;
            affected += (returned.len() - before) as u64;
        }
    }
    Ok((affected, returned))
}

/// Runs a statement once for the rows it answers.
pub(super) fn query(connection: &Connection, sql: &str, args: &[Value]) -> Result<Vec<Row>, Error> {
    let failed = |error: rusqlite::Error| Error::from_sqlite(&error, sql);
    let mut prepared = connection.prepare_cached(sql).map_err(failed)?;
    statement::check_arguments(sql, prepared.parameter_count(), args)?;
    let slots = slots(&prepared, sql)?;
    bind(&mut prepared, &slots, args).map_err(failed)?;
    let columns = prepared.column_count();
    let mut rows = Vec::new();
    collect(&mut prepared, columns, &mut rows).map_err(failed)?;
    Ok(rows)
}

fn collect(prepared: &mut rusqlite::Statement<'_>, columns: usize, into: &mut Vec<Row>) -> rusqlite::Result<()> {
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next()? {
        into.push(Row::from_sqlite(row, columns)?);
    }
    Ok(())
}

fn bind(prepared: &mut rusqlite::Statement<'_>, slots: &[usize], args: &[Value]) -> rusqlite::Result<()> {
    slots.iter().zip(args).try_for_each(|(slot, value)| prepared.raw_bind_parameter(*slot, value))
}

/// Where SQLite put `$1`, `$2` and so on: to it they are names, counted by their first appearance.
fn slots(prepared: &rusqlite::Statement<'_>, sql: &str) -> Result<Vec<usize>, Error> {
    let failed = |message: String| Error::Refused { sql: sql.to_owned(), message };
    let mut slots = vec![0; prepared.parameter_count()];
    for slot in 1..=slots.len() {
        let place = prepared
            .parameter_name(slot)
            .and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok())
            .and_then(|number| slots.get_mut(number.checked_sub(1)?));
        match place {
            Some(place) => *place = slot,
            None => return Err(failed("placeholders must be $1 to $n without gaps".to_owned())),
        }
    }
    Ok(slots)
}
