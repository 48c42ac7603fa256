//! The rules of API keys.

use std::sync::Arc;

use serde_json::json;
use weir_base::{Actor, ApiKeyId, Page, PageRequest, Permission, Permissions, Principal, Timestamp};
use weir_db::{Batch, Row, Statement, args};

use crate::api_key::{ApiKey, prefix, stored_words, words};
use crate::email::checked_name;
use crate::events::{event, tell};
use crate::identity::{Core, person};
use crate::secret::{digest, token};
use crate::{Denial, Error};

const COLUMNS: &str =
    "id, workspace_id, user_id, name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at";

/// The keys that programs sign in with. Cheap to clone.
#[derive(Clone)]
pub struct ApiKeys {
    pub(crate) core: Arc<Core>,
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// What it is for.
    pub name: String,
    /// What it allows at most.
    pub scopes: Permissions,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

impl ApiKeys {
    /// Makes a key for whoever asks, in their workspace. The text is the key itself, which is nowhere kept. A key made
    /// by means of a key ends with that one at the latest: one that got into wrong hands makes none that outlive it.
    ///
    /// # Errors
    /// [`Error::BeyondOwn`] for a scope that they lack, [`Error::Invalid`], [`Error::NoPerson`].
    pub async fn create(&self, who: &Principal, mut new: NewApiKey) -> Result<(ApiKey, String), Error> {
        let (user, now) = (person(who)?, self.core.now());
        if let Actor::ApiKey { key, .. } = who.actor {
            let own = self.core.key_view(key).await?.ok_or(Denial::Revoked)?;
            new.expires_at = new.expires_at.into_iter().chain(own.expires_at).min();
        }
        within_own(who, new.scopes)?;
        if new.scopes == Permissions::NONE {
            return Err(Error::Invalid { what: "scopes", rule: "must name at least one permission" });
        }
        if new.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::Invalid { what: "expires_at", rule: "must be in the future" });
        }
        let (id, secret) = (ApiKeyId::new(), token());
        let key = ApiKey {
            id,
            workspace: who.workspace,
            user,
            name: checked_name(&new.name)?,
            prefix: prefix(id),
            scopes: new.scopes,
            created_at: now,
            expires_at: new.expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        let insert = "INSERT INTO api_keys (id, workspace_id, user_id, name, prefix, secret_hash, scopes, created_at, \
                      expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let args = args![
            key.id,
            key.workspace,
            user,
            &key.name,
            &key.prefix,
            &digest(&secret)[..],
            stored_words(key.scopes),
            now,
            key.expires_at
        ];
        let mut batch = Batch::from(Statement::new(insert, args));
        batch.push(tell(event(who, "ApiKeyCreated", subject(id), now, json!({ "name": key.name, "user": user }))));
        self.core.db.write(batch).await?;
        let text = format!("{}_{secret}", key.prefix);
        Ok((key, text))
    }

    /// One's own keys in the workspace, or, for who may see them, those of everybody; revoked ones as well. The newest
    /// first.
    ///
    /// # Errors
    /// [`Error::Cursor`], [`Error::NoPerson`].
    pub async fn list(&self, who: &Principal, page: &PageRequest) -> Result<Page<ApiKey>, Error> {
        let before = match &page.cursor {
            Some(cursor) => cursor.decode()?,
            None => ApiKeyId::from_uuid(uuid::Uuid::max()),
        };
        let limit = page.limit + 1;
        let rows = if who.may(Permission::KeyAll) {
            let query =
                format!("SELECT {COLUMNS} FROM api_keys WHERE workspace_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
            self.core.db.query(query, args![who.workspace, before, limit]).await?
        } else {
            let query = format!(
                "SELECT {COLUMNS} FROM api_keys WHERE workspace_id = $1 AND id < $2 AND user_id = $4 \
                 ORDER BY id DESC LIMIT $3"
            );
            self.core.db.query(query, args![who.workspace, before, limit, person(who)?]).await?
        };
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |key| key.id))
    }

    /// One key, one's own or, for who may see it, somebody else's.
    ///
    /// # Errors
    /// [`Error::NoApiKey`].
    pub async fn get(&self, who: &Principal, id: ApiKeyId) -> Result<ApiKey, Error> {
        let query = format!("SELECT {COLUMNS} FROM api_keys WHERE workspace_id = $1 AND id = $2");
        let rows = self.core.db.query(query, args![who.workspace, id]).await?;
        let key = rows.first().map(read).transpose()?;
        let visible = |key: &ApiKey| who.may(Permission::KeyAll) || who.actor.user() == Some(key.user);
        key.filter(visible).ok_or(Error::NoApiKey(id))
    }

    /// Ends a key at once. Ending one that has ended changes nothing.
    ///
    /// # Errors
    /// [`Error::NoApiKey`].
    pub async fn revoke(&self, who: &Principal, id: ApiKeyId) -> Result<(), Error> {
        let (key, now) = (self.get(who, id).await?, self.core.now());
        let update = "UPDATE api_keys SET revoked_at = $1 WHERE workspace_id = $2 AND id = $3 AND revoked_at IS NULL";
        let mut batch = Batch::from(Statement::new(update, args![now, who.workspace, id]).exactly(1));
        batch.push(tell(event(who, "ApiKeyRevoked", subject(id), now, json!({ "name": key.name, "user": key.user }))));
        match self.core.db.write(batch).await {
            Ok(_) | Err(weir_db::Error::Expectation { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.core.forget_key(id).await;
        Ok(())
    }
}

/// Refuses rights that whoever asks lacks.
pub(crate) fn within_own(who: &Principal, wanted: Permissions) -> Result<(), Error> {
    match wanted.iter().find(|permission| !who.may(*permission)) {
        Some(beyond) => Err(Error::BeyondOwn(beyond)),
        None => Ok(()),
    }
}

fn subject(id: ApiKeyId) -> String {
    format!("api_key/{id}")
}

fn read(row: &Row) -> Result<ApiKey, Error> {
    Ok(ApiKey {
        id: row.get(0)?,
        workspace: row.get(1)?,
        user: row.get(2)?,
        name: row.get(3)?,
        prefix: row.get(4)?,
        scopes: words(row.get(5)?),
        created_at: row.get(6)?,
        expires_at: row.get(7)?,
        last_used_at: row.get(8)?,
        revoked_at: row.get(9)?,
    })
}
