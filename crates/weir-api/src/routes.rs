//! The routes, a module for each thing they are about; what a route reads and answers stands beside it.

pub(crate) mod api_keys;
pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod collab;
pub(crate) mod credentials;
pub(crate) mod dead_letters;
mod deliveries;
pub(crate) mod docs;
pub(crate) mod events;
pub(crate) mod executions;
pub(crate) mod health;
pub(crate) mod hooks;
pub(crate) mod members;
pub(crate) mod node_types;
pub(crate) mod notification_rules;
pub(crate) mod triggers;
pub(crate) mod users;
pub(crate) mod variables;
pub(crate) mod webhooks;
pub(crate) mod workflows;
pub(crate) mod workspaces;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_base::{Page, PageRequest};

use crate::extract::page;
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

    /// All there is, each in its wire type.
    pub(crate) fn all<D>(items: Vec<D>) -> Self
    where
        T: From<D>,
    {
        Self { items: items.into_iter().map(T::from).collect(), next_cursor: None }
    }
}

/// Which slice of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// At most so many, 1 to 200; 50 without it.
    limit: Option<u32>,
    /// Continue after the page that gave this.
    cursor: Option<String>,
}

impl PageParams {
    pub(crate) fn read(self) -> Result<PageRequest, Problem> {
        page(self.limit, self.cursor)
    }
}

/// Reads one word of a body, at this place of it.
pub(crate) fn field<T>(pointer: &str, text: &str) -> Result<T, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse().map_err(|error: T::Err| {
        let problem = Problem::new(codes::BODY_INVALID, "the body does not have the expected fields");
        problem.at(pointer, codes::BODY_INVALID.word, error.to_string())
    })
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
