//! What can go wrong between Weir and its database.

use std::path::PathBuf;

use weir_base::ErrorKind;

/// A failure of the database, or of a request to it.
///
/// It is `Clone` because one failed commit answers every batch that was in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The database URL cannot be used.
    #[error("cannot use the database url: {reason}")]
    Url {
        /// What is wrong with it; never the URL itself, which may hold a password.
        reason: String,
    },
    /// Another process has this SQLite database open.
    #[error("{} is locked: another process uses this database", path.display())]
    InUse {
        /// The lock file beside the database.
        path: PathBuf,
    },
    /// A statement of a batch touched another number of rows than it expected; nothing of the batch was kept.
    #[error("statement {statement} of the batch touched {found} rows where {expected} were expected")]
    Expectation {
        /// The statement's place in the batch, from 0.
        statement: usize,
        /// The rows it should have touched.
        expected: u64,
        /// The rows it touched.
        found: u64,
    },
    /// A row with this key exists already.
    #[error("a row with the same key exists: {message}")]
    Unique {
        /// The database's own words.
        message: String,
    },
    /// A row refers to another that does not exist, or is still referred to.
    #[error("a reference between rows would break: {message}")]
    Reference {
        /// The database's own words.
        message: String,
    },
    /// No space is left where the database lives.
    #[error("the disk is full: {message}")]
    DiskFull {
        /// The database's own words.
        message: String,
    },
    /// The database cannot be reached, or stopped while it worked; whether a write was kept is then not known.
    #[error("the database is not available: {message}")]
    Unavailable {
        /// The database's or the operating system's own words.
        message: String,
    },
    /// This handle was closed.
    #[error("the database was closed")]
    Closed,
    /// The database was made by a newer Weir than this one.
    #[error("the tables of {context} are at version {found}, made by a newer weir: this one knows up to {known}")]
    Newer {
        /// Whose tables.
        context: String,
        /// The version found.
        found: i64,
        /// The newest version this binary knows.
        known: u32,
    },
    /// A migration could not be applied; nothing of it was kept.
    #[error("migration {version} ({name}) of {context} failed: {message}")]
    Migration {
        /// Whose tables.
        context: String,
        /// The migration's version.
        version: u32,
        /// The migration's name.
        name: &'static str,
        /// The database's own words.
        message: String,
    },
    /// A text holds a NUL character, which PostgreSQL cannot store; refused on SQLite as well.
    #[error("a text with a NUL character cannot be stored")]
    Nul,
    /// The number of arguments is not the number of placeholders.
    #[error("{given} arguments were given for {expected} placeholders in {sql:?}")]
    Arguments {
        /// The statement.
        sql: String,
        /// Placeholders in it.
        expected: usize,
        /// Arguments given.
        given: usize,
    },
    /// A column does not hold what the code asked for.
    #[error("column {index} is {found}, not {wanted}")]
    Column {
        /// The column's place in the row, from 0.
        index: usize,
        /// The Rust type asked for.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// The database refused the statement.
    #[error("the database refused {sql:?}: {message}")]
    Refused {
        /// The statement.
        sql: String,
        /// The database's own words.
        message: String,
    },
}

impl Error {
    /// How a caller must react.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Expectation { .. } | Self::Unique { .. } | Self::Reference { .. } | Self::InUse { .. } => {
                ErrorKind::Conflict
            }
            Self::DiskFull { .. } | Self::Unavailable { .. } | Self::Closed => ErrorKind::Unavailable,
            Self::Url { .. } | Self::Nul => ErrorKind::Invalid,
            Self::Newer { .. }
            | Self::Migration { .. }
            | Self::Arguments { .. }
            | Self::Column { .. }
            | Self::Refused { .. } => ErrorKind::Internal,
        }
    }

    /// What SQLite said about `sql`.
    pub(crate) fn from_sqlite(error: &rusqlite::Error, sql: &str) -> Self {
        use rusqlite::ffi::{
            ErrorCode, SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE,
        };

        let message = error.to_string();
        let Some(failure) = error.sqlite_error() else {
            return Self::Refused { sql: sql.to_owned(), message };
        };
        match (failure.code, failure.extended_code) {
            (_, SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY) => Self::Unique { message },
            (_, SQLITE_CONSTRAINT_FOREIGNKEY) => Self::Reference { message },
            (ErrorCode::DiskFull, _) => Self::DiskFull { message },
            (
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory,
                _,
            ) => Self::Unavailable { message },
            _ => Self::Refused { sql: sql.to_owned(), message },
        }
    }

    /// What PostgreSQL, or the way to it, said about `sql`.
    pub(crate) fn from_postgres(error: &tokio_postgres::Error, sql: &str) -> Self {
        use tokio_postgres::error::SqlState;

        let Some(refusal) = error.as_db_error() else {
            let message = with_causes(error);
            let broken =
                error.is_closed() || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>());
            return if broken { Self::Unavailable { message } } else { Self::Refused { sql: sql.to_owned(), message } };
        };
        let message = match refusal.detail() {
            Some(detail) => format!("{}: {detail}", refusal.message()),
            None => refusal.message().to_owned(),
        };
        let code = refusal.code();
        if *code == SqlState::UNIQUE_VIOLATION {
            Self::Unique { message }
        } else if *code == SqlState::FOREIGN_KEY_VIOLATION {
            Self::Reference { message }
        } else if *code == SqlState::DISK_FULL {
            Self::DiskFull { message }
        // Classes: connection exception, insufficient resources, operator intervention, system error, rollback.
        } else if ["08", "53", "57", "58", "40"].iter().any(|class| code.code().starts_with(class)) {
            Self::Unavailable { message }
        } else {
            Self::Refused { sql: sql.to_owned(), message }
        }
    }
}

/// An error with its causes on one line; `tokio_postgres` alone says little more than "db error".
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
