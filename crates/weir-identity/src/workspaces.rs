//! The rules of workspaces.

use std::sync::Arc;

use serde_json::json;
use weir_base::{Page, PageRequest, Principal, Role, Timestamp, UserId, WorkspaceId};
use weir_db::{Batch, Row, Statement, args};

use crate::Error;
use crate::api_key::words;
use crate::email::checked_name;
use crate::events::{event, tell};
use crate::identity::{Core, person};
use crate::member;
use crate::user::stored_version;
use crate::views::role;
use crate::workspace::{
    Membership, Quotas, WORKSPACE, WORKSPACE_WIDTH, Workspace, checked_slug, insertion, read_workspace, slug_for,
    stored_amount,
};

/// The workspaces. Cheap to clone.
#[derive(Clone)]
pub struct Workspaces {
    pub(crate) core: Arc<Core>,
}

/// A workspace to be made.
#[derive(Debug, Clone)]
pub struct NewWorkspace {
    /// Its name.
    pub name: String,
    /// Its name in addresses; made from the name without one.
    pub slug: Option<String>,
}

/// What to change of a workspace; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct WorkspaceUpdate {
    /// Its name.
    pub name: Option<String>,
    /// Its name in addresses.
    pub slug: Option<String>,
    /// How much it may use.
    pub quotas: Option<Quotas>,
}

impl Workspaces {
    /// Makes a workspace; whoever asks becomes its admin, if it is a person.
    ///
    /// # Errors
    /// [`Error::SlugTaken`], [`Error::Invalid`].
    pub async fn create(&self, who: &Principal, new: NewWorkspace) -> Result<Workspace, Error> {
        let name = checked_name(&new.name)?;
        let slug = new.slug.as_deref().map_or_else(|| Ok(slug_for(&name)), checked_slug)?;
        let (id, now) = (WorkspaceId::new(), self.core.now());
        let within = Principal { workspace: id, ..who.clone() };
        let mut batch = Batch::from(insertion(id, &name, &slug, now));
        let mut events =
            vec![event(&within, "WorkspaceCreated", subject(id), now, json!({ "name": name, "slug": slug }))];
        if let Some(user) = who.actor.user() {
            batch.push(member::insertion(id, user, Role::Admin, now));
            events.push(member::joined(&within, user, Role::Admin, now));
        }
        batch.push(weir_events::tell(&events));
        self.write(batch, &slug).await?;
        if let Some(user) = who.actor.user() {
            self.core.forget_users(&[user]).await;
        }
        self.get(id).await
    }

    /// The workspaces of whoever asks, the one they joined first at the front.
    ///
    /// # Errors
    /// [`Error::NoPerson`].
    pub async fn mine(&self, who: &Principal) -> Result<Vec<Membership>, Error> {
        let user = person(who)?;
        let query = format!(
            "SELECT {WORKSPACE}, m.role, m.permissions FROM workspaces w JOIN members m ON m.workspace_id = w.id \
             WHERE m.user_id = $1 AND w.deleted_at IS NULL ORDER BY m.joined_at, w.id"
        );
        let rows = self.core.db.query(query, args![user]).await?;
        let read = |row: &Row| {
            let role = role(row.get(WORKSPACE_WIDTH)?, user)?;
            Ok(Membership { workspace: read_workspace(row)?, role, extra: words(row.get(WORKSPACE_WIDTH + 1)?) })
        };
        rows.iter().map(read).collect()
    }

    /// All workspaces of the installation, in the order they were made.
    ///
    /// # Errors
    /// [`Error::Cursor`].
    pub async fn list(&self, page: &PageRequest) -> Result<Page<Workspace>, Error> {
        let after = match &page.cursor {
            Some(cursor) => cursor.decode()?,
            None => WorkspaceId::from_uuid(uuid::Uuid::nil()),
        };
        let query = format!(
            "SELECT {WORKSPACE} FROM workspaces w WHERE w.id > $1 AND w.deleted_at IS NULL ORDER BY w.id LIMIT $2"
        );
        let rows = self.core.db.query(query, args![after, page.limit + 1]).await?;
        let items = rows.iter().map(read_workspace).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |workspace| workspace.id))
    }

    /// One workspace.
    ///
    /// # Errors
    /// [`Error::NoWorkspace`].
    pub async fn get(&self, id: WorkspaceId) -> Result<Workspace, Error> {
        let query = format!("SELECT {WORKSPACE} FROM workspaces w WHERE w.id = $1 AND w.deleted_at IS NULL");
        let rows = self.core.db.query(query, args![id]).await?;
        rows.first().map(read_workspace).transpose()?.ok_or(Error::NoWorkspace(id))
    }

    /// How much the workspace may use; a workspace that is not there may use as much as there is.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn quotas(&self, id: WorkspaceId) -> Result<Quotas, Error> {
        match self.get(id).await {
            Ok(workspace) => Ok(workspace.quotas),
            Err(Error::NoWorkspace(_)) => Ok(Quotas::default()),
            Err(error) => Err(error),
        }
    }

    /// Changes the workspace that is asked in, if it still has the `expected` version (any, without one).
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::SlugTaken`], [`Error::Invalid`], [`Error::NoWorkspace`].
    pub async fn update(
        &self,
        who: &Principal,
        expected: Option<u64>,
        update: WorkspaceUpdate,
    ) -> Result<Workspace, Error> {
        let name = update.name.as_deref().map(checked_name).transpose()?;
        let slug = update.slug.as_deref().map(checked_slug).transpose()?;
        loop {
            let old = self.at(who.workspace, expected).await?;
            let now = self.core.now();
            let name = name.clone().unwrap_or(old.name);
            let slug = slug.clone().unwrap_or(old.slug);
            let quotas = update.quotas.unwrap_or(old.quotas);
            let change = "UPDATE workspaces SET name = $1, slug = $2, executions_per_day = $3, stored_bytes = $4, \
                          version = version + 1, updated_at = $5 WHERE id = $6 AND version = $7 AND deleted_at IS NULL";
            let args = args![
                &name,
                &slug,
                stored_amount(quotas.executions_per_day),
                stored_amount(quotas.stored_bytes),
                now,
                old.id,
                stored_version(old.version)
            ];
            let mut batch = Batch::from(Statement::new(change, args).exactly(1));
            let data = json!({
                "name": name,
                "slug": slug,
                "executions_per_day": quotas.executions_per_day,
                "stored_bytes": quotas.stored_bytes,
            });
            batch.push(tell(event(who, "WorkspaceUpdated", subject(old.id), now, data)));
            match self.write(batch, &slug).await {
                Err(Error::Db(weir_db::Error::Expectation { .. })) => {}
                Err(error) => return Err(error),
                Ok(()) => return self.get(old.id).await,
            }
        }
    }

    /// Deletes the workspace that is asked in: nobody can enter it any more, and its keys open nothing.
    ///
    /// # Errors
    /// [`Error::LastWorkspace`], [`Error::Stale`], [`Error::NoWorkspace`].
    pub async fn delete(&self, who: &Principal, expected: Option<u64>) -> Result<(), Error> {
        let old = self.at(who.workspace, expected).await?;
        let now = self.core.now();
        // One deletion at a time: two would each take the other's workspace for the one that is left.
        let turn = Statement::new("UPDATE installation SET claimed_at = claimed_at", args![]);
        let delete = "UPDATE workspaces SET deleted_at = $1, version = version + 1 WHERE id = $2 AND version = $3 \
                      AND deleted_at IS NULL \
                      AND EXISTS (SELECT 1 FROM workspaces o WHERE o.id <> $2 AND o.deleted_at IS NULL)";
        let delete = Statement::new(delete, args![now, old.id, stored_version(old.version)]).exactly(1);
        let told = event(who, "WorkspaceDeleted", subject(old.id), now, json!({ "name": old.name }));
        match self.core.db.write(vec![turn, delete, tell(told)]).await {
            Ok(_) => {}
            Err(weir_db::Error::Expectation { .. }) => {
                self.at(old.id, Some(old.version)).await?;
                return Err(Error::LastWorkspace);
            }
            Err(error) => return Err(error.into()),
        }
        let query = "SELECT user_id FROM members WHERE workspace_id = $1";
        let rows = self.core.db.query(query, args![old.id]).await?;
        let members = rows.iter().map(|row| Ok(row.get(0)?)).collect::<Result<Vec<UserId>, Error>>()?;
        self.core.forget_users(&members).await;
        Ok(())
    }

    async fn at(&self, id: WorkspaceId, expected: Option<u64>) -> Result<Workspace, Error> {
        let found = self.get(id).await?;
        match expected {
            Some(expected) if expected != found.version => {
                Err(Error::Stale { what: "workspace", version: found.version })
            }
            _ => Ok(found),
        }
    }

    async fn write(&self, batch: Batch, slug: &str) -> Result<(), Error> {
        match self.core.db.write(batch).await {
            Ok(_) => Ok(()),
            Err(weir_db::Error::Unique { .. }) => Err(Error::SlugTaken(slug.to_owned())),
            Err(error) => Err(error.into()),
        }
    }
}

/// The subject of events about a workspace.
pub(crate) fn subject(id: WorkspaceId) -> String {
    format!("workspace/{id}")
}

/// The event of a new workspace.
pub(crate) fn created(who: &Principal, name: &str, at: Timestamp) -> weir_events::DomainEvent {
    event(who, "WorkspaceCreated", subject(who.workspace), at, json!({ "name": name }))
}
