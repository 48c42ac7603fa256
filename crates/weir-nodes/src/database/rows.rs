//! The rows of an answer as JSON, up to their limits.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Number, Value};

use super::error::Error;

/// The most an answer may hold, in bytes of its values as JSON.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The largest integer that every reader of JSON reads exactly.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The digits that a number of JSON keeps, whatever they are.
const SAFE_DIGITS: usize = 15;

/// A column of the answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The type's name in the database's own words.
    #[serde(rename = "type")]
    pub(crate) ty: String,
}

/// What came of a query.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Map<String, Value>>,
    /// The rows changed, for a query that changes any.
    pub(crate) affected: Option<u64>,
    /// Whether there were more rows than are here.
    pub(crate) truncated: bool,
    max_rows: usize,
    bytes: usize,
}

impl Table {
    /// No rows yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] when two columns have one name, since rows are objects.
    pub(crate) fn new(columns: Vec<Column>, max_rows: usize) -> Result<Self, Error> {
        let mut names = BTreeSet::new();
        if let Some(twice) = columns.iter().find(|column| !names.insert(&column.name)) {
            let message = format!("two columns are named {:?}: give one of them another name by `as`", twice.name);
            return Err(Error::Invalid(message));
        }
        Ok(Self { columns, max_rows, ..Self::default() })
    }

    /// Takes a row, unless a limit is reached; then nothing more is to be asked for.
    pub(crate) fn push(&mut self, values: Vec<Value>) -> bool {
        self.bytes += values.iter().map(weight).sum::<usize>();
        self.truncated = self.rows.len() >= self.max_rows || self.bytes > MAX_BYTES;
        if !self.truncated {
            self.rows.push(self.columns.iter().map(|column| column.name.clone()).zip(values).collect());
        }
        !self.truncated
    }
}

/// About how long a value is as JSON.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 3,
        Value::Array(items) => items.iter().map(|item| weight(item) + 1).sum::<usize>() + 2,
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + weight(value) + 4).sum::<usize>() + 2,
    }
}

/// A number, or its digits as text where a reader of JSON may not keep them all.
pub(crate) fn integer(value: i128) -> Value {
    match i64::try_from(value) {
        Ok(small) if small.unsigned_abs() <= MAX_SAFE_INTEGER => small.into(),
        _ => value.to_string().into(),
    }
}

/// The same for a number with a fraction; `NaN` and the infinities are texts.
pub(crate) fn real(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)
}

/// The same for digits as the database wrote them.
pub(crate) fn decimal(text: &str) -> Value {
    let digits = text.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count();
    let number = if digits <= SAFE_DIGITS { text.parse().ok().and_then(Number::from_f64) } else { None };
    match number {
        // Whole numbers stay whole: `3`, not `3.0`.
        Some(_) if !text.contains('.') => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
        Some(number) => Value::Number(number),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_beyond_what_json_keeps_are_texts() {
        assert_eq!(integer(9_007_199_254_740_991), json!(9_007_199_254_740_991_i64));
        assert_eq!(integer(-9_007_199_254_740_992), json!("-9007199254740992"));
        assert_eq!(integer(i128::from(u64::MAX)), json!("18446744073709551615"));
        assert_eq!((decimal("12.50"), decimal("-3"), decimal("0.10")), (json!(12.5), json!(-3), json!(0.1)));
        assert_eq!(decimal("123456789012345.67"), json!("123456789012345.67"));
        assert_eq!((decimal("NaN"), real(f64::INFINITY)), (json!("NaN"), json!("inf")));
    }

    #[test]
    fn rows_end_where_a_limit_is_reached() {
        let column = |name: &str| Column { name: name.to_owned(), ty: "text".to_owned() };
        let mut table = Table::new(vec![column("a")], 2).expect("a table");
        assert!(table.push(vec![json!(1)]) && table.push(vec![json!(2)]) && !table.push(vec![json!(3)]));
        assert_eq!((table.rows.len(), table.truncated), (2, true));
        let mut table = Table::new(vec![column("a")], 9).expect("a table");
        assert!(!table.push(vec![json!("x".repeat(MAX_BYTES))]));
        assert!(Table::new(vec![column("a"), column("a")], 1).is_err());
    }
}
