//! What goes over the wire.

pub(crate) mod binary;
pub(crate) mod json;
