//! Sealing secrets under master keys that are never stored beside them.
//!
//! Invariants: a sealed text opens only under the key it names and only in the context it was sealed for, so that one
//! moved to another row, or changed in any bit, does not open; no error and no `Debug` form holds a key or a secret.
//! Knows nothing of databases or of what is sealed.

mod error;
mod file;
mod key;
mod keyring;

pub use error::Error;
pub use keyring::Keyring;
