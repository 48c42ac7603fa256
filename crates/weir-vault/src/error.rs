//! What can go wrong with keys and with what is sealed under them.

use std::path::{Path, PathBuf};

use weir_base::ErrorKind;

/// A failure to read a key or to open what was sealed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text that holds no usable keys.
    #[error("the master key cannot be read: {0}")]
    Key(String),
    /// The key file is there for others to read.
    #[error("{} may be read by others (mode {mode:03o}): run chmod 600 on it", path.display())]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file cannot be read or written.
    #[error("the key file {} cannot be used: {source}", path.display())]
    File {
        /// The key file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The keys come from the settings, where Weir cannot add one.
    #[error("the master key comes from the settings: add a new one there, behind the old ones and a comma")]
    NoFile,
    /// Sealed under a key that this keyring lacks.
    #[error("sealed under master key {0}, which is not configured")]
    UnknownKey(String),
    /// Changed after it was sealed, or moved from where it was sealed for.
    #[error("sealed under master key {0}, and changed or moved since")]
    Tampered(String),
    /// Not a sealed text at all.
    #[error("not a sealed text")]
    Malformed,
}

impl Error {
    /// How a caller must react.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoFile => ErrorKind::Conflict,
            Self::Key(_)
            | Self::Exposed { .. }
            | Self::File { .. }
            | Self::UnknownKey(_)
            | Self::Tampered(_)
            | Self::Malformed => ErrorKind::Internal,
        }
    }

    /// What the operating system says about the key file at `path`.
    pub(crate) fn file(path: &Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path: path.clone(), source }
    }
}
