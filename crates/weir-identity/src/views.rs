//! What every request needs to know of a session, a user or a key: remembered between requests, and forgotten at once
//! when it changes.

use std::fmt::Display;
use std::sync::Arc;

use futures::future::join_all;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use weir_base::{ApiKeyId, Permission, Permissions, Role, SessionId, Timestamp, UserId, WorkspaceId};
use weir_cache::{API_KEY, Backend, Cache, Cached, SESSION, USER};
use weir_db::{Db, args};

use crate::Error;
use crate::api_key::words;
use crate::identity::Core;

/// A session that lasts.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SessionView {
    pub(crate) user: UserId,
    pub(crate) expires_at: Timestamp,
}

/// A user, with what they may do where.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UserView {
    pub(crate) is_active: bool,
    pub(crate) must_change_password: bool,
    pub(crate) is_operator: bool,
    /// The one joined first comes first.
    pub(crate) workspaces: Vec<(WorkspaceId, Permissions)>,
}

/// A key that was not revoked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyView {
    pub(crate) user: UserId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) secret_hash: [u8; 32],
    pub(crate) scopes: Permissions,
    pub(crate) expires_at: Option<Timestamp>,
}

impl UserView {
    /// What they may do in a workspace; nothing tells whether it is there if they are no member.
    pub(crate) fn within(&self, workspace: WorkspaceId) -> Option<Permissions> {
        let (_, own) = self.workspaces.iter().find(|(id, _)| *id == workspace)?;
        Some(self.allowed(*own))
    }

    /// The workspace to be in without naming one.
    pub(crate) fn home(&self) -> Option<(WorkspaceId, Permissions)> {
        self.workspaces.first().map(|(id, own)| (*id, self.allowed(*own)))
    }

    /// Adds what is theirs everywhere; takes everything from who must change their password first.
    pub(crate) fn allowed(&self, own: Permissions) -> Permissions {
        if self.must_change_password {
            Permissions::NONE
        } else if self.is_operator {
            own.or([Permission::InstallationAdmin].into_iter().collect())
        } else {
            own
        }
    }
}

/// What is remembered of each sort.
pub(crate) struct Views {
    sessions: Cached<SessionView>,
    users: Cached<UserView>,
    keys: Cached<KeyView>,
    /// Whether this process has the database to itself, or hears of what others change in it.
    remembers: bool,
}

impl Views {
    pub(crate) fn of(db: &Db, cache: &Cache) -> Self {
        // A SQLite database belongs to this process alone.
        let remembers = db.sqlite().is_some() || cache.health().backend == Backend::Redis;
        Self { sessions: cache.of(SESSION), users: cache.of(USER), keys: cache.of(API_KEY), remembers }
    }

    async fn look<T, F>(
        &self,
        kept: &Cached<T>,
        id: impl Display,
        read: impl FnOnce() -> F,
    ) -> Result<Option<Arc<T>>, Error>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Future<Output = Result<Option<T>, Error>>,
    {
        if self.remembers {
            kept.get_or_load(id, read).await.map_err(Arc::<Error>::unwrap_or_clone)
        } else {
            Ok(Box::pin(read()).await?.map(Arc::new))
        }
    }
}

impl Core {
    pub(crate) async fn session_view(&self, id: SessionId) -> Result<Option<Arc<SessionView>>, Error> {
        let views = &self.views;
        views.look(&views.sessions, id, || self.read_session(id)).await
    }

    pub(crate) async fn user_view(&self, id: UserId) -> Result<Option<Arc<UserView>>, Error> {
        let views = &self.views;
        views.look(&views.users, id, || self.read_user(id)).await
    }

    pub(crate) async fn key_view(&self, id: ApiKeyId) -> Result<Option<Arc<KeyView>>, Error> {
        let views = &self.views;
        views.look(&views.keys, id, || self.read_key(id)).await
    }

    pub(crate) async fn forget_sessions(&self, ids: &[SessionId]) {
        join_all(ids.iter().map(|id| self.views.sessions.invalidate(id))).await;
    }

    pub(crate) async fn forget_users(&self, ids: &[UserId]) {
        join_all(ids.iter().map(|id| self.views.users.invalidate(id))).await;
    }

    pub(crate) async fn forget_key(&self, id: ApiKeyId) {
        self.views.keys.invalidate(id).await;
    }

    async fn read_session(&self, id: SessionId) -> Result<Option<SessionView>, Error> {
        let query = "SELECT user_id, expires_at FROM sessions WHERE id = $1 AND revoked_at IS NULL";
        let rows = self.db.query(query, args![id]).await?;
        rows.first().map(|row| Ok(SessionView { user: row.get(0)?, expires_at: row.get(1)? })).transpose()
    }

    async fn read_user(&self, id: UserId) -> Result<Option<UserView>, Error> {
        let query = "SELECT is_active, must_change_password, is_operator FROM users WHERE id = $1";
        let rows = self.db.query(query, args![id]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let query = "SELECT m.workspace_id, m.role, m.permissions FROM members m \
                     JOIN workspaces w ON w.id = m.workspace_id \
                     WHERE m.user_id = $1 AND w.deleted_at IS NULL ORDER BY m.joined_at, m.workspace_id";
        let members = self.db.query(query, args![id]).await?;
        let workspaces = members
            .iter()
            .map(|row| {
                let role: Role = role(row.get(1)?, id)?;
                Ok((row.get(0)?, role.permissions().or(words(row.get(2)?))))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Some(UserView {
            is_active: row.get(0)?,
            must_change_password: row.get(1)?,
            is_operator: row.get(2)?,
            workspaces,
        }))
    }

    async fn read_key(&self, id: ApiKeyId) -> Result<Option<KeyView>, Error> {
        let query = "SELECT user_id, workspace_id, secret_hash, scopes, expires_at FROM api_keys \
                     WHERE id = $1 AND revoked_at IS NULL";
        let rows = self.db.query(query, args![id]).await?;
        let read = |row: &weir_db::Row| {
            let hash: Vec<u8> = row.get(2)?;
            let secret_hash = <[u8; 32]>::try_from(hash).map_err(|_| Error::Corrupt {
                what: format!("the hash of api key {id}"),
                message: "it has not 32 bytes".to_owned(),
            })?;
            Ok(KeyView {
                user: row.get(0)?,
                workspace: row.get(1)?,
                secret_hash,
                scopes: words(row.get(3)?),
                expires_at: row.get(4)?,
            })
        };
        rows.first().map(read).transpose()
    }
}

/// A role as it is stored.
pub(crate) fn role(word: &str, user: UserId) -> Result<Role, Error> {
    word.parse().map_err(|error: weir_base::UnknownRole| Error::Corrupt {
        what: format!("the role of user {user}"),
        message: error.to_string(),
    })
}
