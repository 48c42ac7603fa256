//! Migrations on SQLite; the lock file keeps other processes away.

use rusqlite::Connection;

use crate::{Error, Migration, Statement, args, migration};

use super::connection::{query, run};

pub(super) fn migrate(connection: &Connection, context: &str, migrations: &[Migration]) -> Result<(), Error> {
    script(
        connection,
        "CREATE TABLE IF NOT EXISTS schema_migrations (
            context TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL, applied_at INTEGER NOT NULL,
            PRIMARY KEY (context, version)
        ) STRICT, WITHOUT ROWID",
    )?;
    let applied = query(connection, migration::APPLIED, &args![context])?;
    let applied = applied.first().map_or(Ok(0), |row| row.get(0))?;
    for migration in migration::pending(context, migrations, applied)? {
        script(connection, "BEGIN IMMEDIATE")?;
        let result = apply(connection, context, migration).and_then(|()| script(connection, "COMMIT"));
        if let Err(error) = result {
            // A full disk makes SQLite roll back on its own, and then there is nothing left to roll back.
            if !connection.is_autocommit() {
                script(connection, "ROLLBACK")?;
            }
            return Err(migration.failed(context, &error));
        }
        tracing::info!(context, version = migration.version, name = migration.name, "migrated");
    }
    Ok(())
}

fn apply(connection: &Connection, context: &str, migration: &Migration) -> Result<(), Error> {
    script(connection, migration.sqlite)?;
    let now = chrono::Utc::now();
    run(connection, &Statement::new(migration::APPLY, args![context, migration.version, migration.name, now])).map(drop)
}

fn script(connection: &Connection, sql: &str) -> Result<(), Error> {
    connection.execute_batch(sql).map_err(|error| Error::from_sqlite(&error, sql))
}
