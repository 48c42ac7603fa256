//! The rules of members.

use std::sync::Arc;

use serde_json::json;
use weir_base::{Page, PageRequest, Permission, Permissions, Principal, Role, UserId, WorkspaceId};
use weir_db::{Batch, Statement, Written, args};

use crate::Error;
use crate::api_key::stored_words;
use crate::api_keys::within_own;
use crate::events::{event, tell};
use crate::identity::Core;
use crate::member::{MEMBER, Member, read_member, subject};
use crate::user::stored_version;

/// Who belongs to which workspace, and who is invited. Cheap to clone.
#[derive(Clone)]
pub struct Members {
    pub(crate) core: Arc<Core>,
}

/// What to change of a member; what is `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemberUpdate {
    /// Their role.
    pub role: Option<Role>,
    /// What they may do beyond it.
    pub extra: Option<Permissions>,
}

/// Where in the batch of a removal keys are revoked.
const REVOKED: usize = 3;

/// Whether another active admin is in workspace $1 than user $2.
const ANOTHER_ADMIN: &str = "EXISTS (SELECT 1 FROM members o JOIN users u ON u.id = o.user_id \
                             WHERE o.workspace_id = $1 AND o.user_id <> $2 AND o.role = 'admin' AND u.is_active)";

impl Members {
    /// The members of a workspace, in the order of their ids.
    ///
    /// # Errors
    /// [`Error::Cursor`].
    pub async fn list(&self, workspace: WorkspaceId, page: &PageRequest) -> Result<Page<Member>, Error> {
        let after = match &page.cursor {
            Some(cursor) => cursor.decode()?,
            None => UserId::from_uuid(uuid::Uuid::nil()),
        };
        let query = format!(
            "SELECT {MEMBER} FROM members m JOIN users u ON u.id = m.user_id \
             WHERE m.workspace_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3"
        );
        let rows = self.core.db.query(query, args![workspace, after, page.limit + 1]).await?;
        let items = rows.iter().map(read_member).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |member| member.user))
    }

    /// One member.
    ///
    /// # Errors
    /// [`Error::NoMember`].
    pub async fn get(&self, workspace: WorkspaceId, user: UserId) -> Result<Member, Error> {
        let query = format!(
            "SELECT {MEMBER} FROM members m JOIN users u ON u.id = m.user_id \
             WHERE m.workspace_id = $1 AND m.user_id = $2"
        );
        let rows = self.core.db.query(query, args![workspace, user]).await?;
        rows.first().map(read_member).transpose()?.ok_or(Error::NoMember(user))
    }

    /// Changes role or rights of a member, if they still have the `expected` version (any, without one). Nobody gives
    /// or takes rights that they lack themselves.
    ///
    /// # Errors
    /// [`Error::BeyondOwn`], [`Error::LastAdmin`], [`Error::Stale`], [`Error::NoMember`].
    pub async fn update(
        &self,
        who: &Principal,
        user: UserId,
        expected: Option<u64>,
        update: MemberUpdate,
    ) -> Result<Member, Error> {
        loop {
            let old = self.at(who.workspace, user, expected).await?;
            let role = update.role.unwrap_or(old.role);
            let extra = update.extra.unwrap_or(old.extra);
            within_own(who, old.permissions())?;
            within_own(who, role.permissions().or(extra))?;
            if extra.allow(Permission::InstallationAdmin) {
                let rule = "must not hold installation:admin, which belongs to operators and to no workspace";
                return Err(Error::Invalid { what: "permissions", rule });
            }
            let mut change = "UPDATE members SET role = $3, permissions = $4, version = version + 1 \
                              WHERE workspace_id = $1 AND user_id = $2 AND version = $5"
                .to_owned();
            if role != Role::Admin {
                change.push_str(&format!(" AND (role <> 'admin' OR {ANOTHER_ADMIN})"));
            }
            let version = stored_version(old.version);
            let args = args![who.workspace, user, role.as_str(), stored_words(extra), version];
            let data = json!({
                "user": user,
                "role": role.as_str(),
                "permissions": extra.iter().map(Permission::as_str).collect::<Vec<_>>(),
            });
            let told = event(who, "MemberUpdated", subject(who.workspace, user), self.core.now(), data);
            // What they promised others may be beyond what they may do from now on.
            let promises = take_back_all(who.workspace, user);
            if self.change(who.workspace, Statement::new(change, args), vec![promises], told).await?.is_some() {
                self.core.forget_users(&[user]).await;
                return self.get(who.workspace, user).await;
            }
            self.refuse_if_last(&old, user, who.workspace).await?;
        }
    }

    /// Takes somebody out of the workspace. Their keys open nothing any more.
    ///
    /// # Errors
    /// [`Error::BeyondOwn`] for somebody with more rights, [`Error::LastAdmin`], [`Error::NoMember`].
    pub async fn remove(&self, who: &Principal, user: UserId) -> Result<(), Error> {
        loop {
            let old = self.at(who.workspace, user, None).await?;
            within_own(who, old.permissions())?;
            let delete = format!(
                "DELETE FROM members WHERE workspace_id = $1 AND user_id = $2 AND version = $3 \
                 AND (role <> 'admin' OR {ANOTHER_ADMIN})"
            );
            let delete = Statement::new(delete, args![who.workspace, user, stored_version(old.version)]);
            let now = self.core.now();
            let told = event(who, "MemberRemoved", subject(who.workspace, user), now, json!({ "user": user }));
            // Neither an invitation nor a key may bring them back.
            let keys = "UPDATE api_keys SET revoked_at = $1 \
                        WHERE workspace_id = $2 AND user_id = $3 AND revoked_at IS NULL RETURNING id";
            let keys = Statement::new(keys, args![now, who.workspace, user]);
            let rest = vec![take_back_all(who.workspace, user), keys];
            if let Some(written) = self.change(who.workspace, delete, rest, told).await? {
                for row in written.rows(REVOKED) {
                    self.core.forget_key(row.get(0)?).await;
                }
                self.core.forget_users(&[user]).await;
                return Ok(());
            }
            self.refuse_if_last(&old, user, who.workspace).await?;
        }
    }

    /// Makes the change with the rest, unless it touches no row. One at a time in a workspace: two admins who remove each other must
    /// not both see the other as the one who stays.
    async fn change(
        &self,
        workspace: WorkspaceId,
        change: Statement,
        rest: Vec<Statement>,
        told: weir_events::DomainEvent,
    ) -> Result<Option<Written>, Error> {
        let turn = Statement::new("UPDATE workspaces SET updated_at = updated_at WHERE id = $1", args![workspace]);
        let mut batch = Batch::from(vec![turn, change.exactly(1)]);
        rest.into_iter().for_each(|statement| batch.push(statement));
        batch.push(tell(told));
        match self.core.db.write(batch).await {
            Ok(written) => Ok(Some(written)),
            Err(weir_db::Error::Expectation { statement: 1, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A change that touched nothing came upon a member who was changed meanwhile, or who is the last admin.
    async fn refuse_if_last(&self, old: &Member, user: UserId, workspace: WorkspaceId) -> Result<(), Error> {
        let now = self.get(workspace, user).await?;
        if now.version == old.version { Err(Error::LastAdmin) } else { Ok(()) }
    }

    async fn at(&self, workspace: WorkspaceId, user: UserId, expected: Option<u64>) -> Result<Member, Error> {
        let found = self.get(workspace, user).await?;
        match expected {
            Some(expected) if expected != found.version => Err(Error::Stale { what: "member", version: found.version }),
            _ => Ok(found),
        }
    }
}

/// Takes back the open invitations that somebody made.
fn take_back_all(workspace: WorkspaceId, inviter: UserId) -> Statement {
    let delete = "DELETE FROM invitations WHERE workspace_id = $1 AND invited_by = $2 AND accepted_at IS NULL";
    Statement::new(delete, args![workspace, inviter])
}
