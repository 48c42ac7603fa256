//! Numbers of fields, written the way people write them: `30`, not `30.0`.

use serde::{Serialize, Serializer};

/// A number that is written without a fraction when it has none.
struct Plain(f64);

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Below 2^53 every whole number is exact in both.
        if self.0.fract() == 0.0 && self.0.abs() < 9_007_199_254_740_992.0 {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

pub(super) fn one<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Plain(*number).serialize(serializer)
}

pub(super) fn optional<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    number.map(Plain).serialize(serializer)
}

pub(super) fn list<S: Serializer>(numbers: &Option<Vec<f64>>, serializer: S) -> Result<S::Ok, S::Error> {
    match numbers {
        Some(numbers) => serializer.collect_seq(numbers.iter().map(|number| Plain(*number))),
        None => serializer.serialize_none(),
    }
}
