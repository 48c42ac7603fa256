//! A value on its way through an execution: in the journal itself, or kept in object storage when it is large.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Values whose JSON text is longer than this go to object storage: 256 KiB.
pub const INLINE_LIMIT: usize = 256 * 1024;

/// A value, or where to find it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// The value itself.
    Inline(Arc<Value>),
    /// JSON text in object storage.
    Stored(Stored),
    /// An array, some element of which is stored.
    Items(Vec<Self>),
    /// An object, some field of which is stored.
    Fields(Vec<(String, Self)>),
}

/// Where a large value lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Key in object storage.
    pub key: String,
    /// Length of the JSON text in bytes.
    pub size: u64,
}

impl Payload {
    /// `null`.
    pub fn null() -> Self {
        Self::Inline(Arc::new(Value::Null))
    }

    /// An array of payloads; inline when all of them are.
    pub fn array(items: Vec<Self>) -> Self {
        if items.iter().all(|item| matches!(item, Self::Inline(_))) {
            Self::from(Value::Array(items.into_iter().filter_map(Self::into_inline).collect()))
        } else {
            Self::Items(items)
        }
    }

    /// An object of payloads; inline when all of them are.
    pub fn object(fields: Vec<(String, Self)>) -> Self {
        if fields.iter().all(|(_, field)| matches!(field, Self::Inline(_))) {
            let inline = fields.into_iter().filter_map(|(name, field)| Some((name, field.into_inline()?)));
            Self::from(Value::Object(inline.collect()))
        } else {
            Self::Fields(fields)
        }
    }

    /// The value, when it is here.
    pub fn as_inline(&self) -> Option<&Arc<Value>> {
        match self {
            Self::Inline(value) => Some(value),
            Self::Stored(_) | Self::Items(_) | Self::Fields(_) => None,
        }
    }

    fn into_inline(self) -> Option<Value> {
        match self {
            Self::Inline(value) => Some(Arc::unwrap_or_clone(value)),
            Self::Stored(_) | Self::Items(_) | Self::Fields(_) => None,
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::null()
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self::Inline(Arc::new(value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn composites_collapse_to_inline_values_unless_a_part_is_stored() {
        let inline = Payload::array(vec![json!(1).into(), json!("b").into()]);
        assert_eq!(inline, Payload::from(json!([1, "b"])));
        let stored = Payload::Stored(Stored { key: "k".into(), size: 300_000 });
        let mixed = Payload::object(vec![("a".into(), json!(1).into()), ("b".into(), stored)]);
        assert!(mixed.as_inline().is_none());
        let text = serde_json::to_string(&mixed).expect("payloads are JSON");
        assert_eq!(serde_json::from_str::<Payload>(&text).expect("and read back"), mixed);
    }
}
