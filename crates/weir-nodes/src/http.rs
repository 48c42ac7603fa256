//! Requests to other systems: where they may go, what is sent, and what is made of the answer.

mod access;
pub(crate) mod answer;
mod guard;
mod outbound;
pub(crate) mod request_body;

use reqwest::header::{HeaderName, HeaderValue};
use weir_core::node_error::NodeError;

pub use self::access::{Allowed, HttpAccess, InvalidAllowed};
pub use self::guard::{Refusal, rule_against};
pub use self::outbound::Outbound;

/// The longest value of one header, in bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// A header as it goes over the wire.
///
/// # Errors
/// Class `invalid`, naming the header but not its value, which may be a secret.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), NodeError> {
    let invalid = |what: &str| NodeError::invalid(format!("header {name:?} {what}")).with_source("headers");
    if value.len() > MAX_HEADER_BYTES {
        return Err(invalid(&format!("has a value of more than {MAX_HEADER_BYTES} bytes")));
    }
    let header_name = HeaderName::try_from(name).map_err(|_| invalid("has characters that a name may not have"))?;
    let value = HeaderValue::try_from(value).map_err(|_| invalid("has characters that a value may not have"))?;
    Ok((header_name, value))
}
