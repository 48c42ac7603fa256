//! What is known of a user.

use weir_base::{Timestamp, UserId, WorkspaceId};
use weir_db::{Db, Row, Statement, args};

use crate::Error;
use crate::email::email_key;

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The address, as its owner writes it; unique whatever the case.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// Whether they can sign in.
    pub is_active: bool,
    /// Whether the address is known to be theirs.
    pub email_verified: bool,
    /// Whether they may administer the installation.
    pub is_operator: bool,
    /// Whether they must choose another password before anything else.
    pub must_change_password: bool,
    /// Whether they have a password; people who only come through an identity provider have none.
    pub has_password: bool,
    /// Counts every change.
    pub version: u64,
    /// When they last signed in.
    pub last_login_at: Option<Timestamp>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A user with what only this crate may see.
pub(crate) struct Account {
    pub(crate) user: User,
    pub(crate) password_hash: Option<String>,
    /// The workspace they joined first.
    pub(crate) home: Option<WorkspaceId>,
}

/// The columns that [`read_user`] reads.
pub(crate) const USER: &str = "u.id, u.email, u.name, u.is_active, u.email_verified, u.is_operator, \
                               u.must_change_password, u.password_hash IS NOT NULL, u.version, u.last_login_at, \
                               u.created_at, u.updated_at";

/// So many columns has [`USER`].
pub(crate) const USER_WIDTH: usize = 12;

const HOME: &str = "(SELECT m.workspace_id FROM members m JOIN workspaces w ON w.id = m.workspace_id \
                    WHERE m.user_id = u.id AND w.deleted_at IS NULL ORDER BY m.joined_at, m.workspace_id LIMIT 1)";

pub(crate) fn read_user(row: &Row) -> Result<User, Error> {
    Ok(User {
        id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        is_active: row.get(3)?,
        email_verified: row.get(4)?,
        is_operator: row.get(5)?,
        must_change_password: row.get(6)?,
        has_password: row.get(7)?,
        version: version(row.get(8)?),
        last_login_at: row.get(9)?,
        created_at: row.get(10)?,
        updated_at: row.get(11)?,
    })
}

/// Versions count single changes from 1.
pub(crate) fn version(stored: i64) -> u64 {
    stored.unsigned_abs()
}

/// A version as it is stored.
pub(crate) fn stored_version(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

impl Account {
    pub(crate) async fn by_id(db: &Db, id: UserId) -> Result<Option<Self>, Error> {
        Self::one(db, "u.id = $1", args![id]).await
    }

    pub(crate) async fn by_email(db: &Db, email: &str) -> Result<Option<Self>, Error> {
        Self::one(db, "u.email_key = $1", args![email_key(email)]).await
    }

    async fn one(db: &Db, condition: &str, args: Vec<weir_db::Value>) -> Result<Option<Self>, Error> {
        let query = format!("SELECT {USER}, u.password_hash, {HOME} FROM users u WHERE {condition}");
        let rows = db.query(query, args).await?;
        let read = |row: &Row| {
            Ok(Self { user: read_user(row)?, password_hash: row.get(USER_WIDTH)?, home: row.get(USER_WIDTH + 1)? })
        };
        rows.first().map(read).transpose()
    }
}

/// A user to be stored.
pub(crate) struct NewUser<'a> {
    pub(crate) id: UserId,
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
    pub(crate) password_hash: Option<&'a str>,
    pub(crate) must_change_password: bool,
    pub(crate) email_verified: bool,
    pub(crate) is_operator: bool,
}

impl NewUser<'_> {
    pub(crate) fn insertion(&self, now: Timestamp) -> Statement {
        let insert = "INSERT INTO users (id, email, email_key, password_hash, must_change_password, name, is_active, \
                      email_verified, is_operator, version, created_at, updated_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, TRUE, $7, $8, 1, $9, $9)";
        let args = args![
            self.id,
            self.email,
            email_key(self.email),
            self.password_hash,
            self.must_change_password,
            self.name,
            self.email_verified,
            self.is_operator,
            now
        ];
        Statement::new(insert, args)
    }
}
