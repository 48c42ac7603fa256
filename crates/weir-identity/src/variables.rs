//! Variables: values of a workspace that its workflows read, told apart by their names.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use weir_base::{Clock, Cursor, Page, PageRequest, Principal, Timestamp, WorkspaceId};
use weir_db::{Batch, Db, Row, Statement, args};
use weir_events::{DomainEvent, tell};

use crate::Error;

/// The most variables a workspace may have.
pub const MAX_VARIABLES: usize = 1000;

/// The most bytes a value may have, as JSON.
pub const MAX_VARIABLE_BYTES: usize = 64 * 1024;

/// The most bytes all values of a workspace may have together: each execution starts with all of them.
pub const MAX_VARIABLES_BYTES: usize = 1024 * 1024;

const MAX_NAME_CHARS: usize = 100;

const COLUMNS: &str = "name, value, version, created_at, updated_at";

/// A value with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// As an identifier of JavaScript: ASCII letters, digits, `_` and `$`, not beginning with a digit.
    pub name: String,
    /// Its value; no secret, as everybody in the workspace may read it.
    pub value: Value,
    /// Counts every change, from 1.
    pub version: u64,
    /// When it was first set.
    pub created_at: Timestamp,
    /// When it was last set.
    pub updated_at: Timestamp,
}

/// The variables of all workspaces. Cheap to clone.
#[derive(Clone)]
pub struct Variables {
    db: Db,
    clock: Arc<dyn Clock>,
}

impl Variables {
    /// Variables in a database that [`MIGRATIONS`](crate::MIGRATIONS) were applied to.
    pub const fn new(db: Db, clock: Arc<dyn Clock>) -> Self {
        Self { db, clock }
    }

    /// The variables of a workspace, by name.
    ///
    /// # Errors
    /// [`Error::Cursor`], and those of the database.
    pub async fn list(&self, workspace: WorkspaceId, page: &PageRequest) -> Result<Page<Variable>, Error> {
        let after: String = page.cursor.as_ref().map_or_else(|| Ok(String::new()), Cursor::decode)?;
        let query =
            format!("SELECT {COLUMNS} FROM variables WHERE workspace_id = $1 AND name > $2 ORDER BY name LIMIT $3");
        let rows = self.db.query(query, args![workspace, after, page.limit + 1]).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |item| item.name.clone()))
    }

    /// A variable.
    ///
    /// # Errors
    /// [`Error::NoVariable`].
    pub async fn get(&self, workspace: WorkspaceId, name: &str) -> Result<Variable, Error> {
        self.find(workspace, name).await?.ok_or_else(|| Error::NoVariable(name.to_owned()))
    }

    /// All values of a workspace by their names, as an execution starts with them. One read by the primary key: what
    /// one process sets, the next execution has in all of them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn all(&self, workspace: WorkspaceId) -> Result<Map<String, Value>, Error> {
        let query = format!("SELECT {COLUMNS} FROM variables WHERE workspace_id = $1 ORDER BY name");
        let rows = self.db.query(query, args![workspace]).await?;
        rows.iter().map(|row| read(row).map(|variable| (variable.name, variable.value))).collect()
    }

    /// Sets a variable, which is made if it is not there. With `expected`, only if it still has that version; 0 means
    /// that it must not be there.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the name is no identifier, [`Error::VariableTooLarge`], [`Error::TooManyVariables`] if
    /// the workspace would have more than [`MAX_VARIABLES`] or [`MAX_VARIABLES_BYTES`], [`Error::Stale`].
    pub async fn set(
        &self,
        who: &Principal,
        name: &str,
        value: Value,
        expected: Option<u64>,
    ) -> Result<Variable, Error> {
        check_name(name)?;
        let text = value.to_string();
        if text.len() > MAX_VARIABLE_BYTES {
            return Err(Error::VariableTooLarge { bytes: text.len() });
        }
        loop {
            let current = self.expected(who.workspace, name, expected).await?;
            self.check_room(who.workspace, name, text.len()).await?;
            let now = self.clock.now();
            let seen = current.as_ref().map_or(0, |current| current.version);
            let statement = if seen == 0 {
                let insert = "INSERT INTO variables (workspace_id, name, value, version, created_at, updated_at) \
                              VALUES ($1, $2, $3, 1, $4, $4) ON CONFLICT DO NOTHING";
                Statement::new(insert, args![who.workspace, name, &text, now])
            } else {
                let update = "UPDATE variables SET value = $1, version = version + 1, updated_at = $2 \
                              WHERE workspace_id = $3 AND name = $4 AND version = $5";
                Statement::new(update, args![&text, now, who.workspace, name, stored_version(seen)])
            };
            if self.write(who, "VariableSet", name, now, statement).await? {
                let created_at = current.map_or(now, |current| current.created_at);
                let name = name.to_owned();
                return Ok(Variable { name, value, version: seen + 1, created_at, updated_at: now });
            }
        }
    }

    /// Removes a variable, if it still has version `expected` or none is expected.
    ///
    /// # Errors
    /// [`Error::NoVariable`], [`Error::Stale`].
    pub async fn delete(&self, who: &Principal, name: &str, expected: Option<u64>) -> Result<(), Error> {
        loop {
            let current = self.get(who.workspace, name).await?;
            check_version(current.version, expected)?;
            let delete = "DELETE FROM variables WHERE workspace_id = $1 AND name = $2 AND version = $3";
            let statement = Statement::new(delete, args![who.workspace, name, stored_version(current.version)]);
            if self.write(who, "VariableDeleted", name, self.clock.now(), statement).await? {
                return Ok(());
            }
        }
    }

    async fn find(&self, workspace: WorkspaceId, name: &str) -> Result<Option<Variable>, Error> {
        // No variable has such a name, and PostgreSQL takes no NUL in one.
        if check_name(name).is_err() {
            return Ok(None);
        }
        let query = format!("SELECT {COLUMNS} FROM variables WHERE workspace_id = $1 AND name = $2");
        self.db.query(query, args![workspace, name]).await?.first().map(read).transpose()
    }

    async fn expected(
        &self,
        workspace: WorkspaceId,
        name: &str,
        expected: Option<u64>,
    ) -> Result<Option<Variable>, Error> {
        let current = self.find(workspace, name).await?;
        check_version(current.as_ref().map_or(0, |current| current.version), expected)?;
        Ok(current)
    }

    /// Two who set variables at the same moment may both find room for the last one: the bound is there to keep
    /// executions small, and one more does no harm.
    async fn check_room(&self, workspace: WorkspaceId, name: &str, bytes: usize) -> Result<(), Error> {
        let query = "SELECT count(*), COALESCE(sum(octet_length(value)), 0) FROM variables \
                     WHERE workspace_id = $1 AND name <> $2";
        let rows = self.db.query(query, args![workspace, name]).await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let (others, taken): (i64, i64) = (row.get(0)?, row.get(1)?);
        let fits = |others: i64, more: usize, most: usize| {
            usize::try_from(others).is_ok_and(|others| others.saturating_add(more) <= most)
        };
        if fits(others, 1, MAX_VARIABLES) && fits(taken, bytes, MAX_VARIABLES_BYTES) {
            Ok(())
        } else {
            Err(Error::TooManyVariables)
        }
    }

    /// Whether the statement found what it was to change.
    async fn write(
        &self,
        who: &Principal,
        kind: &str,
        name: &str,
        at: Timestamp,
        statement: Statement,
    ) -> Result<bool, Error> {
        let told = DomainEvent::by(who, kind, format!("variable/{name}"), at, json!({ "name": name }));
        match self.db.write(Batch::from(vec![statement.exactly(1), tell(&[told])])).await {
            Ok(_) => Ok(true),
            Err(weir_db::Error::Expectation { statement: 0, .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$');
    let fits = name.bytes().next().as_ref().is_some_and(begins)
        && name.bytes().all(|byte| begins(&byte) || byte.is_ascii_digit())
        && name.len() <= MAX_NAME_CHARS
        // What this means in JavaScript is another thing than a value.
        && name != "__proto__";
    let rule = "has 1 to 100 ASCII letters, digits, _ and $, and does not begin with a digit";
    if fits { Ok(()) } else { Err(Error::Invalid { what: "name", rule }) }
}

fn check_version(version: u64, expected: Option<u64>) -> Result<(), Error> {
    match expected {
        Some(expected) if expected != version => Err(Error::Stale { what: "variable", version }),
        _ => Ok(()),
    }
}

/// Versions count single changes: they never come near the end of the database's integers.
fn stored_version(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn read(row: &Row) -> Result<Variable, Error> {
    let name: String = row.get(0)?;
    let value: &str = row.get(1)?;
    let version: i64 = row.get(2)?;
    Ok(Variable {
        value: serde_json::from_str(value)
            .map_err(|error| Error::Corrupt { what: format!("variable {name}"), message: error.to_string() })?,
        name,
        version: version.unsigned_abs(),
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
    })
}
