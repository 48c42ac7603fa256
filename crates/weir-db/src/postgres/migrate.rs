//! Migrations on PostgreSQL, one process at a time.

use crate::{Error, Migration, args, migration};

use super::connection::Session;

/// Taken for the length of each migration's transaction; "weir" in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(2003134834)";

pub(super) async fn migrate(session: &Session, context: &str, migrations: &[Migration]) -> Result<(), Error> {
    loop {
        session.script("BEGIN").await?;
        let result = next(session, context, migrations).await;
        session.script(if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
        match result? {
            Some(migration) => {
                tracing::info!(context, version = migration.version, name = migration.name, "migrated");
            }
            None => return Ok(()),
        }
    }
}

/// Applies the first migration that is still to come, if any, inside the transaction that is open.
async fn next<'a>(
    session: &Session,
    context: &str,
    migrations: &'a [Migration],
) -> Result<Option<&'a Migration>, Error> {
    session.script(LOCK).await?;
    session
        .script(
            "CREATE TABLE IF NOT EXISTS schema_migrations (
                context text NOT NULL, version bigint NOT NULL, name text NOT NULL, applied_at timestamptz NOT NULL,
                PRIMARY KEY (context, version)
            )",
        )
        .await?;
    let applied = session.query(migration::APPLIED, &[&context]).await?;
    let applied = applied.first().map_or(Ok(0), |row| row.get(0))?;
    let Some(migration) = migration::pending(context, migrations, applied)?.first() else {
        return Ok(None);
    };
    session.script(migration.postgres).await.map_err(|error| migration.failed(context, &error))?;
    let row = args![context, migration.version, migration.name, chrono::Utc::now()];
    let prepared = session.prepare(migration::APPLY).await?;
    session.run(&prepared, &row).await.map_err(|error| Error::from_postgres(&error, migration::APPLY))?;
    Ok(Some(migration))
}
