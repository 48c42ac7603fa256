//! Truth and equality of JSON values, as the JavaScript in expressions sees them.

use serde_json::Value;

/// Whether the value counts as true: all but `null`, `false`, `0` and `""`.
pub(crate) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Deep equality where `1` equals `1.0` and the order of an object's keys does not matter.
pub(crate) fn are_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| are_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|found| are_equal(value, found)))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn truth_is_that_of_javascript() {
        for falsy in [json!(null), json!(false), json!(0), json!(-0.0), json!("")] {
            assert!(!is_truthy(&falsy), "{falsy}");
        }
        for truthy in [json!(true), json!(-1), json!(0.1), json!("0"), json!("false"), json!([]), json!({})] {
            assert!(is_truthy(&truthy), "{truthy}");
        }
    }

    #[test]
    fn equality_is_deep_and_looks_at_values_only() {
        assert!(are_equal(&json!({"a": [1, {"b": 2.0}], "c": null}), &json!({"c": null, "a": [1.0, {"b": 2}]})));
        for (one, other) in [(json!(1), json!("1")), (json!([1]), json!([1, 2])), (json!({"a": 1}), json!({"b": 1}))] {
            assert!(!are_equal(&one, &other), "{one} {other}");
        }
        assert!(!are_equal(&json!(9_007_199_254_740_993_u64), &json!("9007199254740993")));
    }
}
