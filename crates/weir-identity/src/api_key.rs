//! What an API key looks like, and what is known of one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use weir_base::{ApiKeyId, Permission, Permissions, Timestamp, UserId, WorkspaceId};

use crate::secret::digest;

/// How every key begins.
pub(crate) const PREFIX: &str = "weir_";

/// Characters of the id in a key.
const ID_CHARS: usize = 22;

/// Characters of the secret in a key.
const SECRET_CHARS: usize = 43;

/// A key that programs sign in with; its secret is known only to whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The only workspace it opens.
    pub workspace: WorkspaceId,
    /// Whose it is: it never allows more than they are allowed.
    pub user: UserId,
    /// What it is for.
    pub name: String,
    /// How it begins, to tell it from others.
    pub prefix: String,
    /// What it allows at most.
    pub scopes: Permissions,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A key as a request came with it.
pub(crate) struct Presented {
    pub(crate) id: ApiKeyId,
    pub(crate) hash: [u8; 32],
}

/// The beginning of a key: all of it but the secret.
pub(crate) fn prefix(id: ApiKeyId) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(id.as_uuid().as_bytes()))
}

/// Reads a key; nothing if it has another form.
pub(crate) fn presented(text: &str) -> Option<Presented> {
    // Both parts may contain the underscore that stands between them: places are what counts.
    let rest = text.strip_prefix(PREFIX).filter(|rest| rest.is_ascii() && rest.len() == ID_CHARS + 1 + SECRET_CHARS)?;
    let (id, secret) = rest.split_at(ID_CHARS);
    let secret = secret.strip_prefix('_')?;
    let id = URL_SAFE_NO_PAD.decode(id).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok())?;
    Some(Presented { id: ApiKeyId::from_uuid(id), hash: digest(secret) })
}

/// Permissions from their stored form. A word that a newer Weir wrote allows nothing here.
pub(crate) fn words(stored: &str) -> Permissions {
    stored.split_whitespace().filter_map(|word| word.parse::<Permission>().ok()).collect()
}

/// Permissions in their stored form.
pub(crate) fn stored_words(permissions: Permissions) -> String {
    permissions.iter().map(Permission::as_str).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::token;

    #[test]
    fn a_key_is_read_back_and_nothing_else_is() {
        let id = ApiKeyId::new();
        let secret = token();
        let key = format!("{}_{secret}", prefix(id));
        let read = presented(&key).unwrap();
        assert_eq!((read.id, read.hash), (id, digest(&secret)));
        assert!(presented(&key[..key.len() - 1]).is_none());
        assert!(presented(&format!("{key}x")).is_none());
        assert!(presented("weir_").is_none());
        assert!(presented(&key.replacen("weir_", "weir-", 1)).is_none());
        assert!(presented(&format!("weir_{}", "é".repeat(33))).is_none());
    }
}
