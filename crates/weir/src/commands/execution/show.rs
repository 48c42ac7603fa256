//! `weir execution list` and `show`.

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::boot::Purpose;
use crate::client::Client;
use crate::commands::{Context, page, workflow};
use crate::failure::Exit;
use crate::follow::duration_ms;
use crate::output::{self, field};

/// Which executions.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only these statuses, separated by commas
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only those of this workflow, by name or id
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
    #[command(flatten)]
    page: page::PageArgs,
}

/// Which execution.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The execution's id
    id: String,
    /// Only this run of a node, such as fetch or each[12]/parse
    #[arg(long, value_name = "PATH")]
    node: Option<String>,
    /// The nodes of a container's body, such as each[12], instead of the outermost ones
    #[arg(long, value_name = "PATH", conflicts_with = "node")]
    within: Option<String>,
}

pub(super) async fn list(context: &Context, args: ListArgs) -> anyhow::Result<Exit> {
    let client = Client::find(context, Purpose::Look).await?;
    let done = listed(context, &client, args).await;
    client.close().await?;
    done
}

async fn listed(context: &Context, client: &Client, args: ListArgs) -> anyhow::Result<Exit> {
    let workflow = match &args.workflow {
        Some(workflow) => Some(workflow::id_of(client, workflow).await?),
        None => None,
    };
    let filter = [("status", args.status), ("workflow_id", workflow)];
    let head = ["id", "status", "progress", "trigger", "created", "took"];
    page::show(context, client, &["executions"], args.page, &filter, head, |execution| {
        let took = duration_ms(execution).map(|took| format!("{took} ms")).unwrap_or_default();
        let progress = format!("{}%", field(execution, "progress"));
        [
            field(execution, "id"),
            field(execution, "status"),
            progress,
            field(execution, "trigger"),
            field(execution, "created_at"),
            took,
        ]
    })
    .await
}

pub(super) async fn show(context: &Context, args: ShowArgs) -> anyhow::Result<Exit> {
    let client = Client::find(context, Purpose::Look).await?;
    let found = read(&client, &args).await;
    client.close().await?;
    let found = found?;
    if context.json {
        output::json(&found);
    } else if args.node.is_some() {
        output::result(&found);
    } else {
        let execution = &found["execution"];
        output::result(execution);
        let nodes = found["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let rows = nodes.iter().map(|node| {
            let attempts = node["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
            let error = attempts.last().and_then(|attempt| attempt["error"]["message"].as_str()).unwrap_or_default();
            [
                field(node, "path"),
                field(node, "node_type"),
                field(node, "status"),
                attempts.len().to_string(),
                if error.is_empty() { field(node, "output") } else { error.to_owned() },
            ]
        });
        output::line("");
        output::table(["node", "type", "status", "attempts", "output or error"], rows);
    }
    Ok(Exit::Done)
}

async fn read(client: &Client, args: &ShowArgs) -> anyhow::Result<Value> {
    if let Some(node) = &args.node {
        let path: Vec<&str> = ["executions", args.id.as_str(), "nodes"].into_iter().chain(node.split('/')).collect();
        return client.get(&path).await;
    }
    let execution = client.get(&["executions", &args.id]).await?;
    let mut nodes = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", "200".to_owned())];
        query.extend(args.within.clone().map(|within| ("within", within)));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page = client.json(client.request(Method::GET, &["executions", &args.id, "nodes"]).query(&query)).await?;
        nodes.extend(page["items"].as_array().cloned().unwrap_or_default());
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok(json!({"execution": execution, "nodes": nodes}));
        }
    }
}
