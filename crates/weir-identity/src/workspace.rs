//! What is known of a workspace.

use weir_base::{Permissions, Role, Timestamp, WorkspaceId};
use weir_db::{Row, Statement, args};

use crate::Error;
use crate::user::version;

/// The longest slug, in characters.
const MAX_SLUG: usize = 63;

/// What owns workflows, executions and everything else of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its name.
    pub name: String,
    /// Its name in addresses: lower-case letters, digits and hyphens; unique.
    pub slug: String,
    /// How much it may use.
    pub quotas: Quotas,
    /// Counts every change.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// How much a workspace may use; what is `None` is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quotas {
    /// Executions begun in a day.
    pub executions_per_day: Option<u64>,
    /// Bytes of stored files.
    pub stored_bytes: Option<u64>,
}

/// A workspace of somebody, with what they are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The workspace.
    pub workspace: Workspace,
    /// Their role.
    pub role: Role,
    /// What they may do beyond their role.
    pub extra: Permissions,
}

/// The columns that [`read_workspace`] reads.
pub(crate) const WORKSPACE: &str =
    "w.id, w.name, w.slug, w.executions_per_day, w.stored_bytes, w.version, w.created_at, w.updated_at";

/// So many columns has [`WORKSPACE`].
pub(crate) const WORKSPACE_WIDTH: usize = 8;

pub(crate) fn read_workspace(row: &Row) -> Result<Workspace, Error> {
    Ok(Workspace {
        id: row.get(0)?,
        name: row.get(1)?,
        slug: row.get(2)?,
        quotas: Quotas { executions_per_day: amount(row.get(3)?), stored_bytes: amount(row.get(4)?) },
        version: version(row.get(5)?),
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
    })
}

fn amount(stored: Option<i64>) -> Option<u64> {
    stored.map(i64::unsigned_abs)
}

/// An amount as it is stored; what is beyond the database's integers is as good as no limit.
pub(crate) fn stored_amount(amount: Option<u64>) -> Option<i64> {
    amount.map(|amount| i64::try_from(amount).unwrap_or(i64::MAX))
}

/// The statement that stores a new workspace without limits.
pub(crate) fn insertion(id: WorkspaceId, name: &str, slug: &str, now: Timestamp) -> Statement {
    let insert = "INSERT INTO workspaces (id, name, slug, version, created_at, updated_at) \
                  VALUES ($1, $2, $3, 1, $4, $4)";
    Statement::new(insert, args![id, name, slug, now])
}

/// A slug that may be used.
pub(crate) fn checked_slug(slug: &str) -> Result<String, Error> {
    let allowed = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    if slug.is_empty()
        || slug.len() > MAX_SLUG
        || !slug.chars().all(allowed)
        || slug.starts_with('-')
        || slug.ends_with('-')
    {
        let rule = "must have 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end";
        return Err(Error::Invalid { what: "slug", rule });
    }
    Ok(slug.to_owned())
}

/// A slug made from a name, with an ending that makes it the only one.
pub(crate) fn slug_for(name: &str) -> String {
    let mut slug = String::new();
    for char in name.to_lowercase().chars().take(40) {
        if char.is_ascii_alphanumeric() {
            slug.push(char);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let ending: u32 = rand::random();
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { format!("workspace-{ending:08x}") } else { format!("{slug}-{ending:08x}") }
}
