//! The keys that access tokens are signed with: random, sealed in the database, replaced every month. An old key
//! verifies for a day longer than it signs, which is far longer than any token lives.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use parking_lot::RwLock;
use weir_base::Timestamp;
use weir_db::{Statement, args};

use crate::Error;
use crate::identity::Core;

/// How long a key verifies after it has ceased to sign.
const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// Tokens that name an unknown key make the database be asked at most so often.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// A key of this installation.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) encoding: EncodingKey,
    pub(crate) decoding: DecodingKey,
    created_at: Timestamp,
    retires_at: Timestamp,
}

/// The keys this process knows.
#[derive(Default)]
pub(crate) struct SigningKeys {
    known: RwLock<Known>,
    /// Held while they are read: of many who miss a key, one asks.
    loading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    keys: HashMap<String, Arc<SigningKey>>,
    /// The newest.
    newest: Option<Arc<SigningKey>>,
    loaded_at: Option<Timestamp>,
}

impl Core {
    /// The key to sign with.
    pub(crate) async fn signing_key(&self) -> Result<Arc<SigningKey>, Error> {
        if let Some(key) = self.young_key() {
            return Ok(key);
        }
        self.rotate_signing_keys().await?;
        let newest = self.signing.known.read().newest.clone();
        newest.ok_or_else(|| Error::Corrupt {
            what: "the signing key made just now".to_owned(),
            message: "it is not there".to_owned(),
        })
    }

    /// The key that a token names, if it is still good.
    pub(crate) async fn verifying_key(&self, kid: &str) -> Result<Option<Arc<SigningKey>>, Error> {
        let now = self.now();
        let look = |known: &Known| known.keys.get(kid).filter(|key| key.retires_at > now).cloned();
        let fresh = |known: &Known| known.loaded_at.is_some_and(|at| at <= now && now < at + ASKED_EVERY);
        {
            let known = self.signing.known.read();
            if let Some(key) = look(&known) {
                return Ok(Some(key));
            }
            if fresh(&known) {
                return Ok(None);
            }
        }
        let _loading = self.signing.loading.lock().await;
        // Somebody else may have asked meanwhile. What cannot be asked is no answer: the token may be good.
        if !fresh(&self.signing.known.read()) {
            self.load_signing_keys().await?;
        }
        Ok(look(&self.signing.known.read()))
    }

    pub(crate) async fn load_signing_keys(&self) -> Result<(), Error> {
        let now = self.now();
        let query = "SELECT kid, secret, created_at, retires_at FROM signing_keys WHERE retires_at > $1 \
                     ORDER BY created_at, kid";
        let rows = self.db.query(query, args![now]).await?;
        let keys = rows.iter().map(|row| self.unsealed(row).map(Arc::new)).collect::<Result<Vec<_>, Error>>()?;
        let mut known = self.signing.known.write();
        known.newest = keys.last().cloned();
        known.keys = keys.into_iter().map(|key| (key.kid.clone(), key)).collect();
        known.loaded_at = Some(now);
        Ok(())
    }

    /// Makes a new key unless the newest is young. Two processes that do so at the same time make two, both good.
    pub(crate) async fn rotate_signing_keys(&self) -> Result<bool, Error> {
        if self.young_key().is_some() {
            return Ok(false);
        }
        self.load_signing_keys().await?;
        if self.young_key().is_some() {
            return Ok(false);
        }
        let now = self.now();
        let kid = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 9]>());
        let secret: [u8; 32] = rand::random();
        let sealed = self.keyring.seal(&secret, &context(&kid));
        let insert = "INSERT INTO signing_keys (kid, secret, created_at, retires_at) VALUES ($1, $2, $3, $4)";
        let retires_at = now + self.config.signing_key_life + OVERLAP;
        self.db.write(Statement::new(insert, args![kid, sealed, now, retires_at])).await?;
        self.load_signing_keys().await?;
        Ok(true)
    }

    fn young_key(&self) -> Option<Arc<SigningKey>> {
        let oldest = self.now() - self.config.signing_key_life;
        self.signing.known.read().newest.clone().filter(|key| key.created_at > oldest)
    }

    fn unsealed(&self, row: &weir_db::Row) -> Result<SigningKey, Error> {
        let kid: String = row.get(0)?;
        let sealed: String = row.get(1)?;
        let secret = self
            .keyring
            .open(&sealed, &context(&kid))
            .map_err(|error| Error::Corrupt { what: format!("signing key {kid}"), message: error.to_string() })?;
        Ok(SigningKey {
            encoding: EncodingKey::from_secret(&secret),
            decoding: DecodingKey::from_secret(&secret),
            kid,
            created_at: row.get(2)?,
            retires_at: row.get(3)?,
        })
    }
}

pub(crate) fn context(kid: &str) -> String {
    format!("signing_key/{kid}")
}
