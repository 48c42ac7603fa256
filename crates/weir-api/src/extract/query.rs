//! Query parameters: unknown ones are refused, a repeated one is the same as its values joined by commas.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::de::value::{Error, MapDeserializer};
use serde::de::{IntoDeserializer, Visitor};
use url::form_urlencoded;
use weir_base::{Cursor, MAX_PAGE, PageRequest};

use crate::problem::{Problem, codes};

/// The parameters after the `?`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            match values.iter_mut().find(|(known, _)| *known == name) {
                Some((_, joined)) => {
                    joined.push(',');
                    joined.push_str(&value);
                }
                None => values.push((name.into_owned(), value.into_owned())),
            }
        }
        let pairs = values.iter().map(|(name, value)| (name.as_str(), Text { name, value }));
        T::deserialize(MapDeserializer::<_, Error>::new(pairs))
            .map(Self)
            .map_err(|error| Problem::new(codes::QUERY_INVALID, error.to_string()))
    }
}

/// The value of a parameter, read as whatever is wanted.
struct Text<'q> {
    name: &'q str,
    value: &'q str,
}

impl<'de> IntoDeserializer<'de, Error> for Text<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Text<'_> {
    fn refuse(&self, expected: &str) -> Error {
        let given: String = self.value.chars().take(64).collect();
        serde::de::Error::custom(format_args!("`{}` is {given:?}, expected {expected}", self.name))
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $expected:literal)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.value.parse().map_err(|_| self.refuse($expected))?)
        })*
    };
}

impl<'de> serde::Deserializer<'de> for Text<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.value).map_err(|error: Error| self.refuse(&error.to_string()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let refused = self.refuse(&format!("one of {}", variants.join(", ")));
        IntoDeserializer::<Error>::into_deserializer(self.value)
            .deserialize_enum(name, variants, visitor)
            .map_err(|_| refused)
    }

    parsed! {
        deserialize_u8 visit_u8 "a whole number from 0 to 255"
        deserialize_u32 visit_u32 "a whole number from 0 to 4294967295"
        deserialize_u64 visit_u64 "a whole number, not negative"
        deserialize_bool visit_bool "true or false"
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// Which slice of a list is wanted.
///
/// # Errors
/// The limit is not from 1 to 200.
pub(crate) fn page(limit: Option<u32>, cursor: Option<String>) -> Result<PageRequest, Problem> {
    match limit {
        Some(limit) if !(1..=MAX_PAGE).contains(&limit) => {
            Err(Problem::new(codes::QUERY_INVALID, format!("`limit` is {limit}, expected 1 to {MAX_PAGE}")))
        }
        limit => Ok(PageRequest::new(limit, cursor.map(Cursor::from_client))),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        limit: Option<u32>,
        #[serde(default)]
        status: String,
        id: Option<weir_base::ExecutionId>,
    }

    async fn read(uri: &str) -> Result<Wanted, String> {
        let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        let read = Query::<Wanted>::from_request_parts(&mut parts, &()).await;
        read.map(|Query(wanted)| wanted).map_err(|problem| format!("{problem:?}"))
    }

    #[tokio::test]
    async fn parameters_are_typed_known_and_joined() {
        let wanted = read("/?limit=7&status=a&status=b%2Cc").await.unwrap();
        assert_eq!(wanted, Wanted { limit: Some(7), status: "a,b,c".to_owned(), id: None });
        assert!(read("/?id=01890a5d-ac96-774b-bcce-b302099a8057").await.is_ok());
        for (bad, says) in [
            ("/?limit=x", "`limit` is"),
            ("/?limit=-1", "`limit`"),
            ("/?nope=1", "unknown field `nope`"),
            ("/?id=7", "`id`"),
        ] {
            let problem = read(bad).await.unwrap_err();
            assert!(problem.contains(says), "{bad}: {problem}");
        }
    }
}
