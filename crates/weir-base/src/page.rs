//! Keyset pages: a list is read in slices, each continuing after the last item of the one before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Serialize, de::DeserializeOwned};

/// The most items one page may hold.
pub const MAX_PAGE: u32 = 200;

const DEFAULT_PAGE: u32 = 50;

/// An opaque position in a sorted list: the sort key of the last item seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

/// A cursor that this list never gave out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one that this list gave out; start again without it")]
pub struct InvalidCursor;

impl Cursor {
    /// Takes a cursor as a client sent it back.
    pub fn from_client(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Encodes the sort key of the last item of a page.
    pub fn encode<K: Serialize>(key: &K) -> Self {
        let json = serde_json::to_vec(key).unwrap_or_default();
        Self(URL_SAFE_NO_PAD.encode(json))
    }

    /// The sort key to continue after.
    pub fn decode<K: DeserializeOwned>(&self) -> Result<K, InvalidCursor> {
        let json = URL_SAFE_NO_PAD.decode(&self.0).map_err(|_| InvalidCursor)?;
        serde_json::from_slice(&json).map_err(|_| InvalidCursor)
    }

    /// The text to hand to the client.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which slice of a list is wanted.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// At most this many items, 1 to [`MAX_PAGE`].
    pub limit: u32,
    /// Continue after this position; from the start without it.
    pub cursor: Option<Cursor>,
}

impl PageRequest {
    /// A request with the limit forced into 1 to [`MAX_PAGE`] (50 when not given).
    pub fn new(limit: Option<u32>, cursor: Option<Cursor>) -> Self {
        Self { limit: limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE), cursor }
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::new(None, None)
    }
}

/// A slice of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Cuts `limit + 1` fetched items to a page; the surplus item only proves that there is more.
    pub fn from_surplus<K: Serialize>(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(|last| Cursor::encode(&key(last))) } else { None };
        Self { items, next }
    }

    /// The same page with each item mapped.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_round_trip_and_a_forged_one_is_refused() {
        let cursor = Cursor::encode(&("name", 7));
        assert_eq!(cursor.decode::<(String, u32)>(), Ok(("name".to_owned(), 7)));
        assert_eq!(Cursor::from_client("%%%").decode::<u32>(), Err(InvalidCursor));
    }

    #[test]
    fn a_surplus_item_makes_a_next_cursor_and_is_not_shown() {
        let page = Page::from_surplus(vec![1, 2, 3], 2, |n| *n);
        assert_eq!(page.items, [1, 2]);
        assert_eq!(page.next, Some(Cursor::encode(&2)));
        assert!(Page::from_surplus(vec![1, 2], 2, |n| *n).next.is_none());
    }
}
