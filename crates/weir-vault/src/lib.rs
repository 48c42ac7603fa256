//! Sealing secrets under master keys that are never stored beside them.
