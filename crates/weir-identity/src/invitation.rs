//! What is known of an invitation.

use uuid::Uuid;
use weir_base::{Role, Timestamp, UserId, WorkspaceId};
use weir_db::{Row, Statement, args};

use crate::Error;
use crate::email::email_key;
use crate::identity::Core;
use crate::secret::digest;

/// Somebody was asked to join a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: Uuid,
    /// To which workspace.
    pub workspace: WorkspaceId,
    /// Whom; nobody else can accept it.
    pub email: String,
    /// As what.
    pub role: Role,
    /// By whom, if it was a person.
    pub invited_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
}

/// What whoever holds an invitation's link may know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// To which workspace.
    pub workspace: String,
    /// Whom.
    pub email: String,
    /// As what.
    pub role: Role,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// Whether the address has an account: then it is accepted after signing in, else by registering.
    pub has_account: bool,
}

const COLUMNS: &str = "id, workspace_id, email, role, invited_by, created_at, expires_at";

/// Statements that end with this touch an invitation only while it can be accepted.
const OPEN: &str = "accepted_at IS NULL AND expires_at > $2";

fn read(row: &Row) -> Result<Invitation, Error> {
    let id: Uuid = row.get(0)?;
    let role: &str = row.get(3)?;
    Ok(Invitation {
        id,
        workspace: row.get(1)?,
        email: row.get(2)?,
        role: role.parse().map_err(|error: weir_base::UnknownRole| Error::Corrupt {
            what: format!("the role of invitation {id}"),
            message: error.to_string(),
        })?,
        invited_by: row.get(4)?,
        created_at: row.get(5)?,
        expires_at: row.get(6)?,
    })
}

impl Core {
    /// The invitation behind a link, if it can be accepted.
    pub(crate) async fn invitation_by_token(&self, token: &str) -> Result<Invitation, Error> {
        let query = format!("SELECT {COLUMNS} FROM invitations WHERE token_hash = $1 AND {OPEN}");
        let rows = self.db.query(query, args![&digest(token)[..], self.now()]).await?;
        rows.first().map(read).transpose()?.ok_or(Error::InvalidLink)
    }

    /// The invitations of an address that can be accepted.
    pub(crate) async fn invitations_by_email(&self, email: &str) -> Result<Vec<Invitation>, Error> {
        let query = format!("SELECT {COLUMNS} FROM invitations WHERE email_key = $1 AND {OPEN} ORDER BY id LIMIT 100");
        self.db.query(query, args![email_key(email), self.now()]).await?.iter().map(read).collect()
    }

    /// The invitations of a workspace that can be accepted, the newest first.
    pub(crate) async fn invitations_of(&self, workspace: WorkspaceId) -> Result<Vec<Invitation>, Error> {
        let query =
            format!("SELECT {COLUMNS} FROM invitations WHERE workspace_id = $1 AND {OPEN} ORDER BY id DESC LIMIT 1000");
        self.db.query(query, args![workspace, self.now()]).await?.iter().map(read).collect()
    }
}

impl Invitation {
    pub(crate) fn insertion(&self, token: &str) -> Statement {
        let insert = "INSERT INTO invitations (id, workspace_id, email, email_key, role, token_hash, invited_by, \
                      created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let args = args![
            self.id,
            self.workspace,
            &self.email,
            email_key(&self.email),
            self.role.as_str(),
            &digest(token)[..],
            self.invited_by,
            self.created_at,
            self.expires_at
        ];
        Statement::new(insert, args)
    }

    /// The statement that takes it up; of two that do so at the same time one fails.
    pub(crate) fn acceptance(&self, now: Timestamp) -> Statement {
        let update = format!("UPDATE invitations SET accepted_at = $2 WHERE id = $1 AND {OPEN}");
        Statement::new(update, args![self.id, now]).exactly(1)
    }
}
