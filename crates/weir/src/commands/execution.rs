//! `weir execution`: looks at executions and tells them what to do.

mod show;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::Context;
use super::run::finish;
use crate::boot::Purpose;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::follow::{OnInterrupt, Show, follow};
use crate::output;

const GOES_ON: &str = "\
Without a server the execution goes on as long as this command lasts, which is to its end; with one it goes on there, and
--follow waits for its end.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum ExecutionCommand {
    /// List executions, newest first
    List(show::ListArgs),
    /// Show an execution and its nodes
    Show(show::ShowArgs),
    /// Follow an execution to its end; --json prints each event
    Tail(Id),
    /// Cancel an execution, and wait for its end
    Cancel {
        #[command(flatten)]
        id: Id,
        /// Why, for whoever reads the journal
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let an execution begin nothing new until it is resumed
    Pause(Id),
    /// Let a paused execution go on
    #[command(after_help = GOES_ON)]
    Resume(Onward),
    /// Let a failed execution go on from its failed nodes
    #[command(after_help = GOES_ON)]
    Retry(Onward),
    /// Run an ended execution again from a node on, as a new one
    #[command(after_help = GOES_ON)]
    Rerun {
        #[command(flatten)]
        onward: Onward,
        /// The first node that runs anew; what came before keeps its outputs
        #[arg(long, value_name = "NODE")]
        from: String,
        /// Another input: JSON, @FILE, or - for standard input
        #[arg(long, value_name = "JSON")]
        input: Option<String>,
        /// Another version of the workflow
        #[arg(long)]
        version: Option<u32>,
    },
    /// Tell an execution something its nodes wait for
    #[command(after_help = GOES_ON)]
    Signal {
        #[command(flatten)]
        onward: Onward,
        /// The signal's name
        name: String,
        /// What is said: JSON, @FILE, or - for standard input
        #[arg(long, value_name = "JSON", default_value = "null")]
        data: String,
    },
    /// Decide an open approval
    #[command(after_help = GOES_ON)]
    Decide(Decide),
}

/// Which execution.
#[derive(Debug, Args)]
pub(crate) struct Id {
    /// The execution's id
    id: String,
}

/// An execution that goes on.
#[derive(Debug, Args)]
pub(crate) struct Onward {
    /// The execution's id
    id: String,
    /// Wait for the end, showing progress
    #[arg(long)]
    follow: bool,
}

/// A decision.
#[derive(Debug, Args)]
pub(crate) struct Decide {
    #[command(flatten)]
    onward: Onward,
    /// The node that asks, such as ask or each[2]/ask
    path: String,
    /// Say yes
    #[arg(long, required_unless_present = "reject", conflicts_with = "reject")]
    approve: bool,
    /// Say no
    #[arg(long)]
    reject: bool,
    /// What is filled into the form: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON", default_value = "null")]
    data: String,
    /// Why
    #[arg(long)]
    comment: Option<String>,
    /// Who decides
    #[arg(long, env = "USER")]
    by: Option<String>,
}

pub(crate) async fn run(context: &Context, command: ExecutionCommand) -> anyhow::Result<Exit> {
    match command {
        ExecutionCommand::List(args) => show::list(context, args).await,
        ExecutionCommand::Show(args) => show::show(context, args).await,
        ExecutionCommand::Tail(Id { id }) => tail(context, &id).await,
        ExecutionCommand::Cancel { id: Id { id }, reason } => cancel(context, &id, reason).await,
        ExecutionCommand::Pause(Id { id }) => pause(context, &id).await,
        ExecutionCommand::Resume(onward) => go_on(context, onward, &["resume"], json!({})).await,
        ExecutionCommand::Retry(onward) => go_on(context, onward, &["retry"], json!({})).await,
        ExecutionCommand::Rerun { onward, from, input, version } => {
            let input = input.map(|text| super::read_json(&text, "the input")).transpose()?;
            let mut body = json!({"from_node": from, "version": version});
            if let Some(input) = input {
                body["input"] = input;
            }
            go_on(context, onward, &["rerun"], body).await
        }
        ExecutionCommand::Signal { onward, name, data } => {
            let data = super::read_json(&data, "the data")?;
            go_on(context, onward, &["signals", &name], data).await
        }
        ExecutionCommand::Decide(decision) => decide(context, decision).await,
    }
}

async fn tail(context: &Context, id: &str) -> anyhow::Result<Exit> {
    let client = Client::find(context, Purpose::Drive).await?;
    let show = if context.json { Show::Events } else { Show::Progress };
    let followed = follow(&client, id, 0, show, OnInterrupt::Leave).await;
    if context.json {
        // The last event has told the end.
        let exit = match &followed {
            Ok(crate::follow::Followed::Ended(execution)) => crate::follow::exit_of(execution),
            Ok(crate::follow::Followed::Left(asked)) => return Ok(Exit::Signal(asked.number())),
            Err(_) => Exit::Failed,
        };
        client.close().await?;
        return followed.map(|_| exit);
    }
    finish(client, followed, false).await
}

async fn cancel(context: &Context, id: &str, reason: Option<String>) -> anyhow::Result<Exit> {
    let client = Client::find(context, Purpose::Look).await?;
    let followed = async {
        let asked = client.post(&["executions", id, "cancel"], &json!({"reason": reason})).await?;
        let seen = asked["seq"].as_u64().unwrap_or_default();
        follow(&client, id, seen, Show::Nothing, OnInterrupt::Leave).await
    }
    .await;
    let exit = finish(client, followed, context.json).await?;
    // It ended as it was asked to.
    Ok(if exit == Exit::Cancelled { Exit::Done } else { exit })
}

async fn pause(context: &Context, id: &str) -> anyhow::Result<Exit> {
    let client = Client::find(context, Purpose::Look).await?;
    let answer = client.post(&["executions", id, "pause"], &json!({})).await;
    client.close().await?;
    tell(&answer?, context.json);
    Ok(Exit::Done)
}

async fn decide(context: &Context, decision: Decide) -> anyhow::Result<Exit> {
    let data = super::read_json(&decision.data, "the data")?;
    let id = decision.onward.id.clone();
    let client = Client::find(context, Purpose::Drive).await?;
    let request = client.request(Method::GET, &["approvals"]).query(&[("execution_id", id.as_str()), ("limit", "200")]);
    let approval = client.json(request).await.and_then(|list| {
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let found = items.into_iter().find(|item| item["path"] == decision.path.as_str());
        let none = || Failure::failed(format!("no approval was asked for at {} of execution {id}", decision.path));
        Ok(found.ok_or_else(none)?)
    });
    let approval = match approval {
        Ok(approval) => output::field(&approval, "id"),
        Err(error) => {
            client.close().await?;
            return Err(error);
        }
    };
    let body = json!({
        "approved": decision.approve, "data": data, "comment": decision.comment, "by": decision.by,
    });
    let path = ["approvals", approval.as_str(), "decide"];
    send_and_follow(context, client, decision.onward, &path, body).await
}

/// Tells an execution something after which it goes on.
async fn go_on(context: &Context, onward: Onward, path: &[&str], body: Value) -> anyhow::Result<Exit> {
    let client = Client::find(context, Purpose::Drive).await?;
    let id = onward.id.clone();
    let path: Vec<&str> = ["executions", id.as_str()].iter().chain(path).copied().collect();
    send_and_follow(context, client, onward, &path, body).await
}

async fn send_and_follow(
    context: &Context,
    client: Client,
    onward: Onward,
    path: &[&str],
    body: Value,
) -> anyhow::Result<Exit> {
    let follows = onward.follow || client.is_local();
    let sent = async {
        let before = client.get(&["executions", &onward.id]).await?;
        let answer = client.post(path, &body).await?;
        // A re-run is an execution of its own, and shown from its beginning.
        let new = answer["execution_id"].as_str().map(str::to_owned);
        let after = if new.is_some() { 0 } else { before["seq"].as_u64().unwrap_or_default() };
        anyhow::Ok((new.unwrap_or_else(|| onward.id.clone()), after, answer))
    }
    .await;
    let (id, after, answer) = match sent {
        Ok(sent) => sent,
        Err(error) => {
            client.close().await?;
            return Err(error);
        }
    };
    if !follows {
        client.close().await?;
        if answer.is_null() {
            tell(&json!({"id": id, "status": "accepted"}), context.json);
        } else {
            tell(&answer, context.json);
        }
        return Ok(Exit::Done);
    }
    let followed = follow(&client, &id, after, Show::Progress, OnInterrupt::Leave).await;
    finish(client, followed, context.json).await
}

/// The answer to a command: the execution as it is now.
fn tell(answer: &Value, json: bool) {
    if json {
        return output::json(answer);
    }
    let id = answer["id"].as_str().or_else(|| answer["execution_id"].as_str()).unwrap_or_default();
    output::line(&format!("execution {id}: {}", answer["status"].as_str().unwrap_or("accepted")));
}
