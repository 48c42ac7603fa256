//! The routes, a module for each thing they are about; what a route reads and answers stands beside it.

pub(crate) mod approvals;
pub(crate) mod dead_letters;
pub(crate) mod docs;
pub(crate) mod executions;
pub(crate) mod health;
pub(crate) mod node_types;
pub(crate) mod workflows;

use serde::Serialize;
use utoipa::ToSchema;
use weir_base::Page;

use crate::problem::{Problem, codes};

/// A slice of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Items<T> {
    /// The items, in the list's order.
    items: Vec<T>,
    /// Continue with `?cursor=` this; `null` on the last page.
    next_cursor: Option<String>,
}

impl<T> Items<T> {
    /// A page with each item in its wire type.
    pub(crate) fn of<D>(page: Page<D>) -> Self
    where
        T: From<D>,
    {
        let next_cursor = page.next.map(|cursor| cursor.as_str().to_owned());
        Self { items: page.items.into_iter().map(T::from).collect(), next_cursor }
    }
}

/// Reads words separated by commas.
pub(crate) fn words<T>(text: Option<&str>) -> Result<Vec<T>, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let words = text.into_iter().flat_map(|text| text.split(',')).map(str::trim).filter(|word| !word.is_empty());
    words.map(word).collect()
}

/// Reads one word of a query or a path.
pub(crate) fn word<T>(text: &str) -> Result<T, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse().map_err(|error: T::Err| Problem::new(codes::QUERY_INVALID, error.to_string()))
}
