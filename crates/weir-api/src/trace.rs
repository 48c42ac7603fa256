//! The id under which a request is found again: the caller's own trace when it brought one, a fresh one otherwise.

use axum::http::{HeaderMap, HeaderValue};

/// 32 lower-case hexadecimal digits, as W3C Trace Context writes a trace id.
#[derive(Debug, Clone)]
pub(crate) struct TraceId([u8; 32]);

impl TraceId {
    /// The trace of a request with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        headers.get("traceparent").and_then(|parent| Self::from_parent(parent.as_bytes())).unwrap_or_else(Self::random)
    }

    /// The digits.
    pub(crate) fn as_str(&self) -> &str {
        // Only hexadecimal digits are ever put in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The digits as a header.
    pub(crate) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or(HeaderValue::from_static("0"))
    }

    /// The trace id within `00-{32 digits}-{16 digits}-{2 digits}`.
    fn from_parent(parent: &[u8]) -> Option<Self> {
        let digits: [u8; 32] = parent.get(3..35)?.try_into().ok()?;
        let shaped = parent.len() >= 55 && parent[2] == b'-' && parent[35] == b'-';
        let valid = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        (shaped && valid && digits != [b'0'; 32]).then_some(Self(digits))
    }

    fn random() -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut rest: u128 = rand::random();
        Self(std::array::from_fn(|_| {
            let digit = DIGITS[(rest & 15) as usize];
            rest >>= 4;
            digit
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(parent: &'static str) -> TraceId {
        TraceId::of(&HeaderMap::from_iter([("traceparent".parse().unwrap(), HeaderValue::from_static(parent))]))
    }

    #[test]
    fn the_callers_trace_is_kept_and_nonsense_is_replaced() {
        let known = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").as_str(), known);
        for nonsense in ["", "00-xyz", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
            let fresh = trace(nonsense);
            assert_eq!(fresh.as_str().len(), 32);
            assert_ne!(fresh.as_str(), known);
        }
    }
}
