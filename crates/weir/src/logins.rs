//! The keys that `weir login` keeps, one for each server, in a file only its owner can read.

use std::collections::BTreeMap;
use std::fs::{OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use url::Url;

/// Read and written by its owner only.
const OWNER_ONLY: u32 = 0o600;

/// The key for a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    /// Its id, by which it is revoked; unknown for one that was brought along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<String>,
    pub(crate) key: String,
}

/// All keys, by the server's origin.
#[derive(Debug)]
pub(crate) struct Logins {
    file: PathBuf,
    keys: BTreeMap<String, Login>,
}

impl Logins {
    /// Those of this user.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let base = std::env::var_os("XDG_CONFIG_HOME").filter(|base| !base.is_empty()).map(PathBuf::from);
        let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")));
        let base = base.context("neither XDG_CONFIG_HOME nor HOME says where to keep the login")?;
        Self::read(base.join("weir").join("logins.json"))
    }

    fn read(file: PathBuf) -> anyhow::Result<Self> {
        let keys = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} cannot be read: remove it and log in again", file.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        Ok(Self { file, keys })
    }

    /// The key for this server.
    pub(crate) fn of(&self, server: &Url) -> Option<&Login> {
        self.keys.get(&origin(server))
    }

    /// Keeps the key for this server, or forgets it.
    pub(crate) fn set(&mut self, server: &Url, login: Option<Login>) -> anyhow::Result<()> {
        match login {
            Some(login) => self.keys.insert(origin(server), login),
            None => self.keys.remove(&origin(server)),
        };
        let text = serde_json::to_string_pretty(&self.keys)?;
        write_private(&self.file, &text).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

/// Writes a file that nobody else can read, at once and whole.
pub(crate) fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    let mut opened = OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(&new)?;
    // The mode only counts for a file that was not there yet.
    opened.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    opened.write_all(text.as_bytes())?;
    opened.sync_all()?;
    std::fs::rename(&new, file)
}

fn origin(server: &Url) -> String {
    server.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_for_its_server_and_from_other_eyes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weir").join("logins.json");
        let server = Url::parse("https://weir.example.com/some/path").unwrap();
        let mut logins = Logins::read(file.clone()).unwrap();
        assert!(logins.of(&server).is_none());
        logins.set(&server, Some(Login { key_id: None, key: "weir_key".to_owned() })).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
        let mut logins = Logins::read(file.clone()).unwrap();
        assert_eq!(logins.of(&Url::parse("https://weir.example.com").unwrap()).unwrap().key, "weir_key");
        assert!(logins.of(&Url::parse("https://other.example.com").unwrap()).is_none());
        logins.set(&server, None).unwrap();
        assert!(Logins::read(file).unwrap().of(&server).is_none());
    }
}
