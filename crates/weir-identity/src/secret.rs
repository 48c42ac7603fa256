//! Random secrets, and what is kept of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A fresh secret of 256 bits, 43 characters long.
pub(crate) fn token() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// What is kept of a secret that nobody can guess; a plain hash is enough for such.
pub(crate) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// A password for one use, easy to copy by hand: 100 bits in five groups.
pub(crate) fn one_time_password() -> String {
    /// No letters or digits that look alike.
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters: String =
        rand::random::<[u8; 20]>().iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    let groups: Vec<&str> = (0..20).step_by(4).map(|start| &letters[start..start + 4]).collect();
    groups.join("-")
}
