//! A page of a list, asked for and shown the same way by every command.

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::Context;
use crate::client::Client;
use crate::failure::Exit;
use crate::output::{self, field};

/// Which slice of a list.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// At most so many, 1 to 200
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Continue after the list that gave this
    #[arg(long)]
    cursor: Option<String>,
}

/// Asks for a page and shows it: as it came, or a table with a row for each item.
pub(crate) async fn show<const N: usize>(
    context: &Context,
    client: &Client,
    path: &[&str],
    page: PageArgs,
    filter: &[(&str, Option<String>)],
    head: [&str; N],
    row: impl Fn(&Value) -> [String; N],
) -> anyhow::Result<Exit> {
    let mut query: Vec<(&str, String)> = vec![("limit", page.limit.to_string())];
    query.extend(page.cursor.map(|cursor| ("cursor", cursor)));
    query.extend(filter.iter().filter_map(|(name, value)| Some((*name, value.clone()?))));
    let found = client.json(client.request(Method::GET, path).query(&query)).await?;
    if context.json {
        output::json(&found);
        return Ok(Exit::Done);
    }
    let items = found["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    output::table(head, items.iter().map(row));
    if let Some(cursor) = found["next_cursor"].as_str() {
        output::note(&format!("there are more: --cursor {cursor}"));
    }
    Ok(Exit::Done)
}

/// A row of these fields.
pub(crate) fn fields<const N: usize>(names: [&'static str; N]) -> impl Fn(&Value) -> [String; N] {
    move |item| names.map(|name| field(item, name))
}

/// Shows what a request was answered with: as it came, or `line` for people.
pub(crate) fn tell(context: &Context, answer: &Value, line: impl FnOnce(&Value) -> String) -> Exit {
    if context.json {
        output::json(answer);
    } else {
        output::line(&line(answer));
    }
    Exit::Done
}
