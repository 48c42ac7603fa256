//! Instants that lie a param's worth of time after a node was decided on.

use std::ops::RangeInclusive;

use chrono::Duration;
use weir_base::Timestamp;
use weir_core::node_error::NodeError;

use crate::params::within;

/// The longest wait: ten years in seconds.
pub(crate) const LONGEST_WAIT: f64 = 10.0 * 365.25 * 86_400.0;

const SECONDS: RangeInclusive<f64> = 0.0..=LONGEST_WAIT;

/// `seconds` after `now`, to the millisecond.
///
/// # Errors
/// Class `invalid` when that is not between now and ten years from now.
pub(crate) fn after(now: Timestamp, param: &str, seconds: f64) -> Result<Timestamp, NodeError> {
    let seconds = within(param, seconds, SECONDS)?;
    #[expect(clippy::cast_possible_truncation, reason = "ten years of milliseconds fit many times over")]
    let milliseconds = (seconds * 1000.0).round() as i64;
    Ok(now + Duration::milliseconds(milliseconds))
}
