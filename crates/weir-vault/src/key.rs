//! One master key: its name, and sealing under it.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Error;

const KEY_BYTES: usize = 32;
pub(crate) const NONCE_BYTES: usize = 12;
const MAX_ID_CHARS: usize = 32;

/// As `openssl rand -base64 32` writes it, with or without the padding.
const KEY_TEXT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key for AES-256-GCM, wiped from memory when it is dropped.
pub(crate) struct Key {
    pub(crate) id: String,
    cipher: Aes256Gcm,
}

impl Key {
    /// Reads `id:base64`, or the base64 alone.
    pub(crate) fn from_text(text: &str) -> Result<Self, Error> {
        let (id, encoded) = match text.split_once(':') {
            Some((id, encoded)) => (Some(id.trim()), encoded.trim()),
            None => (None, text.trim()),
        };
        let bytes = KEY_TEXT
            .decode(encoded)
            .map(Zeroizing::new)
            .map_err(|_| Error::Key("expected base64, such as `openssl rand -base64 32` prints".to_owned()))?;
        let bytes: &[u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| {
            Error::Key(format!("a key of {} bytes was given where {KEY_BYTES} are expected", bytes.len()))
        })?;
        let id = id.map_or_else(|| fingerprint(bytes), str::to_owned);
        let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
        if id.is_empty() || id.len() > MAX_ID_CHARS || !id.chars().all(allowed) {
            return Err(Error::Key(format!(
                "the id of a key has 1 to {MAX_ID_CHARS} letters, digits, - and _ before its colon"
            )));
        }
        Ok(Self { id, cipher: Aes256Gcm::new(bytes.into()) })
    }

    /// The text of a fresh key, as [`from_text`](Self::from_text) reads it.
    pub(crate) fn fresh_text() -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(bytes.as_mut_slice());
        let encoded = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
        Zeroizing::new(format!("{}:{}", fingerprint(&bytes), encoded.as_str()))
    }

    #[expect(clippy::expect_used, reason = "AES-GCM refuses plaintexts over 64 GiB alone, which no memory holds here")]
    pub(crate) fn encrypt(&self, nonce: [u8; NONCE_BYTES], plaintext: &[u8], context: &str) -> Vec<u8> {
        let payload = Payload { msg: plaintext, aad: context.as_bytes() };
        self.cipher.encrypt(&Nonce::from(nonce), payload).expect("a plaintext that fits into memory")
    }

    pub(crate) fn decrypt(
        &self,
        nonce: [u8; NONCE_BYTES],
        ciphertext: &[u8],
        context: &str,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let payload = Payload { msg: ciphertext, aad: context.as_bytes() };
        let opened = self.cipher.decrypt(&Nonce::from(nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| Error::Tampered(self.id.clone()))
    }
}

/// A name for a key that was given none: the same for the same key, and of no help in finding it.
fn fingerprint(key: &[u8; KEY_BYTES]) -> String {
    let hash = Sha256::new().chain_update(b"weir master key").chain_update(key).finalize();
    hash[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}
