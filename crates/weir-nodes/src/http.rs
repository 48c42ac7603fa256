//! Requests to other systems: what is sent, and what is made of the answer.

pub(crate) mod answer;
pub(crate) mod request_body;

use reqwest::header::{HeaderName, HeaderValue};
use weir_core::node_error::{ErrorClass, NodeError};

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

/// The error of a node whose request got no answer.
pub(crate) fn node_error(error: &weir_outbound::Error) -> NodeError {
    use weir_outbound::Error;

    let (class, source) = match error {
        Error::Refused(_) => (ErrorClass::Refused, "http.allow"),
        Error::Client(_) | Error::Tls(_) => (ErrorClass::Transient, "http"),
        Error::Unsendable { host, .. } | Error::Redirects { host, .. } => (ErrorClass::Invalid, host.as_str()),
        Error::Timeout { host, .. } => (ErrorClass::Timeout, host.as_str()),
        Error::Unreachable { host, .. } | Error::BrokeOff { host, .. } => (ErrorClass::Transient, host.as_str()),
    };
    NodeError::new(class, error.to_string()).with_source(source)
}
