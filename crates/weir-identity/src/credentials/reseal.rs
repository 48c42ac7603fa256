//! Sealing anew, under the newest master key, what is sealed under another.

use uuid::Uuid;
use weir_db::{Db, Row, Statement, Value, args};
use weir_vault::Keyring;

use crate::Error;

/// So many rows are read and written at once.
const BATCH: usize = 100;

/// A column of texts that a [`Keyring`] sealed. The names are put into SQL as they are: they are the code's own.
#[derive(Debug, Clone, Copy)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// Its key: one column of ids or of texts.
    pub key: &'static str,
    /// The column of sealed texts; null where there is none.
    pub sealed: &'static str,
    /// What is told to `context`.
    pub context_columns: &'static [&'static str],
    /// The context that a row's text was sealed for.
    pub context: fn(&Row) -> Result<String, weir_db::Error>,
}

/// What came of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// So many texts were sealed anew.
    pub changed: u64,
    /// So many could not be opened, and stay as they are; which, is in the log.
    pub unreadable: u64,
}

/// Seals anew what is not sealed under the newest key of `keyring`, a batch of rows in a transaction of its own. What
/// somebody changes meanwhile is left to them. May be cut off and begun again at any time.
///
/// # Errors
/// Those of the database.
pub async fn reseal(db: &Db, keyring: &Keyring, column: &SealedColumn) -> Result<Resealed, Error> {
    let SealedColumn { table, key, sealed, context_columns, context } = column;
    let prefix = keyring.current_prefix();
    let query = format!(
        "SELECT {columns}, {key}, {sealed} FROM {table} WHERE substr({sealed}, 1, {length}) <> $1 \
         ORDER BY {key} LIMIT $2 OFFSET $3",
        columns = context_columns.join(", "),
        length = prefix.len(),
    );
    let update = format!("UPDATE {table} SET {sealed} = $1 WHERE {key} = $2 AND {sealed} = $3");
    let mut outcome = Resealed::default();
    loop {
        // Rows that were sealed anew are not found again; those that cannot be are passed over.
        let passed = i64::try_from(outcome.unreadable).unwrap_or(i64::MAX);
        let rows = db.query(query.clone(), args![&prefix, i64::try_from(BATCH).unwrap_or(i64::MAX), passed]).await?;
        if rows.is_empty() {
            return Ok(outcome);
        }
        let mut changes = Vec::new();
        for row in &rows {
            let (key, old) = (context_columns.len(), context_columns.len() + 1);
            let old: String = row.get(old)?;
            let context = context(row)?;
            match keyring.open(&old, &context) {
                Ok(opened) => changes.push(args![keyring.seal(&opened, &context), key_of(row, key)?, old]),
                Err(error) => {
                    outcome.unreadable += 1;
                    tracing::error!(%table, %context, %error, "a sealed text cannot be opened");
                }
            }
        }
        outcome.changed += db.write(Statement::each(update.clone(), changes)).await?.affected(0);
    }
}

fn key_of(row: &Row, index: usize) -> Result<Value, weir_db::Error> {
    match row.get::<Uuid>(index) {
        Ok(id) => Ok(id.into()),
        Err(_) => row.get::<String>(index).map(Value::from),
    }
}
