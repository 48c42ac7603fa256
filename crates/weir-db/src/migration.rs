//! Forward-only changes of the tables, by context.

use crate::Error;

/// One step of a context's tables; once released it never changes.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Counts up from 1 within the context.
    pub version: u32,
    /// A few words, as in the file name.
    pub name: &'static str,
    /// The script for SQLite; may hold many statements.
    pub sqlite: &'static str,
    /// The script for PostgreSQL; may hold many statements.
    pub postgres: &'static str,
}

/// The version of a context's tables.
pub(crate) const APPLIED: &str = "SELECT COALESCE(MAX(version), 0) FROM schema_migrations WHERE context = $1";

/// Notes that a migration was applied.
pub(crate) const APPLY: &str =
    "INSERT INTO schema_migrations (context, version, name, applied_at) VALUES ($1, $2, $3, $4)";

/// The migrations newer than `applied`, which is 0 for a database without any.
pub(crate) fn pending<'a>(context: &str, all: &'a [Migration], applied: i64) -> Result<&'a [Migration], Error> {
    debug_assert!(all.is_sorted_by(|a, b| a.version < b.version), "migrations of {context} are out of order");
    let known = all.last().map_or(0, |last| last.version);
    if applied > known.into() {
        return Err(Error::Newer { context: context.to_owned(), found: applied, known });
    }
    Ok(&all[all.partition_point(|migration| i64::from(migration.version) <= applied)..])
}

impl Migration {
    pub(crate) fn failed(&self, context: &str, error: &Error) -> Error {
        match error {
            Error::Unavailable { .. } | Error::DiskFull { .. } | Error::Closed => error.clone(),
            Error::Refused { message, .. } => self.refused(context, message.clone()),
            error => self.refused(context, error.to_string()),
        }
    }

    fn refused(&self, context: &str, message: String) -> Error {
        Error::Migration { context: context.to_owned(), version: self.version, name: self.name, message }
    }
}
