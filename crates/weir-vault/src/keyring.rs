//! The master keys of an installation: the newest seals, all of them open.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::RwLock;
use zeroize::Zeroizing;

use crate::key::{Key, NONCE_BYTES};
use crate::{Error, file};

const VERSION: &str = "v1";

/// Several master keys, told apart by their ids. A sealed text is `v1.<key id>.<nonce>.<ciphertext>`, the last two in
/// URL-safe base64: AES-256-GCM under a random nonce of 96 bits. One key is good for four thousand million seals.
pub struct Keyring {
    keys: RwLock<Keys>,
    /// Where the keys come from and fresh ones go.
    file: Option<PathBuf>,
}

/// Never empty; the last is the newest.
type Keys = Vec<Arc<Key>>;

impl Keyring {
    /// Reads keys from a text: `id:base64` of 32 bytes each, with commas or line ends between them, the newest last.
    /// The id may be left out. Lines that begin with `#` say nothing.
    ///
    /// # Errors
    /// [`Error::Key`] if there is no key in it or one of them cannot be read; the message holds no part of the text.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        Ok(Self { keys: RwLock::new(read_keys(text)?), file: None })
    }

    /// Reads the keys of a file, which is made with a fresh key and mode 0600 if it is not there.
    ///
    /// # Errors
    /// [`Error::Exposed`] if others than its owner may read the file, [`Error::File`], [`Error::Key`].
    pub fn open_or_create(path: &Path) -> Result<Self, Error> {
        let text = file::read_or_create(path)?;
        Ok(Self { keys: RwLock::new(read_keys(&text)?), file: Some(path.to_owned()) })
    }

    /// Adds a fresh key to the file, which seals from now on; the old ones stay. Answers its id.
    ///
    /// # Errors
    /// [`Error::NoFile`] if the keys do not come from a file, [`Error::File`], [`Error::Exposed`].
    pub fn rotate(&self) -> Result<String, Error> {
        let path = self.file.as_ref().ok_or(Error::NoFile)?;
        *self.keys.write() = read_keys(&file::add_key(path)?)?;
        Ok(self.current_id())
    }

    /// Seals a secret. `context` says where it belongs, such as `credential/<workspace>/<id>`: it is not kept in the
    /// text, and only who knows it can open that.
    pub fn seal(&self, plaintext: &[u8], context: &str) -> String {
        let key = self.newest();
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let ciphertext = key.encrypt(nonce, plaintext, context);
        let (nonce, ciphertext) = (URL_SAFE_NO_PAD.encode(nonce), URL_SAFE_NO_PAD.encode(ciphertext));
        format!("{VERSION}.{}.{nonce}.{ciphertext}", key.id)
    }

    /// What was sealed for this context. The file is read again if the key is not known: another process may have
    /// rotated it.
    ///
    /// # Errors
    /// [`Error::UnknownKey`], [`Error::Tampered`], [`Error::Malformed`]; those of the file if it had to be read.
    pub fn open(&self, sealed: &str, context: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut parts = sealed.split('.');
        let (Some(VERSION), Some(id), Some(nonce), Some(ciphertext), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Error::Malformed);
        };
        let decoded = |text| URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Malformed);
        let nonce = decoded(nonce)?.try_into().map_err(|_| Error::Malformed)?;
        self.named(id)?.decrypt(nonce, &decoded(ciphertext)?, context)
    }

    /// Whether the text is sealed under the newest key.
    pub fn is_current(&self, sealed: &str) -> bool {
        sealed.starts_with(&self.current_prefix())
    }

    /// How every text begins that is sealed under the newest key, for a query that looks for the others.
    pub fn current_prefix(&self) -> String {
        format!("{VERSION}.{}.", self.newest().id)
    }

    /// The id of the newest key.
    pub fn current_id(&self) -> String {
        self.newest().id.clone()
    }

    #[expect(clippy::expect_used, reason = "read_keys refuses to make a keyring without a key")]
    fn newest(&self) -> Arc<Key> {
        Arc::clone(self.keys.read().last().expect("a keyring has a key"))
    }

    fn named(&self, id: &str) -> Result<Arc<Key>, Error> {
        let find = |keys: &Keys| keys.iter().find(|key| key.id == id).map(Arc::clone);
        if let Some(key) = find(&self.keys.read()) {
            return Ok(key);
        }
        let unknown = || Error::UnknownKey(id.chars().take(64).collect());
        let path = self.file.as_ref().ok_or_else(unknown)?;
        // Held while the file is read: what was read before a rotation must not take the place of its keys.
        let mut known = self.keys.write();
        *known = read_keys(&file::read(path)?.ok_or_else(unknown)?)?;
        find(&known).ok_or_else(unknown)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.read();
        let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        f.debug_struct("Keyring").field("keys", &ids).field("file", &self.file).finish()
    }
}

fn read_keys(text: &str) -> Result<Keys, Error> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let entries = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty());
    let keys: Keys = entries.map(|entry| Key::from_text(entry).map(Arc::new)).collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(Error::Key("there is none".to_owned()));
    }
    for (at, key) in keys.iter().enumerate() {
        if keys[..at].iter().any(|other| other.id == key.id) {
            return Err(Error::Key(format!("two keys have the id {}", key.id)));
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests;
