//! Values of any size: small ones stay in the journal, large ones lie in object storage and are fetched when needed.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use weir_base::ExecutionId;
use weir_core::payload::{INLINE_LIMIT, Payload, Stored};
use weir_objects::Objects;

use crate::error::Error;

/// What one value may need in memory at most, as JSON text.
pub const LARGEST_VALUE: usize = 64 * 1024 * 1024;

/// Memory for stored values that were fetched lately, as JSON text.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// Keeps and fetches values.
#[derive(Clone)]
pub struct Values {
    objects: Objects,
    fetched: moka::sync::Cache<String, Arc<Value>>,
}

impl Values {
    /// Values in this object storage.
    pub fn new(objects: Objects) -> Self {
        let weigh = |_: &String, value: &Arc<Value>| u32::try_from(json_size(value, usize::MAX)).unwrap_or(u32::MAX);
        let fetched = moka::sync::Cache::builder().weigher(weigh).max_capacity(CACHE_BYTES).build();
        Self { objects, fetched }
    }

    /// A payload for this value: inline when it is small, else durably stored for this execution.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`LARGEST_VALUE`]; [`Error::Objects`].
    pub async fn keep(&self, execution_id: ExecutionId, value: Arc<Value>) -> Result<Payload, Error> {
        if json_size(&value, INLINE_LIMIT) <= INLINE_LIMIT {
            return Ok(Payload::Inline(value));
        }
        let text = serde_json::to_vec(&*value)
            .map_err(|error| Error::Corrupt { what: "a value".to_owned(), message: error.to_string() })?;
        if text.len() > LARGEST_VALUE {
            return Err(Error::TooLarge { what: "a value".to_owned(), limit: LARGEST_VALUE });
        }
        let hash: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        let key = format!("executions/{execution_id}/values/{hash}.json");
        let size = text.len() as u64;
        self.objects.put(&key, text.into()).await?;
        self.fetched.insert(key.clone(), value);
        Ok(Payload::Stored(Stored { key, size }))
    }

    /// Whether a value is too large for the journal.
    pub(crate) fn is_large(value: &Value) -> bool {
        json_size(value, INLINE_LIMIT) > INLINE_LIMIT
    }

    /// Moves the value behind a payload to object storage when it is too large for the journal.
    ///
    /// # Errors
    /// As [`Self::keep`] and [`Self::load`].
    pub async fn settle(&self, execution_id: ExecutionId, payload: &mut Payload) -> Result<(), Error> {
        let large = match payload {
            Payload::Inline(value) => json_size(value, INLINE_LIMIT) > INLINE_LIMIT,
            Payload::Stored(_) => false,
            Payload::Items(_) | Payload::Fields(_) => true,
        };
        if large {
            let value = self.load(payload).await?;
            *payload = self.keep(execution_id, value).await?;
        }
        Ok(())
    }

    /// The value behind a payload.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`LARGEST_VALUE`] in all; [`Error::Objects`] when a stored part is gone.
    pub async fn load(&self, payload: &Payload) -> Result<Arc<Value>, Error> {
        let mut budget = LARGEST_VALUE;
        self.load_within(payload, &mut budget).await
    }

    fn load_within<'a>(
        &'a self,
        payload: &'a Payload,
        budget: &'a mut usize,
    ) -> BoxFuture<'a, Result<Arc<Value>, Error>> {
        Box::pin(async move {
            match payload {
                Payload::Inline(value) => Ok(Arc::clone(value)),
                Payload::Stored(stored) => {
                    let size = usize::try_from(stored.size).unwrap_or(usize::MAX);
                    let too_large = || Error::TooLarge { what: "the values together".to_owned(), limit: LARGEST_VALUE };
                    *budget = budget.checked_sub(size).ok_or_else(too_large)?;
                    self.fetch(stored).await
                }
                Payload::Items(items) => {
                    let mut values = Vec::with_capacity(items.len());
                    for item in items {
                        values.push(Arc::unwrap_or_clone(self.load_within(item, budget).await?));
                    }
                    Ok(Arc::new(Value::Array(values)))
                }
                Payload::Fields(fields) => {
                    let mut values = Map::new();
                    for (name, field) in fields {
                        let value = self.load_within(field, budget).await?;
                        values.insert(name.clone(), Arc::unwrap_or_clone(value));
                    }
                    Ok(Arc::new(Value::Object(values)))
                }
            }
        })
    }

    async fn fetch(&self, stored: &Stored) -> Result<Arc<Value>, Error> {
        if let Some(value) = self.fetched.get(&stored.key) {
            return Ok(value);
        }
        let text = self.objects.get(&stored.key, LARGEST_VALUE as u64).await?;
        let value: Value = serde_json::from_slice(&text)
            .map_err(|error| Error::Corrupt { what: stored.key.clone(), message: error.to_string() })?;
        let value = Arc::new(value);
        self.fetched.insert(stored.key.clone(), Arc::clone(&value));
        Ok(value)
    }
}

/// The length of a value's JSON text, near enough, without writing it; counting stops above `enough`.
fn json_size(value: &Value, enough: usize) -> usize {
    let mut size = 0_usize;
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        size += match value {
            Value::Null | Value::Bool(_) => 5,
            Value::Number(_) => 8,
            Value::String(text) => text.len() + 3,
            Value::Array(items) => {
                open.extend(items);
                2 + items.len()
            }
            Value::Object(fields) => {
                open.extend(fields.values());
                fields.keys().fold(2, |sum, name| sum + name.len() + 4)
            }
        };
        if size > enough {
            return size;
        }
    }
    size
}
